"""The folder that an evaluation writes.

    EVAL/per_patient.csv   one row a volume; a score that is not defined is ""
    EVAL/summary.json      what was evaluated, and what it amounts to
    EVAL/predictions/      masks and probabilities, where they are asked for

`summary.json` is written last: where it exists, the evaluation is complete.
"""

import dataclasses
import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.errors import UserError
from data_prep.files import nan_to_none, read_json, write_csv, write_json
from data_prep.version import installed_versions
from wmh_keras.evaluation.cohort import CohortSummary
from wmh_keras.evaluation.patient import COLUMNS
from wmh_keras.evaluation.problems import Outcome

PER_PATIENT_FILE = "per_patient.csv"
SUMMARY_FILE = "summary.json"
PREDICTIONS_FOLDER = "predictions"
FORMAT = 1


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
    summary = folder / SUMMARY_FILE
    if overwrite:
        return
    if summary.exists():
        earlier = read_json(summary)
        same = isinstance(earlier, dict) and nan_to_none(
            dict(evaluated)
        ) == earlier.get("evaluated")
        if not same:
            raise UserError(
                f"{folder}: holds the results of another evaluation "
                f"({_differences(earlier, evaluated)}); choose another "
                "--output_dir, or replace it with --overwrite"
            )
    elif not _is_unfinished(folder / PER_PATIENT_FILE):
        raise UserError(
            f"{folder}: holds a {PER_PATIENT_FILE} without {SUMMARY_FILE}; "
            "choose another --output_dir, or replace it with --overwrite"
        )


def _is_unfinished(table: Path) -> bool:
    """Tells a table that a killed evaluation left from another program's."""
    if not table.exists():
        return True
    with open(table, encoding="utf-8", errors="replace") as stream:
        return stream.readline().strip() == ",".join(COLUMNS)


def write_results(
    output_dir: str | os.PathLike,
    outcome: Outcome,
    summary: CohortSummary,
    *,
    evaluated: Mapping[str, Any],
    paths: Mapping[str, str],
) -> None:
    """Writes the table and the summary.

    Args:
        output_dir: the folder, made if need be.
        outcome: results in the order of the rows, what was left out, and
            warnings.
        summary: of the results.
        evaluated: what was evaluated; decides whether two evaluations are
            the same.
        paths: where it was read from; decides nothing.
    """
    folder = Path(output_dir)
    # Old and new must never stand beside each other as one.
    (folder / SUMMARY_FILE).unlink(missing_ok=True)
    write_csv(
        folder / PER_PATIENT_FILE,
        COLUMNS,
        (result.to_row() for result in outcome.results),
    )
    content = {
        "format": FORMAT,
        "evaluated": dict(evaluated),
        "paths": dict(paths),
        **summary.to_json(),
        "skipped": [
            dataclasses.asdict(problem) for problem in outcome.problems
        ],
        "warnings": list(outcome.warnings),
        "versions": installed_versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(
            timespec="seconds"
        ),
    }
    write_json(folder / SUMMARY_FILE, nan_to_none(content))


def _differences(earlier: object, evaluated: Mapping[str, Any]) -> str:
    before = earlier.get("evaluated") if isinstance(earlier, dict) else None
    if not isinstance(before, dict):
        return "written by another program"
    names = sorted(set(before) | set(evaluated))
    return "other " + ", ".join(
        name for name in names if before.get(name) != evaluated.get(name)
    )
