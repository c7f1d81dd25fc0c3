"""Validation on whole volumes: what drives the schedule and the choice."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from data_prep.preprocess import (
    PreparedVolume,
    slices_to_volume,
    volume_to_slices,
)
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.metrics import pixel
from wmh_keras.metrics.labels import OTHER_PATHOLOGY
from wmh_keras.process_group import ProcessGroup

# The paper compares models at this threshold, whatever a model stores.
THRESHOLD = 0.5
# Prepared volumes kept from one validation to the next, where they fit.
CACHE_BYTES = 512 << 20
_SMALLEST_PROBABILITY = 1e-7


@dataclasses.dataclass(frozen=True)
class ValidationScores:
    """The scores of one validation.

    Attributes:
      loss: Cross-entropy, mean over the voxels of the prepared slices.
      accuracy: Share of these voxels that are right.
      dice: Mean over subjects of the Dice on the native grid; of a subject
        with several volumes, the mean of theirs.
    """

    loss: float
    accuracy: float
    dice: float


@dataclasses.dataclass(frozen=True)
class _ValidationVolume:
    volume_id: str
    prepared: PreparedVolume
    reference: np.ndarray
    voxel_mm3: float


class VolumeValidation:
    """Predicts whole volumes, as prediction does, and scores them.

    Voxels of label 2 are left out everywhere. Loss and accuracy are on the
    prepared grid, like those of the training; the Dice is on the native grid.
    Several processes predict some of the volumes each, and know all scores.
    """

    def __init__(
        self,
        data: PreparedData,
        records: Sequence[VolumeRecord],
        segmenter: Segmenter,
        group: ProcessGroup | None = None,
    ) -> None:
        """Takes the volumes; they are read when first needed.

        Args:
          data: The prepared data.
          records: Volumes with a reference.
          segmenter: Of the network that is being trained, at THRESHOLD.
          group: The processes that validate together; by default this one.
        """
        self._data = data
        self._group = group or ProcessGroup()
        self._subjects = {r.volume_id: r.subject_id for r in records}
        self._records = records[self._group.index :: self._group.count]
        self._segmenter = segmenter
        config = data.preprocess_config
        # float32 slices, masks on both grids.
        voxel_bytes = 4 * len(config.channels) + 2
        voxels = data.count_slices(self._records) * config.side**2
        self._cache: list[_ValidationVolume] | None = (
            [] if voxels * voxel_bytes <= CACHE_BYTES else None
        )

    def run(
        self, before_each: Callable[[], None] = lambda: None
    ) -> ValidationScores:
        """Predicts and scores every volume.

        Args:
          before_each: Called before each volume; what it raises ends this.
        """
        scores = {}
        for volume in tqdm(
            self._volumes(),
            total=len(self._records),
            desc="validating",
            unit="volume",
            leave=False,
            # Shown in a terminal only.
            disable=None if self._group.is_first else True,
        ):
            before_each()
            scores[volume.volume_id] = self._score(volume)
        for others in self._group.gather(scores):
            scores |= others
        # In one order, so that the sums are the same to the last bit however
        # many processes there are.
        loss_sum, voxels = 0.0, 0
        counts = pixel.PixelCounts(0, 0, 0, 0)
        dice_by_subject = defaultdict(list)
        for volume_id, subject_id in self._subjects.items():
            score = scores[volume_id]
            loss_sum += score["loss"]
            voxels += score["voxels"]
            counts += pixel.PixelCounts(*score["counts"])
            dice_by_subject[subject_id].append(score["dice"])
        return ValidationScores(
            loss=loss_sum / max(voxels, 1),
            accuracy=pixel.accuracy(counts),
            dice=float(np.mean([np.mean(d) for d in dice_by_subject.values()])),
        )

    def _score(self, volume: _ValidationVolume) -> dict[str, Any]:
        """Predicts and scores a volume; gives JSON types."""
        probability = self._segmenter.predict_slices(volume.prepared.slices)
        prepared_mask = volume.prepared.mask
        loss, counted = cross_entropy(prepared_mask, probability)
        counts = pixel.count_pixels(
            prepared_mask, (probability >= THRESHOLD).astype(np.uint8)
        )
        prediction = self._segmenter.mask_from(
            slices_to_volume(probability, volume.prepared.geometry),
            volume.voxel_mm3,
        )
        dice = pixel.dice(pixel.count_pixels(volume.reference, prediction))
        return {
            "loss": loss,
            "voxels": counted,
            "counts": [int(n) for n in dataclasses.astuple(counts)],
            "dice": float(dice),
        }

    def _volumes(self) -> Iterator[_ValidationVolume]:
        if self._cache or not self._records:
            yield from self._cache or ()
            return
        kept = []
        for stored in self._data.read_volumes(self._records):
            volume = _ValidationVolume(
                stored.record.volume_id,
                volume_to_slices(
                    stored.images, self._segmenter.preprocess, stored.mask
                ),
                stored.mask.data,
                stored.images[0].voxel_mm3,
            )
            if self._cache is not None:
                kept.append(volume)
            yield volume
        if self._cache is not None:
            self._cache = kept


def cross_entropy(
    reference: np.ndarray, probability: np.ndarray
) -> tuple[float, int]:
    """Sums the binary cross-entropy over the voxels that count.

    Args:
      reference: Labels 0, 1, 2; voxels of label 2 are left out.
      probability: Of the same shape, 0 to 1; kept 1e-7 away from both ends.

    Returns:
      (sum, number of voxels).
    """
    counted = reference != OTHER_PATHOLOGY
    of_reference = np.where(reference == 1, probability, 1 - probability)
    of_reference = np.maximum(of_reference, _SMALLEST_PROBABILITY)
    losses = -np.log(of_reference[counted], dtype=np.float64)
    return float(losses.sum()), int(counted.sum())
