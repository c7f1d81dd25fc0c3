"""What is to be prepared, how it is read, and what it is identified by."""

import collections
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.cases.case import STORED_FIELDS, Case
from data_prep.dataset.data_folder import FORMAT_VERSION
from data_prep.errors import UserError, VolumeError
from data_prep.files import read_json
from data_prep.nifti import read_mask, read_volume
from data_prep.preprocess_config import PreprocessConfig
from data_prep.splits import SPLITS, UNLABELLED, split_of
from data_prep.volume import Volume

PLAN_FILE = "plan.json"


@dataclasses.dataclass(frozen=True)
class PreparationPlan:
    """All that decides what a data set holds.

    Attributes:
      cases: those to store, each with its split; sorted by split, then by
        volume_id. A case without a mask has the split `unlabelled`, and no
        other case has it.
      preprocess: how slices are made.
      mask_value: the value that stands for WMH in the masks, see `read_mask`.
    """

    cases: tuple[Case, ...]
    preprocess: PreprocessConfig
    mask_value: float | None = None

    @classmethod
    def of(
        cls,
        cases: Iterable[Case],
        split_of_subject: Mapping[str, str],
        preprocess: PreprocessConfig,
        mask_value: float | None = None,
    ) -> "PreparationPlan":
        """Puts every case into its split.

        Args:
          cases: to be stored; in any order, with or without masks.
          split_of_subject: the split of every subject that has a mask.
          preprocess: how slices are made.
          mask_value: see the attribute.

        Raises:
          UserError: no cases, or a volume_id twice.
        """
        placed = [
            dataclasses.replace(case, split=split_of(case, split_of_subject))
            for case in cases
        ]
        if not placed:
            raise UserError("no case is left to prepare")
        ids = collections.Counter(case.volume_id for case in placed)
        twice = sorted(name for name, count in ids.items() if count > 1)
        if twice:
            raise UserError(f"volumes of one name: {', '.join(twice)}")
        splits = order_splits({case.split for case in placed})
        placed.sort(key=lambda case: (splits.index(case.split), case.volume_id))
        return cls(tuple(placed), preprocess, mask_value)

    @property
    def splits(self) -> dict[str, tuple[Case, ...]]:
        """The cases of each split, in order."""
        splits: dict[str, list[Case]] = {}
        for case in self.cases:
            splits.setdefault(case.split, []).append(case)
        return {name: tuple(cases) for name, cases in splits.items()}

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as JSON types, with the paths of its files."""
        return {
            "cases": [case.to_json() for case in self.cases],
            "preprocess": self.preprocess.to_json(),
            "mask_value": self.mask_value,
        }

    @classmethod
    def from_json(
        cls, fields: Mapping[str, Any], folder: str | os.PathLike = ""
    ) -> "PreparationPlan":
        """Makes the plan from what `to_json` gave.

        Args:
          fields: the JSON types.
          folder: what relative paths of images and masks start from.
        """
        cases = [
            _resolve_paths(Case.from_json(case), Path(folder))
            for case in fields["cases"]
        ]
        return cls(
            tuple(cases),
            PreprocessConfig.from_json(fields["preprocess"]),
            fields["mask_value"],
        )


def read_plan(path: str | os.PathLike) -> PreparationPlan:
    """Reads a plan file; its relative paths start from its own folder."""
    return PreparationPlan.from_json(read_json(path), Path(path).parent)


def order_splits(names: Iterable[str]) -> list[str]:
    """Returns split names as they are shown: train first, unlabelled last."""
    names = set(names)
    usual = [name for name in SPLITS if name in names]
    external = sorted(names - set(SPLITS) - {UNLABELLED})
    return usual + external + [UNLABELLED] * (UNLABELLED in names)


def read_case(
    case: Case, channels: Sequence[str], mask_value: float | None = None
) -> tuple[tuple[Volume, ...], Volume | None]:
    """Reads the images of a case, in the order of the channels, and its mask.

    Raises:
      VolumeError: a file is unusable, or a channel is missing.
    """
    paths = dict(case.images)
    missing = [channel for channel in channels if channel not in paths]
    if missing:
        raise VolumeError(f"{case.volume_id}: no {' and no '.join(missing)}")
    images = tuple(read_volume(paths[channel]) for channel in channels)
    mask = None if case.mask is None else read_mask(case.mask, mask_value)
    return images, mask


def plan_identity(
    plan: PreparationPlan,
    digests: Mapping[str, str],
    left_out: Iterable[Sequence[str]] = (),
) -> str:
    """Returns what a prepared data set is identified by.

    The same voxels, ids, splits and preprocessing give the same identity,
    wherever the files lie and whenever it is done.

    Args:
      plan: what is prepared.
      digests: volume_id to the SHA-256 of its files' content.
      left_out: further facts of the records, such as the ids of excluded
        cases with their reasons; in any order.

    Returns:
      64 hexadecimal digits.
    """
    facts = {
        "format_version": FORMAT_VERSION,
        "preprocess": plan.preprocess.to_json(),
        "cases": [
            [getattr(case, name) for name in STORED_FIELDS]
            + [digests[case.volume_id]]
            for case in plan.cases
        ],
        "left_out": sorted(list(fact) for fact in left_out),
    }
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _resolve_paths(case: Case, folder: Path) -> Case:
    return dataclasses.replace(
        case,
        images=tuple((role, str(folder / path)) for role, path in case.images),
        mask=None if case.mask is None else str(folder / case.mask),
    )
