"""Pairs of files: a reference and the prediction for it."""

import dataclasses
import os
from collections import Counter
from pathlib import Path

from data_prep.cases.case import without_prefix
from data_prep.errors import UserError
from data_prep.files import read_numbered_csv
from wmh_keras.evaluation.problems import Problem
from wmh_keras.evaluation.volume_key import VolumeKey

_PAIR_COLUMNS = ("subject_id", "reference", "prediction")
_FURTHER_FILES = ("probability", "flair")
_OPTIONAL_COLUMNS = (*_FURTHER_FILES, "session", "run", "site")


@dataclasses.dataclass(frozen=True)
class Pair:
    """One reference file and the prediction for it.

    Attributes:
        key: who it is.
        reference: mask of the labels 0/1/2.
        prediction: mask of the labels 0/1.
        probability: map from 0 to 1, where there is one.
        flair: the image, where it is known.
    """

    key: VolumeKey
    reference: Path
    prediction: Path
    probability: Path | None = None
    flair: Path | None = None


@dataclasses.dataclass(frozen=True)
class Matching:
    """The pairs that were found, and every file that stayed alone."""

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def read_pairs(path: str | os.PathLike) -> Matching:
    """Reads pairs from a table.

    Args:
        path: CSV with the columns subject_id, reference, prediction, and if
            need be probability, flair, session, run, site. Paths are relative
            to the table's folder.

    Returns:
        The pairs, and a problem for every row without a subject or file, or
        without the probability map (or FLAIR) that other rows have.

    Raises:
        UserError: a column is missing, or a volume is there twice.
    """
    rows = read_numbered_csv(path)
    if not rows:
        raise UserError(f"{path}: expected a row a volume, found none")
    columns = set(rows[0][1])
    missing = [name for name in _PAIR_COLUMNS if name not in columns]
    unknown = sorted(columns - set(_PAIR_COLUMNS) - set(_OPTIONAL_COLUMNS))
    if missing or unknown:
        raise UserError(
            f"{path}: expected the columns {', '.join(_PAIR_COLUMNS)} and if "
            f"need be {', '.join(_OPTIONAL_COLUMNS)}; "
            f"missing: {', '.join(missing) or 'none'}, "
            f"unknown: {', '.join(unknown) or 'none'}"
        )
    filled = [
        name for name in _FURTHER_FILES if any(row.get(name) for _, row in rows)
    ]
    keys = [_key_from(row) for _, row in rows]
    pairs, problems = [], []
    for (line, row), key in zip(rows, keys, strict=True):
        absent = [n for n in (*_PAIR_COLUMNS, *filled) if not row[n]]
        if absent:
            reason = f"{path}, line {line}: no {' and no '.join(absent)}"
            if not set(absent) & set(_PAIR_COLUMNS):
                reason += ", which other rows have"
            problems.append(Problem(str(key), str(path), reason))
        else:
            pairs.append(_pair_from(row, key, Path(path).parent))
    counts = Counter(key.identity for key in keys if key.subject_id)
    for key in keys:
        if counts[key.identity] > 1:
            raise UserError(f"{path}: {key} is there more than once")
    return Matching(tuple(pairs), tuple(problems))


def _key_from(row: dict[str, str]) -> VolumeKey:
    return VolumeKey(
        without_prefix(row["subject_id"], "sub-"),
        without_prefix(row.get("session", ""), "ses-"),
        without_prefix(row.get("run", ""), "run-"),
        row.get("site", ""),
    )


def _pair_from(row: dict[str, str], key: VolumeKey, folder: Path) -> Pair:
    further = {n: folder / row[n] for n in _FURTHER_FILES if row.get(n)}
    return Pair(
        key, folder / row["reference"], folder / row["prediction"], **further
    )
