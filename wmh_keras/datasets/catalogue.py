"""Catalogue: the volumes that a data folder stores, and choosing of them."""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.messages import listed
from wmh_keras.datasets.volume_records import VolumeRecord


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The volumes of a data folder.

    Attributes:
      data_dir: the folder, for messages.
      split_names: in the order of the card.
      records: all volumes, by split and then by volume_id.
    """

    data_dir: Path
    split_names: tuple[str, ...]
    records: tuple[VolumeRecord, ...]

    def select(
        self, split: str | None, subjects: Collection[str] | None
    ) -> list[VolumeRecord]:
        """Chooses volumes, see `PreparedData.select`."""
        records = self.records
        if split is None:
            records = [record for record in records if record.has_mask]
        else:
            names = self._parse_split(split)
            records = [record for record in records if record.split in names]
        if subjects is not None:
            known = {record.subject_id for record in records}
            unknown = sorted(set(subjects) - known)
            if unknown:
                place = f" in split {split}" if split else " with a reference"
                raise UserError(
                    f"{self.data_dir}: no volume{place} of "
                    f"{len(unknown)} subjects: {listed(unknown)}"
                )
            chosen = set(subjects)
            records = [r for r in records if r.subject_id in chosen]
        if not records:
            raise UserError(f"{self.data_dir}: no volumes are left to use")
        return list(records)

    def check(
        self, records: Sequence[VolumeRecord], *, need_masks: bool
    ) -> None:
        """Checks that volumes are of this folder, and have references.

        Raises:
          UserError: they are not, or have not, or there are none.
        """
        if not records:
            raise UserError(f"{self.data_dir}: no volumes chosen")
        foreign = set(records) - set(self.records)
        if foreign:
            raise UserError(
                f"{self.data_dir}: not a volume of this data set: "
                f"{min(record.volume_id for record in foreign)}"
            )
        bare = [r.volume_id for r in records if not r.has_mask]
        if need_masks and bare:
            raise UserError(
                f"{self.data_dir}: {bare[0]} has no reference, so its slices "
                f"cannot be used for training"
            )

    def splits_of(self, records: Sequence[VolumeRecord]) -> list[str]:
        """Returns the splits that store them, in the order of the card."""
        needed = {record.split for record in records}
        return [split for split in self.split_names if split in needed]

    def are_whole_splits(self, records: Sequence[VolumeRecord]) -> bool:
        """Whether the splits that store them store nothing else."""
        splits = self.splits_of(records)
        stored = [r for r in self.records if r.split in splits]
        return set(stored) == set(records)

    def _parse_split(self, split: str) -> set[str]:
        names = {name.strip() for name in split.split("+")}
        unknown = sorted(names - set(self.split_names))
        if unknown:
            raise UserError(
                f"{self.data_dir}: expected a split of "
                f"{', '.join(self.split_names)} (joined by +), received "
                f"{', '.join(map(repr, unknown))}"
            )
        return names
