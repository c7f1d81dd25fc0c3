"""Writes the folder of an evaluation; `layout` says what is in it.

Everything is written into a hidden folder in it and moved into place when it
is complete, so that an error or an interrupt leaves what was there before.
The summary lists every file with its checksum: those are the evaluation's own,
and only those are ever removed.
"""

import contextlib
import dataclasses
import datetime
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.errors import UserError
from data_prep.files import (
    locked_folder,
    nan_to_none,
    read_json,
    remove_temporaries,
    sha256_of,
    temporary_beside,
    write_csv,
    write_json,
)
from data_prep.version import installed_versions
from wmh_keras.evaluation import layout, results
from wmh_keras.evaluation.cohort import CohortSummary
from wmh_keras.evaluation.problems import Outcome
from wmh_keras.evaluation.rows import (
    class_rows,
    curve_rows,
    lesion_rows,
    patient_rows,
)

_TABLES = (
    (layout.PER_PATIENT_FILE, results.COLUMNS, patient_rows),
    (layout.CLASSES_FILE, results.CLASS_COLUMNS, class_rows),
    (layout.LESIONS_FILE, results.LESION_COLUMNS, lesion_rows),
    (layout.CURVES_FILE, results.CURVE_COLUMNS, curve_rows),
)


def check_place(
    output_dir: str | os.PathLike,
    evaluated: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Checks, before any work, that results can go here.

    The same evaluation may be repeated into the same folder.

    Args:
        output_dir: the folder, made if need be.
        evaluated: what will be evaluated, as JSON types.
        overwrite: allows another evaluation's results to be replaced.

    Raises:
        UserError: it is a file, or holds the results of another evaluation
            or program.
    """
    folder = Path(output_dir)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder, found a file")
    summary = folder / layout.SUMMARY_FILE
    if overwrite:
        return
    if summary.exists():
        earlier = read_json(summary)
        if not _is_same(earlier, evaluated):
            raise UserError(
                f"{folder}: holds the results of another evaluation "
                f"({_differences(earlier, evaluated)}); choose another "
                "--output_dir, or replace it with --overwrite"
            )
        return
    foreign = sorted(_present(folder) - _own_files(folder))
    if foreign:
        raise UserError(
            f"{folder}: holds {foreign[0]}, but no {layout.SUMMARY_FILE} of an "
            "evaluation; choose another --output_dir, or write beside it (and "
            "replace files of the same name) with --overwrite"
        )


def holds(output_dir: str | os.PathLike, evaluated: Mapping[str, Any]) -> bool:
    """Whether a finished evaluation of just this is there.

    Args:
        output_dir: the folder.
        evaluated: what would be evaluated, as JSON types.
    """
    try:
        earlier = read_json(Path(output_dir) / layout.SUMMARY_FILE)
    except UserError:
        return False
    return _is_same(earlier, evaluated)


def _is_same(earlier: object, evaluated: Mapping[str, Any]) -> bool:
    return isinstance(earlier, dict) and (
        nan_to_none(dict(evaluated)) == earlier.get("evaluated")
    )


def _present(folder: Path) -> set[str]:
    """Names of files in the places where an evaluation puts its own."""
    names = (*(table[0] for table in _TABLES), layout.HISTORY_FILE)
    present = {name for name in names if (folder / name).exists()}
    for place in (layout.PICTURES_FOLDER, layout.PREDICTIONS_FOLDER):
        present |= {f"{place}/{p.name}" for p in (folder / place).glob("*")}
    return present


def _own_files(folder: Path) -> set[str]:
    """Names of what an earlier evaluation, finished or not, put there."""
    own = set()
    for name in (layout.SUMMARY_FILE, layout.JOURNAL_FILE):
        try:
            earlier = read_json(folder / name)
        except UserError:
            continue
        listed = earlier.get("files") if isinstance(earlier, dict) else None
        own |= set(listed if isinstance(listed, dict) else ())
    # A list that was tampered with must not reach anything else.
    return own & _present(folder)


@contextlib.contextmanager
def staging_folder(output_dir: str | os.PathLike) -> Iterator[Path]:
    """Yields a folder for results that are not complete yet.

    It lies in the output folder and is gone afterwards; so is the output
    folder, where it was made for this and nothing was moved into it.

    Raises:
        UserError: another process writes its results there.
    """
    folder = Path(output_dir)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with locked_folder(folder, "another wmh-evaluate writes here"):
            remove_temporaries(folder)
            stage = temporary_beside(folder / "stage")
            stage.mkdir()
            try:
                yield stage
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):  # the first that is not empty
            for path in made:
                path.rmdir()


def write_results(
    output_dir: str | os.PathLike,
    stage: Path,
    outcome: Outcome,
    summary: CohortSummary,
    *,
    evaluated: Mapping[str, Any],
    paths: Mapping[str, str],
    computing: Mapping[str, str],
    history: Path | None = None,
    keep_predictions: bool = False,
    model_of: Mapping[str, str] | None = None,
) -> None:
    """Completes the stage and moves it into place.

    Args:
        output_dir: the folder.
        stage: from `staging_folder`; may hold pictures and predictions.
        outcome: results in the order of the rows, what was left out,
            warnings and the names of the pictures.
        summary: of the results.
        evaluated: what was evaluated; decides whether two evaluations are
            the same.
        paths: where it was read from; decides nothing.
        computing: engine and precision of the networks, if any; decides
            nothing, see `evaluated_models.describe_computing`.
        history: table of the model's training, which is copied.
        keep_predictions: leaves predictions of the same evaluation where the
            stage has none.
        model_of: name of the model by subject, where several took part; it
            becomes the last column of per_patient.csv.
    """
    for name, columns, rows_of in _TABLES:
        rows = (row for result in outcome.results for row in rows_of(result))
        if name == layout.PER_PATIENT_FILE and model_of is not None:
            columns = (*columns, layout.MODEL_COLUMN)
            rows = (
                {**row, layout.MODEL_COLUMN: model_of[row["subject_id"]]}
                for row in rows
            )
        write_csv(stage / name, columns, rows)
    if history is not None:
        shutil.copyfile(history, stage / layout.HISTORY_FILE)
    content = {
        "format": layout.FORMAT,
        "evaluated": dict(evaluated),
        "paths": dict(paths),
        **computing,
        **summary.to_json(),
        "skipped": [
            dataclasses.asdict(problem) for problem in outcome.problems
        ],
        "warnings": list(outcome.warnings),
        "pictures": {
            "/".join(identity): name
            for identity, name in outcome.pictures.items()
        },
        "files": _checksums(stage),
        "versions": installed_versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(
            timespec="seconds"
        ),
    }
    folder = Path(output_dir)
    if keep_predictions and not (stage / layout.PREDICTIONS_FOLDER).exists():
        content["files"] |= _kept_predictions(folder)
    write_json(stage / layout.SUMMARY_FILE, nan_to_none(content))
    _move_into_place(stage, folder, content["files"])


def _checksums(stage: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its relative path."""
    files = sorted(path for path in stage.rglob("*") if path.is_file())
    return {
        path.relative_to(stage).as_posix(): sha256_of(path) for path in files
    }


def _kept_predictions(folder: Path) -> dict[str, str]:
    start = f"{layout.PREDICTIONS_FOLDER}/"
    names = sorted(
        name for name in _own_files(folder) if name.startswith(start)
    )
    return {name: sha256_of(folder / name) for name in names}


def _move_into_place(
    stage: Path, folder: Path, files: Mapping[str, str]
) -> None:
    earlier = _own_files(folder)
    # Old and new must never stand beside each other as one. Whatever stops
    # this, the journal says what is an evaluation's own.
    journal = {"files": dict.fromkeys(sorted(earlier | set(files)), "")}
    write_json(folder / layout.JOURNAL_FILE, journal)
    (folder / layout.SUMMARY_FILE).unlink(missing_ok=True)
    for name in earlier - set(files):
        (folder / name).unlink(missing_ok=True)
    for name in files:
        if (stage / name).exists():  # else it is kept
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(stage / name, folder / name)
    for name in (layout.PICTURES_FOLDER, layout.PREDICTIONS_FOLDER):
        with contextlib.suppress(OSError):  # it is missing, or not empty
            (folder / name).rmdir()
    os.replace(stage / layout.SUMMARY_FILE, folder / layout.SUMMARY_FILE)
    (folder / layout.JOURNAL_FILE).unlink()


def _differences(earlier: object, evaluated: Mapping[str, Any]) -> str:
    before = earlier.get("evaluated") if isinstance(earlier, dict) else None
    if not isinstance(before, dict):
        return "written by another program"
    return "other " + ", ".join(_other_names(before, nan_to_none(evaluated)))


def _other_names(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> list[str]:
    """Names of what differs; of rules, the single ones."""
    names = []
    for name in sorted(set(before) | set(now)):
        first, second = before.get(name), now.get(name)
        both_nested = isinstance(first, dict) and isinstance(second, dict)
        if first != second and both_nested and name in ("rules", "size"):
            names += _other_names(first, second)
        elif first != second:
            names.append(name)
    return names
