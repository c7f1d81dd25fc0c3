"""Which evaluation a folder holds, and which of its files are its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.errors import UserError
from data_prep.files import nan_to_none, read_json
from wmh_keras.evaluation import layout


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
    summary = folder / layout.SUMMARY_FILE
    if overwrite:
        return
    if summary.exists():
        earlier = read_json(summary)
        if not _is_same(earlier, evaluated):
            raise UserError(
                f"{folder}: holds the results of another evaluation "
                f"({_differences(earlier, evaluated)}); choose another "
                "--output_dir, or replace it with --overwrite"
            )
        return
    foreign = sorted(_present(folder) - own_files(folder))
    if foreign:
        raise UserError(
            f"{folder}: holds {foreign[0]}, but no {layout.SUMMARY_FILE} of an "
            "evaluation; choose another --output_dir, or write beside it (and "
            "replace files of the same name) with --overwrite"
        )


def holds(output_dir: str | os.PathLike, evaluated: Mapping[str, Any]) -> bool:
    """Whether a finished evaluation of just this is there.

    Args:
        output_dir: the folder.
        evaluated: what would be evaluated, as JSON types.
    """
    try:
        earlier = read_json(Path(output_dir) / layout.SUMMARY_FILE)
    except UserError:
        return False
    return _is_same(earlier, evaluated)


def own_files(folder: Path) -> set[str]:
    """Names of what an earlier evaluation, finished or not, put there.

    Args:
        folder: the folder of evaluations.

    Returns:
        Relative POSIX paths of files that are there; empty where there is no
        evaluation.
    """
    own = set()
    for name in (layout.SUMMARY_FILE, layout.JOURNAL_FILE):
        try:
            earlier = read_json(folder / name)
        except UserError:
            continue
        listed = earlier.get("files") if isinstance(earlier, dict) else None
        own |= set(listed if isinstance(listed, dict) else ())
    # A list that was tampered with must not reach anything else.
    return own & _present(folder)


def _is_same(earlier: object, evaluated: Mapping[str, Any]) -> bool:
    return isinstance(earlier, dict) and (
        nan_to_none(dict(evaluated)) == earlier.get("evaluated")
    )


def _present(folder: Path) -> set[str]:
    """Names of files in the places where an evaluation puts its own."""
    tables = (*layout.TABLE_FILES, layout.HISTORY_FILE)
    present = {name for name in tables if (folder / name).exists()}
    for place in (layout.PICTURES_FOLDER, layout.PREDICTIONS_FOLDER):
        present |= {f"{place}/{p.name}" for p in (folder / place).glob("*")}
    return present


def _differences(earlier: object, evaluated: Mapping[str, Any]) -> str:
    before = earlier.get("evaluated") if isinstance(earlier, dict) else None
    if not isinstance(before, dict):
        return "written by another program"
    return "other " + ", ".join(_other_names(before, nan_to_none(evaluated)))


def _other_names(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> list[str]:
    """Names of what differs; of rules, the single ones."""
    names = []
    for name in sorted(set(before) | set(now)):
        first, second = before.get(name), now.get(name)
        both_nested = isinstance(first, dict) and isinstance(second, dict)
        if first != second and both_nested and name in ("rules", "size"):
            names += _other_names(first, second)
        elif first != second:
            names.append(name)
    return names
