"""The one door from a FLAIR volume to its probability map and mask."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_prep.errors import UserError, VolumeError
from data_prep.geometry import SliceGeometry
from data_prep.preprocess import (
    PreprocessConfig,
    volume_to_slices,
)
from data_prep.volume import Volume
from wmh_keras.inference import postprocess
from wmh_keras.inference.moments import Moments
from wmh_keras.inference.network import Network
from wmh_keras.inference.predictor import Predictor, make_predictor
from wmh_keras.inference.progress import OnProgress, part_of

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 8


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """What was found in one volume.

    Attributes:
      probability: (x, y, z) float32, 0 to 1, on the native grid.
      mask: (x, y, z) uint8, 1 where a lesion is.
      warnings: what the user should know about this volume.
      disagreement: (x, y, z) float32, 0 to 0.5: the population standard
        deviation of the n members' probabilities on the native grid,
        sqrt(Σ (pᵢ - mean)² / n); None of a single network.
    """

    probability: np.ndarray
    mask: np.ndarray
    warnings: tuple[str, ...] = ()
    disagreement: np.ndarray | None = None


class Segmenter:
    """Segments volumes with one network or the mean of several.

    Validation during training, evaluation and prediction all use this class,
    so that a score in training is a score of what the user gets. It may be
    built on a network that is being trained: every call uses the weights of
    that moment.

    Networks of slices and of patches may be mixed, and prepared differently:
    they meet on the native grid, where each network has one vote.

    Attributes:
      channels: roles of the images that a volume has to have, the FLAIR
        first.
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions are removed; 0 keeps all.
      batch_size: slices in a batch, a multiple of the devices.
      engine: what the networks run on: "jax", "tensorflow" or "openvino".
      precision: "fp32" or "bf16".
    """

    def __init__(
        self,
        models: "Sequence[keras.Model | Network]",
        preprocess: PreprocessConfig | Sequence[PreprocessConfig],
        *,
        threshold: float = 0.5,
        min_lesion_mm3: float = 0.0,
        batch_size: int = BATCH_SIZE,
        flips: str = "none",
    ) -> None:
        """Takes the networks; compiling waits for the first volume.

        Args:
          models: networks, 2-D or 3-D, see `make_predictor`; Keras models
            that give logits run on Keras's backend. Their probabilities are
            averaged.
          preprocess: how their training data was prepared: one for all, or
            one for each.
          threshold: above 0, at most 1.
          min_lesion_mm3: in mm³, 0 or more.
          batch_size: slices in a batch, at least 1. It decides speed and
            memory; results differ by float32 rounding alone.
          flips: test-time flips, one of `flips.FLIPS`.

        Raises:
          ValueError: no network, or a value outside its range.
        """
        if not models:
            raise ValueError("expected at least one network, received none")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more: {batch_size}")
        postprocess.check_threshold(threshold)
        postprocess.check_min_lesion_mm3(min_lesion_mm3)
        self.threshold = threshold
        self.min_lesion_mm3 = min_lesion_mm3
        networks = [_to_network(model) for model in models]
        self.engine = networks[0].engine
        self.precision = networks[0].precision
        self.batch_size = networks[0].round_up(batch_size)
        if isinstance(preprocess, PreprocessConfig):
            preprocess = [preprocess] * len(models)
        # Networks of one preparation share it: it is done once a volume.
        self._groups: dict[PreprocessConfig, list[_Member]] = {}
        for network, config in zip(networks, preprocess, strict=True):
            predict = make_predictor(
                network, config, batch_size=batch_size, flips=flips
            )
            # A network alone keeps its memory for the next volume.
            release = network.release if len(models) > 1 else None
            self._groups.setdefault(config, []).append(
                _Member(predict, release)
            )
        self._num_members = len(models)
        self.channels = tuple(
            dict.fromkeys(c for config in self._groups for c in config.channels)
        )

    @property
    def preprocess(self) -> PreprocessConfig:
        """How volumes are prepared.

        Raises:
          ValueError: the networks need different preparations.
        """
        if len(self._groups) > 1:
            raise ValueError(
                "expected networks of one preparation, received "
                f"{len(self._groups)}: they meet on the native grid alone"
            )
        return next(iter(self._groups))

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
          ValueError: the slices have other dimensions, or the networks need
            different preparations.
        """
        moments = Moments()
        for done, member in enumerate(self._groups[self.preprocess]):
            moments.add(
                _probabilities(
                    member,
                    slices,
                    part_of(on_progress, done, self._num_members),
                )
            )
        return moments.mean

    def predict_volume(self, images: Sequence[Volume]) -> np.ndarray:
        """Computes the probability map on a volume's own grid.

        Args:
          images: one volume for each of `channels`, all on one grid.

        Returns:
          (x, y, z) float32, 0 to 1.

        Raises:
          VolumeError: the volumes cannot be prepared.
          UserError: a network gave NaN or infinity.
        """
        return self.segment(images).probability

    def segment(
        self,
        images: Sequence[Volume],
        on_progress: OnProgress | None = None,
    ) -> Segmentation:
        """Finds the lesions of one subject.

        Args:
          images: one volume for each of `channels`, all on one grid.
          on_progress: called after each batch with the share that is done.

        Returns:
          Probability and mask on the native grid. Where nothing is found the
          mask is empty.

        Raises:
          VolumeError: the volumes cannot be prepared.
          UserError: a network gave NaN or infinity.
        """
        if len(images) != len(self.channels):
            raise VolumeError(
                f"expected {len(self.channels)} images "
                f"({', '.join(self.channels)}), received {len(images)}"
            )
        by_role = dict(zip(self.channels, images, strict=True))
        moments, warnings, done = Moments(), [], 0
        for config, members in self._groups.items():
            prepared = volume_to_slices(
                [by_role[role] for role in config.channels], config
            )
            warnings += prepared.warnings
            for member in members:
                progress = part_of(on_progress, done, self._num_members)
                slices = _probabilities(member, prepared.slices, progress)
                moments.add(_native_planes(slices, prepared.geometry))
                done += 1
        # Rounding may leave the range; the maps that were averaged do not.
        probability = _to_volume(moments.mean, 1, prepared.geometry)
        deviation = moments.standard_deviation()
        return Segmentation(
            probability=probability,
            mask=self.mask_from(probability, images[0].voxel_mm3),
            warnings=tuple(dict.fromkeys(warnings)),
            disagreement=(
                None
                if deviation is None
                else _to_volume(deviation, 0.5, prepared.geometry)
            ),
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


@dataclasses.dataclass(frozen=True)
class _Member:
    """A network, and what gives back its memory once a volume is through."""

    predict: Predictor
    release: Callable[[], None] | None


def _to_network(model: "keras.Model | Network") -> Network:
    if isinstance(model, Network):
        return model
    # Keras takes seconds to import, and a Network may run without.
    from wmh_keras.inference.compiled import keras_network

    return keras_network(model)


def _native_planes(
    slices: np.ndarray, geometry: SliceGeometry
) -> Iterator[np.ndarray]:
    """Takes probabilities to the native voxels, one (h, w) at a time.

    All preparations of a volume have the same native planes.
    """
    for index in range(len(slices)):
        (plane,) = geometry.slices_to_planes(slices[index : index + 1])
        # Interpolation may leave the range by a rounding error.
        yield np.clip(plane, 0, 1, dtype=np.float32)


def _to_volume(
    planes: np.ndarray, most: float, geometry: SliceGeometry
) -> np.ndarray:
    """Brings (z, h, w) to the file's own axes, in the order of its voxels."""
    np.clip(planes, 0, most, out=planes)
    return geometry.from_planes(planes).copy(order="K")


def _probabilities(
    member: _Member, slices: np.ndarray, on_progress: OnProgress | None
) -> np.ndarray:
    probability = member.predict(slices, on_progress)
    if member.release is not None:
        member.release()
    count = probability.size - int(np.isfinite(probability).sum())
    if count:
        raise UserError(
            f"the network gave {count} probabilities that are no number: its "
            f"weights are damaged or training diverged; use another model"
        )
    return probability
