"""Checks that records, lists and card of a data set say the same."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.cases.case import STORED_FIELDS
from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.files import read_csv, sha256_of
from data_prep.preprocess_config import PreprocessConfig
from data_prep.splits import UNLABELLED, read_splits
from tfds_wmh.sharing.records import ReadVolume, read_config

Row = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Contents:
    """A data set, read to its last record.

    Attributes:
      card: the data card.
      rows: of the list of cases.
      volumes: config to volume_id to what its records say.
      problems: in words; empty where everything fits.
    """

    card: Mapping[str, Any]
    rows: Sequence[Row]
    volumes: Mapping[str, Mapping[str, ReadVolume]]
    problems: Sequence[str]


def read_contents(folder: Path, configs: Sequence[str]) -> Contents:
    """Reads lists, card and all records, and compares them.

    Args:
      folder: the data folder or pack.
      configs: which of "slices" and "volumes" to read.

    Raises:
      UserError: what has to be there is missing, or cannot be read at all.
    """
    card = data_folder.read_card(folder)
    try:
        PreprocessConfig.from_json(card["preprocess"])
        rows = read_csv(folder / data_folder.CASES_FILE)
        if not stored_rows(rows):
            raise ValueError(f"{data_folder.CASES_FILE} lists no volume")
        problems = [
            *_check_lists(folder, card),
            *_check_splits(read_splits(folder / data_folder.SPLITS_FILE), rows),
            *_check_card(card, rows),
        ]
        volumes = {}
        for config in configs:
            volumes[config], found = read_config(folder, config)
            problems += found
            problems += _check_config(config, volumes[config], rows)
            problems += _check_wmh(config, volumes[config], card)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{folder}: card or lists are not as wmh-prepare writes them "
            f"({type(error).__name__}: {error}); copy the data set again"
        ) from error
    return Contents(card, rows, volumes, problems)


def stored_rows(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows of stored volumes; the left out have no split."""
    return [row for row in rows if row["split"]]


def _check_lists(folder: Path, card: Mapping[str, Any]) -> Iterator[str]:
    for name, expected in card["files"].items():
        if sha256_of(folder / name) != expected:
            yield (
                f"{name}: is not the one that {data_folder.CARD_FILE} "
                "belongs to; put the original back"
            )


def _check_splits(
    splits: Mapping[str, str], rows: Sequence[Row]
) -> Iterator[str]:
    """One split a subject, beside `unlabelled` for its volumes without mask."""
    stored = defaultdict(set)
    for row in stored_rows(rows):
        stored[row["subject_id"]].add(row["split"])
    for subject, names in sorted(stored.items()):
        labelled = names - {UNLABELLED}
        if len(labelled) > 1:
            yield (
                f"{data_folder.CASES_FILE}: {subject} is in two splits: "
                f"{', '.join(sorted(labelled))}"
            )
        elif splits.get(subject) not in (labelled or names):
            yield (
                f"{data_folder.SPLITS_FILE}: {subject} is said to be in "
                f"{splits.get(subject)}, but lies in "
                f"{', '.join(sorted(names))}"
            )
    for subject in sorted(set(splits) - set(stored)):
        yield f"{data_folder.SPLITS_FILE}: {subject} has no stored volume"


def _check_card(card: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    stored = stored_rows(rows)
    names = {row["split"] for row in stored}
    if set(card["splits"]) != names:
        yield (
            f"{data_folder.CARD_FILE}: expected the splits "
            f"{', '.join(sorted(names))} as in {data_folder.CASES_FILE}, "
            f"received {', '.join(sorted(card['splits']))}"
        )
        return
    for name, split in card["splits"].items():
        own = [row for row in stored if row["split"] == name]
        counted = {
            "subjects": len({row["subject_id"] for row in own}),
            "volumes": len(own),
            "slices": sum(int(row["num_slices"]) for row in own),
            "sites": dict(Counter(row["site"] for row in own)),
        }
        for field, expected in counted.items():
            if split[field] != expected:
                yield (
                    f"{data_folder.CARD_FILE}: {name}: says {split[field]} "
                    f"{field}, {data_folder.CASES_FILE} has {expected}"
                )


def _check_config(
    config: str, volumes: Mapping[str, ReadVolume], rows: Sequence[Row]
) -> Iterator[str]:
    """Every stored volume is there, whole, and as the list says."""
    stored = {row["volume_id"]: row for row in stored_rows(rows)}
    for name in sorted(set(stored) - set(volumes)):
        yield f"{config}: {name} is missing"
    for name, volume in sorted(volumes.items()):
        row = stored.get(name)
        if row is None:
            yield (f"{volume.file}: {name} is not in {data_folder.CASES_FILE}")
            continue
        for field in STORED_FIELDS:
            if volume.texts[field] != row[field]:
                yield (
                    f"{volume.file}: {name}: {field} is "
                    f"{volume.texts[field]!r}, {data_folder.CASES_FILE} says "
                    f"{row[field]!r}"
                )
        if volume.split != row["split"]:
            yield f"{volume.file}: {name} belongs to {row['split']}"
        if volume.has_mask != (row["split"] != UNLABELLED):
            yield f"{volume.file}: {name}: has_mask contradicts its split"
        count = int(row["num_slices"])
        expected = list(range(count)) if config == data_folder.SLICES else [0]
        if sorted(volume.positions) != expected or volume.num_slices != count:
            yield (
                f"{volume.file}: {name}: expected {count} slices, each once, "
                f"received {len(volume.positions)} records of "
                f"{volume.num_slices} slices"
            )


def _check_wmh(
    config: str, volumes: Mapping[str, ReadVolume], card: Mapping[str, Any]
) -> Iterator[str]:
    if config != data_folder.SLICES:
        return
    for name, split in card["splits"].items():
        counted = sum(
            volume.slices_with_wmh
            for volume in volumes.values()
            if volume.split == name
        )
        if counted != split["slices_with_wmh"]:
            yield (
                f"{data_folder.CARD_FILE}: {name}: says "
                f"{split['slices_with_wmh']} slices with WMH, the records "
                f"have {counted}"
            )
