"""Reads cases from a CSV manifest."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from data_prep.cases.case import (
    METADATA_FIELDS,
    Case,
    clean_label,
    without_prefix,
)
from data_prep.cases.channels import with_channels
from data_prep.errors import UserError
from data_prep.files import read_numbered_csv

REQUIRED_COLUMNS = ("subject_id", "flair")
OPTIONAL_COLUMNS = ("mask", "session", "run", "split", *METADATA_FIELDS)
# Of other recipes; a manifest may serve several of them.
_USUAL_ROLES = ("t1", "t2", "pd")
_DELIMITERS = ",;\t"


def is_manifest(path: Path) -> bool:
    """Tells by its name whether a file is a manifest (.csv or .tsv)."""
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv")


def read_manifest(path: Path, roles: Sequence[str] = ()) -> list[Case]:
    """Reads a manifest: a header line, then one line a volume.

    The columns `subject_id` and `flair` are required, `OPTIONAL_COLUMNS` may
    follow in any order, and so may the roles of further images (t1, …); any
    other is refused, since it may be a misspelt one. Commas, semicolons or
    tabs separate the fields; the text is UTF-8. Relative paths start at the
    manifest's folder. Whether the files exist is for the checks to say.
    `relative_path` starts at the manifest's folder or,
    where a FLAIR lies outside of it, at the deepest folder above them all.

    Args:
      path: the .csv or .tsv file.
      roles: of the further images to take, a column each. A line without one
        says so in the case's `missing`.

    Returns:
      The cases in the file's order.

    Raises:
      UserError: the file cannot be read or has no rows, a role's name is that
        of another column, a required column is
        missing or a column unknown, or rows lack a required value (all of
        them are named).
    """
    numbered = [
        (line, _clean_row(row))
        for line, row in read_numbered_csv(path, delimiter_of(path))
    ]
    rows = [row for _, row in numbered]
    if not rows:
        raise UserError(f"{path}: expected one line a volume, received none")
    _check_columns(path, list(rows[0]), roles)
    incomplete = [
        f"line {line}: {row}"
        for line, row in numbered
        if not all(row[name] for name in REQUIRED_COLUMNS)
    ]
    if incomplete:
        raise UserError(
            f"{path}: expected a {' and a '.join(REQUIRED_COLUMNS)} in every "
            "line, received\n  " + "\n  ".join(incomplete)
        )
    folder = path.absolute().parent
    cases = [_case_of_row(row, folder, roles) for row in rows]
    return _with_relative_paths(cases, folder)


def delimiter_of(path: Path) -> str:
    """Tells by the header line whether commas, semicolons or tabs separate.

    Raises:
      UserError: the file cannot be read.
    """
    # Spreadsheets write semicolons where the comma is the decimal sign.
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            header = next((line for line in stream if line.strip()), "")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return max(_DELIMITERS, key=header.count)


def _clean_row(row: dict[str, str]) -> dict[str, str]:
    return {column.lower(): clean_label(field) for column, field in row.items()}


def _check_columns(
    path: Path, columns: list[str], roles: Sequence[str]
) -> None:
    known = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
    taken = [role for role in roles if role in known]
    if taken:
        raise UserError(
            f"{path}: {', '.join(taken)} cannot be a channel, a manifest's "
            "column of that name is something else; take another name"
        )
    required = (*REQUIRED_COLUMNS, *roles)
    known = (*known, *roles, *_USUAL_ROLES)
    missing = [name for name in required if name not in columns]
    unknown = [name or "(no name)" for name in columns if name not in known]
    faults = []
    if missing:
        faults.append(f"does not have {', '.join(missing)}")
    if unknown:
        faults.append(f"has the unknown {', '.join(unknown)}")
    if faults:
        raise UserError(
            f"{path}: expected the columns {', '.join(required)} and "
            f"any of {', '.join(OPTIONAL_COLUMNS)}; the file "
            f"{' and '.join(faults)}"
        )


def _case_of_row(
    row: dict[str, str], folder: Path, roles: Sequence[str]
) -> Case:
    mask = row.get("mask", "")
    case = Case(
        subject_id=without_prefix(row["subject_id"], "sub-"),
        images=(("flair", _absolute(row["flair"], folder)),),
        session=without_prefix(row.get("session", ""), "ses-"),
        run=without_prefix(row.get("run", ""), "run-"),
        mask=_absolute(mask, folder) if mask else None,
        split=row.get("split", "").lower() or None,
        **{name: row.get(name, "") for name in METADATA_FIELDS},
    )
    return with_channels(
        case,
        roles,
        lambda role: [Path(_absolute(row[role], folder))] if row[role] else [],
        "a path in the manifest's column {role}",
    )


def _with_relative_paths(cases: list[Case], folder: Path) -> list[Case]:
    flairs = [Path(case.flair) for case in cases]
    if not all(flair.is_relative_to(folder) for flair in flairs):
        parents = [str(flair.parent) for flair in flairs]
        folder = Path(os.path.commonpath(parents))
    return [
        dataclasses.replace(
            case, relative_path=Path(case.flair).relative_to(folder).as_posix()
        )
        for case in cases
    ]


def _absolute(text: str, folder: Path) -> str:
    return os.path.normpath(folder / Path(text).expanduser())
