"""Reads the table in which raters wrote their grades."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep.cases.case import clean_label, without_prefix
from data_prep.cases.manifest import delimiter_of
from data_prep.errors import UserError
from data_prep.files import read_numbered_csv

_COLUMNS = ("subject", "rater", "score")
_PER_PATIENT = ("session", "run")
_GRADE = re.compile("[1-4]")


class RatingRow(NamedTuple):
    """A line of the table, as it is written.

    Attributes:
        line: its number in the file, the header being line 1.
        subject: without "sub-".
        rater: a name.
        score: text; "" where the rater gave none.
    """

    line: int
    subject: str
    rater: str
    score: str


def read_rating_rows(
    path: str | os.PathLike,
) -> tuple[list[RatingRow], list[str]]:
    """Reads a table with the columns subject, rater and score.

    The column may be called `subject_id` too. Commas, semicolons or tabs
    separate the fields. Ratings are of patients, so that a column `session`
    or `run` with content is refused. Further columns are left alone.

    Args:
        path: the table.

    Returns:
        The rows in the order of the file, and the names of further columns.

    Raises:
        UserError: not such a table, or without any row.
    """
    numbered = read_numbered_csv(path, delimiter_of(Path(path)))
    if not numbered:
        raise UserError(
            f"{path}: expected one line a patient and rater, received none"
        )
    lines = [(number, _lower(row, path)) for number, row in numbered]
    columns = list(lines[0][1])
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise UserError(
            f"{path}: expected the columns {', '.join(_COLUMNS)}, received "
            f"{', '.join(columns)}: there is no {' and no '.join(missing)}"
        )
    for name in _PER_PATIENT:
        numbers = [number for number, row in lines if row.get(name)]
        if numbers:
            raise UserError(
                f"{path}, line {numbers[0]}: expected one grade a patient and "
                f"rater, received a {name}; leave out the column {name}, and "
                "give each patient one line a rater"
            )
    rows = [
        RatingRow(
            number,
            without_prefix(row["subject"], "sub-"),
            row["rater"],
            row["score"],
        )
        for number, row in lines
    ]
    known = {*_COLUMNS, *_PER_PATIENT}
    return rows, [name for name in columns if name not in known]


def row_faults(rows: Sequence[RatingRow]) -> list[str]:
    """Names what is wrong with rows by themselves.

    Args:
        rows: of a table.

    Returns:
        One sentence a fault, with the line: no patient, no rater, a score
        that is none of 1, 2, 3 and 4, and a patient whom a rater graded
        twice. A missing score is no fault of the row.
    """
    faults = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in rows:
        where = f"line {row.line}: "
        if not row.subject:
            faults.append(where + "no subject")
        if not row.rater:
            faults.append(where + "no rater")
        if row.score and not _GRADE.fullmatch(row.score):
            faults.append(
                where + f"expected a score of 1, 2, 3 or 4, received "
                f"{row.score!r}"
            )
        if row.subject and row.rater:
            key = (row.subject, row.rater)
            if key in first_lines:
                faults.append(
                    where + f"rater {row.rater} graded subject {row.subject} "
                    f"in line {first_lines[key]} already"
                )
            first_lines.setdefault(key, row.line)
    return faults


def unknown_subjects(
    rows: Sequence[RatingRow], known: Sequence[str]
) -> dict[str, str]:
    """Names the rated patients that are not of an evaluation.

    Args:
        rows: of a table.
        known: ids of the evaluation. Ids are text: "12" is not "012".

    Returns:
        By id one sentence, with the lines and, where leading zeros are all
        that differs, the id that may be meant.
    """
    meant: Mapping[str, str] = {id_.lstrip("0"): id_ for id_ in reversed(known)}
    lines: dict[str, list[int]] = {}
    for row in rows:
        if row.subject and row.subject not in known:
            lines.setdefault(row.subject, []).append(row.line)
    sentences = {}
    for subject, numbers in lines.items():
        similar = meant.get(subject.lstrip("0"))
        hint = (
            f" (is {similar} meant? some spreadsheets drop leading zeros)"
            if similar is not None
            else ""
        )
        listed = ", ".join(map(str, numbers))
        sentences[subject] = (
            f"line{'s' if len(numbers) > 1 else ''} {listed}: subject "
            f"{subject} is not in the evaluation{hint}"
        )
    return sentences


def _lower(row: Mapping[str, str], path: str | os.PathLike) -> dict[str, str]:
    lowered = {}
    for column, field in row.items():
        name = column.strip().lower()
        name = "subject" if name == "subject_id" else name
        if name in lowered:
            raise UserError(f"{path}: the column {name} is there twice")
        lowered[name] = clean_label(field)
    return lowered
