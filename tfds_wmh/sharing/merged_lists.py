"""Lists and data card of several packs in one."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.dataset.data_folder import (
    CASES_FILE,
    FORMAT_VERSION,
    SPLITS_FILE,
)
from data_prep.dataset.plan import order_splits
from data_prep.files import sha256_of, write_csv
from data_prep.splits import read_splits, write_splits
from data_prep.version import installed_versions
from tfds_wmh.sharing.site_pack import SitePack

_COUNTS = ("subjects", "volumes", "slices", "slices_with_wmh")
_LESION_COUNTS = ("count", "small", "medium", "large", "volumes_without")


def write_merged_lists(folder: Path, packs: Sequence[SitePack]) -> None:
    """Writes splits.csv and cases.csv of all packs.

    Cases come in the order of the record files: by split, then pack after
    pack; those that were left out follow.

    Args:
      folder: the new data folder.
      packs: in the order of their record files.
    """
    splits: dict[str, str] = {}
    for pack in packs:
        splits |= read_splits(pack.folder / SPLITS_FILE)
    write_splits(folder / SPLITS_FILE, splits)
    columns = dict.fromkeys(
        column for pack in packs for row in pack.rows for column in row
    )
    write_csv(folder / CASES_FILE, tuple(columns), _ordered_rows(packs))


def merge_card(
    folder: Path, packs: Sequence[SitePack], identity: str
) -> dict[str, Any]:
    """Returns the data card of all packs, as JSON types.

    Args:
      folder: the new data folder, with its lists.
      packs: at least one.
      identity: of the merged data set.
    """
    left_out: Counter[str] = Counter()
    for pack in packs:
        left_out.update(pack.card["left_out"])
    return {
        "name": packs[0].card["name"],
        "format_version": FORMAT_VERSION,
        "identity": identity,
        "preprocess": packs[0].card["preprocess"],
        # Of the images that masks were read from: done with, in the records.
        "mask_value": None,
        "choices": {
            "merged_from": [pack.card["identity"] for pack in packs],
            "pseudonymized": True,
        },
        "splits": {
            name: _merge_split(name, packs) for name in _split_names(packs)
        },
        "left_out": dict(sorted(left_out.items())),
        "warnings": sum(pack.card["warnings"] for pack in packs),
        "versions": installed_versions(),
        "times": {},
        "files": {
            name: sha256_of(folder / name) for name in (SPLITS_FILE, CASES_FILE)
        },
    }


def _split_names(packs: Sequence[SitePack]) -> list[str]:
    return order_splits(
        {name for pack in packs for name in pack.card["splits"]}
    )


def _ordered_rows(packs: Sequence[SitePack]) -> Iterator[Mapping[str, str]]:
    for split in [*_split_names(packs), ""]:
        for pack in packs:
            yield from (row for row in pack.rows if row["split"] == split)


def _merge_split(name: str, packs: Sequence[SitePack]) -> dict[str, Any]:
    having = [pack for pack in packs if name in pack.card["splits"]]
    parts = [pack.card["splits"][name] for pack in having]
    rows = [row for pack in having for row in pack.rows if row["split"] == name]
    sites: Counter[str] = Counter()
    for part in parts:
        sites.update(part["sites"])
    spacings = zip(*(row["spacing_mm"].split("x") for row in rows), strict=True)
    return {
        **{field: sum(part[field] for part in parts) for field in _COUNTS},
        "sites": dict(sorted(sites.items())),
        "spacing_mm": {
            axis: [
                min(part["spacing_mm"][axis][0] for part in parts),
                # The list of cases has six digits of each.
                statistics.median(map(float, values)),
                max(part["spacing_mm"][axis][2] for part in parts),
            ]
            for axis, values in zip("xyz", spacings, strict=True)
        },
        "lesions": _merge_lesions(parts, rows),
    }


def _merge_lesions(
    parts: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, str]]
) -> dict[str, Any] | None:
    lesions = [part["lesions"] for part in parts if part["lesions"] is not None]
    if not lesions:
        return None
    volumes = [float(row["wmh_ml"]) for row in rows if row["wmh_ml"]]
    counts = {
        field: sum(own[field] for own in lesions) for field in _LESION_COUNTS
    }
    return {
        **{field: counts[field] for field in _LESION_COUNTS[:4]},
        "median_ml": statistics.median(volumes),
        "total_ml": sum(own["total_ml"] for own in lesions),
        "volumes_without": counts["volumes_without"],
    }
