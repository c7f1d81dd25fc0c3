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
        The pairs, and a problem for every row without a probability map (or
        FLAIR) in a table where others have one.

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
    problems = {
        pair.key.identity: _find_missing(pair, pairs, path) for pair in pairs
    }
    return Matching(
        tuple(p for p in pairs if problems[p.key.identity] is None),
        tuple(problem for problem in problems.values() if problem),
    )


def _find_missing(
    pair: Pair, pairs: list[Pair], path: str | os.PathLike
) -> Problem | None:
    """A score or picture for some only would be compared with that of all."""
    missing = [
        name
        for name in _FURTHER_FILES
        if getattr(pair, name) is None
        and any(getattr(other, name) is not None for other in pairs)
    ]
    if not missing:
        return None
    return Problem(
        str(pair.key),
        str(path),
        f"{pair.key}: no {' and no '.join(missing)}, which other rows have: "
        "fill in the column, or leave it empty everywhere",
    )


def _pair_from(
    row: dict[str, str], folder: Path, path: str | os.PathLike
) -> Pair:
    for name in _PAIR_COLUMNS:
        if not row[name]:
            raise UserError(f"{path}: a row without {name}: {row}")
    further = {name: row.get(name, "") for name in _FURTHER_FILES}
    return Pair(
        VolumeKey(
            without_prefix(row["subject_id"], "sub-"),
            without_prefix(row.get("session", ""), "ses-"),
            without_prefix(row.get("run", ""), "run-"),
            row.get("site", ""),
        ),
        folder / row["reference"],
        folder / row["prediction"],
        **{name: folder / file for name, file in further.items() if file},
    )
