"""Checks a pack, as it was received, to its last voxel."""

import dataclasses
from pathlib import Path
from typing import Any

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from tfds_wmh.sharing.checksums import check_sums, read_sums
from tfds_wmh.sharing.contents import Contents, read_contents
from tfds_wmh.sharing.declaration import all_sites
from tfds_wmh.sharing.layout import (
    CONFIGS,
    SHARED_FILES,
    SUMS_FILE,
    config_files,
    read_share,
)
from tfds_wmh.sharing.scanning import find_identifiers


@dataclasses.dataclass(frozen=True)
class Verified:
    """What a check of a pack gave.

    Attributes:
      problems: in words, each with its file; empty where all is well.
      share: share.json.
      contents: what it holds; None where checksums differ: damaged files are
        not read.
    """

    problems: tuple[str, ...]
    share: dict[str, Any]
    contents: Contents | None


def verify_pack(folder: Path) -> Verified:
    """Checks checksums, counts, features, records, splits and identifiers.

    Args:
      folder: the pack.

    Raises:
      UserError: it is no pack, or cannot be read at all.
    """
    share = read_share(folder)
    sums = read_sums(folder)
    problems = check_sums(folder, sums)
    if problems:
        return Verified(tuple(problems), share, None)
    configs = tuple(name for name in CONFIGS if name in share["configs"])
    expected = {*SHARED_FILES} - {SUMS_FILE}
    for config in configs:
        expected |= {*config_files(folder, config)}
    for path in sorted(expected - set(sums)):
        problems.append(f"{SUMS_FILE}: expected a line for {path}")
    for path in sorted(set(sums) - expected):
        problems.append(f"{path}: is no part of a data set")
    contents = read_contents(folder, configs)
    problems += contents.problems
    problems += _check_share(folder, share, contents.card)
    problems += map(str, find_identifiers(folder, contents, share))
    return Verified(tuple(dict.fromkeys(problems)), share, contents)


def _check_share(
    folder: Path, share: dict[str, Any], card: dict[str, Any]
) -> list[str]:
    try:
        splits = {
            name: {field: card["splits"][name][field] for field in counts}
            for name, counts in share["splits"].items()
        }
        pairs = {
            "identity": (share["identity"], card["identity"]),
            "preprocess": (share["preprocess"], card["preprocess"]),
            "sites": (share["sites"], all_sites(card)),
            "splits": (share["splits"], splits),
            "names of splits": (
                sorted(share["splits"]),
                sorted(card["splits"]),
            ),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder}: share.json is not as `wmh-share pack` writes it "
            f"({type(error).__name__}: {error})"
        ) from error
    return [
        f"share.json: {field}: {here}, {data_folder.CARD_FILE} says {there}"
        for field, (here, there) in pairs.items()
        if here != there
    ]
