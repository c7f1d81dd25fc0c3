"""The one door from a FLAIR volume to its probability map and mask."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import keras
import numpy as np

from data_prep.errors import UserError
from data_prep.preprocess import (
    PreparedVolume,
    PreprocessConfig,
    slices_to_volume,
    volume_to_slices,
)
from data_prep.volume import Volume
from wmh_keras import artifacts
from wmh_keras.inference import postprocess
from wmh_keras.inference.batching import fixed_batches
from wmh_keras.inference.compiled import (
    compile_probability,
    round_up_to_devices,
)

BATCH_SIZE = 8

OnProgress = Callable[[float], None]


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """What was found in one volume.

    Attributes:
      probability: (x, y, z) float32, 0 to 1, on the native grid.
      mask: (x, y, z) uint8, 1 where a lesion is.
      warnings: what the user should know about this volume.
    """

    probability: np.ndarray
    mask: np.ndarray
    warnings: tuple[str, ...] = ()


class Segmenter:
    """Segments volumes with one network or the mean of several.

    Validation during training, evaluation and prediction all use this class,
    so that a score in training is a score of what the user gets. It may be
    built on a network that is being trained: every call uses the weights of
    that moment.

    Attributes:
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions are removed; 0 keeps all.
      batch_size: slices in a batch. It decides speed and memory; results
        differ by float32 rounding alone.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        preprocess: PreprocessConfig,
        *,
        threshold: float = 0.5,
        min_lesion_mm3: float = 0.0,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Takes the networks; compiling waits for the first volume.

        Args:
          models: networks that give logits (b, h, w, 1); their probabilities
            are averaged.
          preprocess: how their training data was prepared.
          threshold: above 0, at most 1.
          min_lesion_mm3: in mm³, 0 or more.
          batch_size: at least 1; rounded up to a multiple of the devices.

        Raises:
          ValueError: no network, or a value outside its range.
        """
        if not models:
            raise ValueError("expected at least one network, received none")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more: {batch_size}")
        postprocess.check_threshold(threshold)
        postprocess.check_min_lesion_mm3(min_lesion_mm3)
        self.preprocess = preprocess
        self.threshold = threshold
        self.min_lesion_mm3 = min_lesion_mm3
        self.batch_size = round_up_to_devices(batch_size)
        self._members = [compile_probability(model) for model in models]

    @classmethod
    def from_model(
        cls,
        path: str | os.PathLike,
        threshold: float | None = None,
        min_lesion_mm3: float | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> "Segmenter":
        """Loads a saved model.

        Args:
          path: a work folder or a model folder.
          threshold: instead of the model's own, where given.
          min_lesion_mm3: likewise.
          batch_size: slices in a batch.

        Raises:
          UserError: there is no model, or its files are damaged.
        """
        info = artifacts.read_model_info(path)
        return cls(
            artifacts.load_models(info),
            info.preprocess,
            threshold=info.threshold if threshold is None else threshold,
            min_lesion_mm3=(
                info.min_lesion_mm3
                if min_lesion_mm3 is None
                else min_lesion_mm3
            ),
            batch_size=batch_size,
        )

    def predict_slices(
        self, slices: np.ndarray, on_progress: OnProgress | None = None
    ) -> np.ndarray:
        """Computes probabilities on the prepared grid.

        Args:
          slices: (z, side, side, c), as `volume_to_slices` gives them.
          on_progress: called after each batch with the share that is done.

        Returns:
          (z, side, side) float32, 0 to 1: the mean over the networks.

        Raises:
          UserError: a network gave NaN or infinity.
          ValueError: the slices have other dimensions.
        """
        total = np.zeros(slices.shape[:3], np.float32)
        first = 0
        # No larger than the volume, however large a batch was allowed.
        batch_size = min(self.batch_size, round_up_to_devices(len(slices)))
        for batch, count in fixed_batches(slices, max(batch_size, 1)):
            for predict in self._members:
                total[first : first + count] += predict(batch)[:count]
            first += count
            if on_progress is not None:
                on_progress(first / len(slices))
        probability = total / np.float32(len(self._members))
        _check_finite(probability)
        return probability

    def predict_volume(self, images: Sequence[Volume]) -> np.ndarray:
        """Computes the probability map on a volume's own grid.

        Args:
          images: one volume a channel, the FLAIR first, all on one grid.

        Returns:
          (x, y, z) float32, 0 to 1.

        Raises:
          VolumeError: the volumes cannot be prepared.
          UserError: a network gave NaN or infinity.
        """
        return self._predict_prepared(self._prepare(images))

    def segment(
        self,
        images: Sequence[Volume],
        on_progress: OnProgress | None = None,
    ) -> Segmentation:
        """Finds the lesions of one subject.

        Args:
          images: one volume a channel, the FLAIR first, all on one grid.
          on_progress: called after each batch with the share that is done.

        Returns:
          Probability and mask on the native grid. Where nothing is found the
          mask is empty.

        Raises:
          VolumeError: the volumes cannot be prepared.
          UserError: a network gave NaN or infinity.
        """
        prepared = self._prepare(images)
        probability = self._predict_prepared(prepared, on_progress)
        return Segmentation(
            probability=probability,
            mask=self.mask_from(probability, images[0].voxel_mm3),
            warnings=tuple(prepared.warnings),
        )

    def mask_from(
        self, probability: np.ndarray, voxel_mm3: float
    ) -> np.ndarray:
        """Thresholds on the native grid, then removes small lesions.

        Args:
          probability: (x, y, z), 0 to 1.
          voxel_mm3: volume of a voxel in mm³.

        Returns:
          (x, y, z) uint8, 0 or 1.
        """
        mask = postprocess.threshold_probability(probability, self.threshold)
        return postprocess.remove_small_lesions(
            mask, voxel_mm3, self.min_lesion_mm3
        )

    def _prepare(self, images: Sequence[Volume]) -> PreparedVolume:
        return volume_to_slices(images, self.preprocess)

    def _predict_prepared(
        self, prepared: PreparedVolume, on_progress: OnProgress | None = None
    ) -> np.ndarray:
        slices = self.predict_slices(prepared.slices, on_progress)
        probability = slices_to_volume(slices, prepared.geometry)
        # Interpolation may leave the range by a rounding error.
        return np.clip(probability, 0, 1, dtype=np.float32)


def _check_finite(probability: np.ndarray) -> None:
    count = probability.size - int(np.isfinite(probability).sum())
    if count:
        raise UserError(
            f"the network gave {count} probabilities that are no number: its "
            f"weights are damaged or training diverged; use another model"
        )
