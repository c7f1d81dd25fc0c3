"""Rows of a table that was written by this package, read and checked."""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from data_prep.errors import UserError
from data_prep.files import read_numbered_csv
from wmh_keras.evaluation.volume_key import KEY_COLUMNS, VolumeKey

Record = TypeVar("Record")


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One line of a table; every error names the file, the line, the column.

    Attributes:
        path: the table.
        line: in the file, from 1.
        fields: column to text.
    """

    path: Path
    line: int
    fields: Mapping[str, str]

    @property
    def key(self) -> VolumeKey:
        """The volume that the row is about."""
        if not self.fields["subject_id"]:
            raise self.error("subject_id", "a subject")
        return VolumeKey(*(self.fields[name] for name in KEY_COLUMNS))

    def number(self, column: str, *, required: bool = True) -> float:
        """A finite number; NaN for an empty field that is not required."""
        text = self.fields[column]
        if not text and not required:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(column, "a number")
        return value

    def integer(self, column: str) -> int:
        """A whole number from 0."""
        text = self.fields[column]
        if not (text.isascii() and text.isdigit()):
            raise self.error(column, "a whole number")
        return int(text)

    def choice(self, column: str, allowed: Sequence[str]) -> str:
        """One of the allowed words."""
        text = self.fields[column]
        if text not in allowed:
            raise self.error(column, " or ".join(map(repr, allowed)))
        return text

    def record(self, kind: type[Record]) -> Record:
        """A dataclass of integers and of numbers that may be empty."""
        return kind(
            **{
                field.name: self.integer(field.name)
                if field.type is int
                else self.number(field.name, required=False)
                for field in dataclasses.fields(kind)
            }
        )

    def error(self, column: str, expected: str) -> UserError:
        """The error of a field that cannot be used."""
        return UserError(
            f"{self.path}, line {self.line}: {column}: expected {expected}, "
            f"received {self.fields[column]!r}; the table is damaged or was "
            "changed: evaluate again"
        )


def read_rows(
    path: str | os.PathLike, columns: Sequence[str]
) -> list[TableRow]:
    """Reads a table.

    Args:
        path: the table.
        columns: those it has to have, in any order; others are passed over.

    Returns:
        The rows; none for a header alone.

    Raises:
        UserError: the file is missing, no table, or lacks columns.
    """
    rows = read_numbered_csv(path)
    missing = [name for name in columns if rows and name not in rows[0][1]]
    if missing:
        raise UserError(
            f"{path}: the columns {', '.join(missing)} are missing; the table "
            "is damaged or of another version: evaluate again"
        )
    return [TableRow(Path(path), line, fields) for line, fields in rows]
