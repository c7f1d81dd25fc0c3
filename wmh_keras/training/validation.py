"""Validation on whole volumes: what drives the schedule and the choice."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence

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

# The paper compares models at this threshold, whatever a model stores.
THRESHOLD = 0.5
# Prepared volumes kept from one validation to the next, where they fit.
CACHE_BYTES = 512 << 20
_SMALLEST_PROBABILITY = 1e-7
_OTHER_PATHOLOGY = 2


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
    subject_id: str
    prepared: PreparedVolume
    reference: np.ndarray
    voxel_mm3: float


class VolumeValidation:
    """Predicts whole volumes, as prediction does, and scores them.

    Voxels of label 2 are left out everywhere. Loss and accuracy are on the
    prepared grid, like those of the training; the Dice is on the native grid.
    """

    def __init__(
        self,
        data: PreparedData,
        records: Sequence[VolumeRecord],
        segmenter: Segmenter,
    ) -> None:
        """Takes the volumes; they are read when first needed.

        Args:
          data: The prepared data.
          records: Volumes with a reference.
          segmenter: Of the network that is being trained, at THRESHOLD.
        """
        self._data = data
        self._records = records
        self._segmenter = segmenter
        config = data.preprocess_config
        # float32 slices, masks on both grids.
        voxel_bytes = 4 * len(config.channels) + 2
        voxels = data.count_slices(records) * config.side**2
        self._cache: list[_ValidationVolume] | None = (
            [] if voxels * voxel_bytes <= CACHE_BYTES else None
        )

    def run(self) -> ValidationScores:
        """Predicts and scores every volume."""
        dice_by_subject = defaultdict(list)
        loss_sum, voxels = 0.0, 0
        counts = pixel.PixelCounts(0, 0, 0, 0)
        for volume in tqdm(
            self._volumes(),
            total=len(self._records),
            desc="validating",
            unit="volume",
            leave=False,
            disable=None,  # shown in a terminal only
        ):
            probability = self._segmenter.predict_slices(volume.prepared.slices)
            prepared_mask = volume.prepared.mask
            loss, counted = cross_entropy(prepared_mask, probability)
            loss_sum, voxels = loss_sum + loss, voxels + counted
            counts += pixel.count_pixels(
                prepared_mask, (probability >= THRESHOLD).astype(np.uint8)
            )
            prediction = self._segmenter.mask_from(
                slices_to_volume(probability, volume.prepared.geometry),
                volume.voxel_mm3,
            )
            dice_by_subject[volume.subject_id].append(
                pixel.dice(pixel.count_pixels(volume.reference, prediction))
            )
        return ValidationScores(
            loss=loss_sum / max(voxels, 1),
            accuracy=pixel.accuracy(counts),
            dice=float(np.mean([np.mean(d) for d in dice_by_subject.values()])),
        )

    def _volumes(self) -> Iterator[_ValidationVolume]:
        if self._cache:
            yield from self._cache
            return
        kept = []
        for stored in self._data.read_volumes(self._records):
            volume = _ValidationVolume(
                stored.record.subject_id,
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
    counted = reference != _OTHER_PATHOLOGY
    of_reference = np.where(reference == 1, probability, 1 - probability)
    of_reference = np.maximum(of_reference, _SMALLEST_PROBABILITY)
    losses = -np.log(of_reference[counted], dtype=np.float64)
    return float(losses.sum()), int(counted.sum())
