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

from data_prep.files import (
    locked_folder,
    nan_to_none,
    remove_temporaries,
    sha256_of,
    temporary_beside,
    write_csv,
    write_json,
)
from data_prep.version import installed_versions
from wmh_keras.evaluation import layout, results
from wmh_keras.evaluation.cohort import CohortSummary
from wmh_keras.evaluation.earlier_results import own_files
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
    names = sorted(name for name in own_files(folder) if name.startswith(start))
    return {name: sha256_of(folder / name) for name in names}


def _move_into_place(
    stage: Path, folder: Path, files: Mapping[str, str]
) -> None:
    earlier = own_files(folder)
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
