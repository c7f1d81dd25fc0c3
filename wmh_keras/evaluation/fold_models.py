"""Which model of a cross-validation is for which subject."""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.files import read_numbered_csv, write_csv
from wmh_keras.datasets import read_subjects
from wmh_keras.inference.ensemble import MaskSettings

COLUMNS = ("subject_id", "model")
# Beside a table: who every model was fitted to, and none is to predict.
FIT_ONLY_FILE = "fit_only.txt"
# Where each model has its own; both or none.
SETTING_COLUMNS = tuple(f.name for f in dataclasses.fields(MaskSettings))


@dataclasses.dataclass(frozen=True)
class FoldModel:
    """The model of one fold, and the subjects that it predicts.

    Attributes:
        name: what tables call it: the last part of its path, or where several
            end alike the path as it was given.
        model: work folder or model folder.
        subjects: who it is for, in the order of the table.
        settings: those of this model's masks, where the table has them.
    """

    name: str
    model: Path
    subjects: tuple[str, ...]
    settings: MaskSettings | None = None


def read_fold_models(path: str | os.PathLike) -> tuple[FoldModel, ...]:
    """Reads a table with a line for each subject.

    Args:
        path: CSV with the columns subject_id and model, and for settings of
            each model's own threshold and min_lesion_mm3; others are passed
            over. Paths are relative to the table.

    Returns:
        The models in the order in which they come first.

    Raises:
        UserError: unreadable, without a row or a column, an empty field, a
            subject with two lines or one that is only to be fitted, or a
            model with two settings; names the line.
    """
    path = Path(path)
    subjects_of: dict[str, list[str]] = {}
    settings_of: dict[str, MaskSettings | None] = {}
    seen: set[str] = set()
    fit_only = read_fit_only(path)
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
        if subject in fit_only:
            raise UserError(
                f"{path}, line {line}: {subject} is only to be fitted, as "
                f"{path.with_name(FIT_ONLY_FILE)} says, and cannot be predicted"
            )
        seen.add(subject)
        subjects_of.setdefault(row["model"], []).append(subject)
        settings = _settings_from(row, f"{path}, line {line}")
        if settings_of.setdefault(row["model"], settings) != settings:
            raise UserError(
                f"{path}, line {line}: expected the threshold and "
                f"min_lesion_mm3 of the lines of {row['model']} before"
            )
    if not subjects_of:
        raise UserError(f"{path}: expected a line for each subject, found none")
    ends = Counter(Path(text).name for text in subjects_of)
    return tuple(
        FoldModel(
            name=text if ends[Path(text).name] > 1 else Path(text).name,
            model=path.parent / Path(text).expanduser(),
            subjects=tuple(subjects),
            settings=settings_of[text],
        )
        for text, subjects in subjects_of.items()
    )


def read_fit_only(table: str | os.PathLike) -> frozenset[str]:
    """Reads who all models of a table were fitted to, and none predicts.

    Args:
        table: beside which the list is; without a list there is nobody.

    Raises:
        UserError: a list that cannot be read.
    """
    path = Path(table).with_name(FIT_ONLY_FILE)
    return frozenset(read_subjects(path) if path.exists() else ())


def write_fold_models(
    path: str | os.PathLike, models: Sequence[FoldModel]
) -> None:
    """Writes what `read_fold_models` reads, paths relative to the table.

    Args:
        path: the table.
        models: with settings each, or none of them; names are not written.
    """
    folder = Path(path).parent
    columns = COLUMNS
    if any(model.settings for model in models):
        columns += SETTING_COLUMNS
    rows = (
        {
            "subject_id": subject,
            "model": os.path.relpath(model.model, folder),
            **(dataclasses.asdict(model.settings) if model.settings else {}),
        }
        for model in models
        for subject in model.subjects
    )
    write_csv(path, columns, rows)


def _settings_from(row: Mapping[str, str], place: str) -> MaskSettings | None:
    present = [name for name in SETTING_COLUMNS if name in row]
    if not present:
        return None
    try:
        return MaskSettings(*(float(row[name]) for name in SETTING_COLUMNS))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{place}: expected numbers in both of the columns "
            f"{' and '.join(SETTING_COLUMNS)}, or neither column"
        ) from error
