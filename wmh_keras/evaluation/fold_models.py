"""Which model of a cross-validation is for which subject."""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.files import read_numbered_csv, write_csv

COLUMNS = ("subject_id", "model")


@dataclasses.dataclass(frozen=True)
class FoldModel:
    """The model of one fold, and the subjects that it predicts.

    Attributes:
        name: what tables call it: the last part of its path, or where several
            end alike the path as it was given.
        model: work folder or model folder.
        subjects: who it is for, in the order of the table.
    """

    name: str
    model: Path
    subjects: tuple[str, ...]


def read_fold_models(path: str | os.PathLike) -> tuple[FoldModel, ...]:
    """Reads a table with a line for each subject.

    Args:
        path: CSV with the columns subject_id and model; others are passed
            over. Paths are relative to the table.

    Returns:
        The models in the order in which they come first.

    Raises:
        UserError: unreadable, without a row or a column, an empty field, or a
            subject with two lines; names the line.
    """
    path = Path(path)
    subjects_of: dict[str, list[str]] = {}
    seen: set[str] = set()
    for line, row in read_numbered_csv(path):
        missing = [name for name in COLUMNS if not row.get(name)]
        if missing:
            raise UserError(
                f"{path}, line {line}: expected the columns "
                f"{', '.join(COLUMNS)}, found no {missing[0]}"
            )
        subject = row["subject_id"].removeprefix("sub-")
        if subject in seen:
            raise UserError(
                f"{path}, line {line}: expected one line for each subject, "
                f"{subject} has two"
            )
        seen.add(subject)
        subjects_of.setdefault(row["model"], []).append(subject)
    if not subjects_of:
        raise UserError(f"{path}: expected a line for each subject, found none")
    ends = Counter(Path(text).name for text in subjects_of)
    return tuple(
        FoldModel(
            name=text if ends[Path(text).name] > 1 else Path(text).name,
            model=path.parent / Path(text).expanduser(),
            subjects=tuple(subjects),
        )
        for text, subjects in subjects_of.items()
    )


def write_fold_models(
    path: str | os.PathLike, models: Sequence[tuple[Path, Sequence[str]]]
) -> None:
    """Writes what `read_fold_models` reads, paths relative to the table.

    Args:
        path: the table.
        models: each with its subjects.
    """
    folder = Path(path).parent
    rows = (
        {"subject_id": subject, "model": os.path.relpath(model, folder)}
        for model, subjects in models
        for subject in subjects
    )
    write_csv(path, COLUMNS, rows)
