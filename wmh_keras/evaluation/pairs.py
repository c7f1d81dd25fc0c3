"""Pairs of files: a reference and the prediction for it."""

import dataclasses
import os
from collections import Counter
from pathlib import Path

from data_prep.cases.case import without_prefix
from data_prep.errors import UserError
from data_prep.files import read_csv
from wmh_keras.evaluation.problems import Problem
from wmh_keras.evaluation.volume_key import VolumeKey

_PAIR_COLUMNS = ("subject_id", "reference", "prediction")
_OPTIONAL_COLUMNS = ("probability", "session", "run", "site")


@dataclasses.dataclass(frozen=True)
class Pair:
    """One reference file and the prediction for it."""

    key: VolumeKey
    reference: Path
    prediction: Path
    probability: Path | None = None


@dataclasses.dataclass(frozen=True)
class Matching:
    """The pairs that were found, and every file that stayed alone."""

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def read_pairs(path: str | os.PathLike) -> Matching:
    """Reads pairs from a table.

    Args:
        path: CSV with the columns subject_id, reference, prediction, and if
            need be probability, session, run, site. Paths are relative to
            the table's folder.

    Raises:
        UserError: a column or field is missing, or a row is there twice.
    """
    rows = read_csv(path)
    if not rows:
        raise UserError(f"{path}: expected a row a volume, found none")
    columns = set(rows[0])
    missing = [name for name in _PAIR_COLUMNS if name not in columns]
    unknown = sorted(columns - set(_PAIR_COLUMNS) - set(_OPTIONAL_COLUMNS))
    if missing or unknown:
        raise UserError(
            f"{path}: expected the columns {', '.join(_PAIR_COLUMNS)} and if "
            f"need be {', '.join(_OPTIONAL_COLUMNS)}; "
            f"missing: {', '.join(missing) or 'none'}, "
            f"unknown: {', '.join(unknown) or 'none'}"
        )
    folder = Path(path).parent
    pairs = [_pair_from(row, folder, path) for row in rows]
    counts = Counter(pair.key.identity for pair in pairs)
    for pair in pairs:
        if counts[pair.key.identity] > 1:
            raise UserError(f"{path}: {pair.key} is there more than once")
    return Matching(tuple(pairs), ())


def _pair_from(
    row: dict[str, str], folder: Path, path: str | os.PathLike
) -> Pair:
    for name in _PAIR_COLUMNS:
        if not row[name]:
            raise UserError(f"{path}: a row without {name}: {row}")
    probability = row.get("probability", "")
    return Pair(
        VolumeKey(
            without_prefix(row["subject_id"], "sub-"),
            without_prefix(row.get("session", ""), "ses-"),
            without_prefix(row.get("run", ""), "run-"),
            row.get("site", ""),
        ),
        folder / row["reference"],
        folder / row["prediction"],
        folder / probability if probability else None,
    )
