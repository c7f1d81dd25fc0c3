"""Labels of heads without manual masks, as far as a model is sure of them.

Self-training: what a model says of scans that nobody has drawn teaches the next
one. Lee, Pseudo-Label, ICML Workshop 2013; Xie et al., Self-training with Noisy
Student, CVPR 2020, whose student sees the images harder than its teacher did.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.brain_region import IGNORED
from data_prep.errors import UsageError, UserError, VolumeError
from data_prep.messages import listed
from data_prep.nifti import read_probability
from data_prep.split_names import UNLABELLED
from data_prep.subject_digest import subjects_among
from data_prep.volume import Volume, check_same_grid

LESION = 1
# What wmh-predict writes beside every scan's maps.
_RECORD_ENDING = "_prediction.json"


@dataclasses.dataclass(frozen=True)
class PredictedLabels:
    """Where a model is sure enough of a lesion, or of none.

    Attributes:
      folder: that wmh-predict wrote the probabilities of the heads into.
      lesion_from: probability from which on a voxel is a lesion, above 0 and at
        most 1.
      tissue_below: probability below which it is none, at most that.

    Raises:
      UsageError: one of the two is out of its range.
      UserError: there are no records of predictions in the folder, a damaged
        one, or those of several models.
    """

    folder: Path
    lesion_from: float = 0.5
    tissue_below: float = 0.1

    def __post_init__(self) -> None:
        # Written so that NaN, which lies in no range, fails.
        if not 0 < self.lesion_from <= 1:
            raise UsageError(
                "--lesion_from: expected above 0 and at most 1, received "
                f"{self.lesion_from:g}"
            )
        if not 0 <= self.tissue_below <= self.lesion_from:
            raise UsageError(
                "--tissue_below: expected 0 to --lesion_from "
                f"({self.lesion_from:g}), received {self.tissue_below:g}"
            )
        if not self.folder.is_dir():
            received = "a file" if self.folder.exists() else "none"
            raise UserError(
                f"--predictions={self.folder}: expected the output folder of "
                f"wmh-predict, received {received}"
            )
        if len(self._models) != 1:
            received = ", ".join(sorted(self._models)) or "none"
            raise UserError(
                f"--predictions={self.folder}: expected an output folder of "
                f"wmh-predict with records *{_RECORD_ENDING} of one model, "
                f"received {received}"
            )

    def __str__(self) -> str:
        """What the labels are made by, as the output's description says."""
        (model,) = self._models
        return (
            f"model {model}: 1 from probability {self.lesion_from:g} on, 0 "
            f"below {self.tissue_below:g}"
        )

    def apply(
        self, image: str, flair: Volume, labels: np.ndarray
    ) -> np.ndarray:
        """Decides what is ignored, as far as the model is sure.

        Args:
          image: SHA-256 of the head's file.
          flair: what it holds.
          labels: uint8 (x, y, z) from `partial_labels`. What is 0 there stays
            0, whatever the model says.

        Returns:
          uint8 (x, y, z) of 0, 1 and `IGNORED`.

        Raises:
          VolumeError: the model has not predicted this very image, or its
            probabilities cannot be used.
        """
        path = self._maps.get(image)
        if path is None:
            raise VolumeError(
                f"{self.folder} has no prediction of this image as it is; run "
                "wmh-predict on the same heads"
            )
        probability = read_probability(path)
        try:
            check_same_grid(probability, flair)
        except VolumeError as error:
            raise VolumeError(f"{path}: {error}") from error
        decided = np.select(
            [
                probability.data >= self.lesion_from,
                probability.data < self.tissue_below,
            ],
            [LESION, 0],
            IGNORED,
        )
        return np.where(labels == IGNORED, decided, labels).astype(np.uint8)

    def warn_of_seen(self, splits: Mapping[str, str]) -> str | None:
        """Warns where subjects that taught the model are to test the next one.

        Args:
          splits: subject_id to split, of the labelled study.

        Returns:
          A warning, also where the records do not say whom the model has
          seen; None where it has seen none of those that validate or test.
        """
        taught = ("train", UNLABELLED)
        kept = [name for name, split in splits.items() if split not in taught]
        if not kept:
            return None
        seen = {record.seen for record in self._records}
        if None in seen:
            return (
                f"records in {self.folder} do not say whom their model has "
                "seen, as those of wmh-client and of earlier versions: make "
                "sure that it was none of those who validate or test here "
                "(wmh-predict --overwrite makes records that say it)"
            )
        subjects = subjects_among(frozenset().union(*seen), kept)
        if not subjects:
            return None
        return (
            f"the model of {self.folder} has seen subjects that validate or "
            f"test here: {listed(subjects, 5)}. Unless other people bear these "
            "ids, what learns from its labels has scores on them that are too "
            "good; predict the heads with a model that has not seen them"
        )

    @functools.cached_property
    def _maps(self) -> dict[str, Path]:
        """The maps, by the image: its name may occur in several folders."""
        return {record.image: record.map for record in self._records}

    @functools.cached_property
    def _models(self) -> set[str]:
        return {record.model for record in self._records}

    @functools.cached_property
    def _records(self) -> list["_Record"]:
        """The records of scans that were segmented."""
        read = map(_read_record, _find_records(self.folder))
        return [record for record in read if record is not None]


class _Record(NamedTuple):
    """A prediction.

    Attributes:
      image: SHA-256 of the image that was predicted.
      map: its probabilities.
      model: what predicted it.
      seen: digests of subjects that this had seen; None where the record does
        not say, as those of earlier versions and of served models.
    """

    image: str
    map: Path
    model: str
    seen: frozenset[str] | None


def _read_record(path: Path) -> _Record | None:
    """Reads what wmh-predict wrote; None where it could not segment."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["status"] != "done":
            return None
        row = record["row"]
        return _Record(
            str(record["input_sha256"]),
            path.parent / record["files"]["probability"],
            f"{record['settings']['model']} "
            f"({row['model_checksum']}, {row['precision']})",
            _read_digests(record.get("seen_subjects")),
        )
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
    ) as error:
        raise UserError(
            f"{path}: expected the record of a prediction, received a "
            f"damaged file ({error}); predict this scan anew"
        ) from error


def _read_digests(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        isinstance(text, str) for text in value
    ):
        raise TypeError("seen_subjects: expected a list of texts")
    return _shared(tuple(value))


# One set for all records of a run, of which there may be thousands.
_shared = functools.lru_cache(maxsize=8)(frozenset)


def _find_records(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if name.endswith(_RECORD_ENDING):
                yield Path(place, name)
