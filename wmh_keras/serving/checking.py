"""Whether what was exported computes what the model computes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_prep.errors import UserError
from wmh_keras.inference.compiled import keras_network
from wmh_keras.inference.predictor import make_predictor
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.serving.export_request import SLICE_RANK
from wmh_keras.serving.samples import (
    sample_patches,
    sample_slices,
    sample_volumes,
)
from wmh_keras.serving.signatures import GraphSettings

if TYPE_CHECKING:
    import keras

# Of probabilities: of the networks alone, and of whole volumes.
NETWORK_TOLERANCE = 1e-5
VOLUME_TOLERANCE = 1e-4

# From (b, …, c) to (b, …, 1) probabilities.
Predict = Callable[[np.ndarray], np.ndarray]
# From volumes (z, y, x), (y, x) spacing and a threshold to probability, mask.
Segment = Callable[
    [Sequence[np.ndarray], tuple[float, float], float],
    tuple[np.ndarray, np.ndarray],
]


class Checker:
    """Knows what the model gives, and compares."""

    def __init__(
        self,
        models: Sequence["keras.Model"],
        settings: GraphSettings,
        threshold: float,
    ) -> None:
        """Takes the networks on Keras's backend and how they are used."""
        self._settings = settings
        self._networks = [keras_network(model) for model in models]
        self._threshold = threshold
        self._input_shape = self._networks[0].input_shape

    def check_network(self, name: str, predict: Predict) -> float:
        """Compares probabilities of noise and of phantoms.

        Args:
          name: of what was exported, for the message.
          predict: what was exported.

        Returns:
          The largest difference.

        Raises:
          UserError: it is above NETWORK_TOLERANCE.
        """
        config = self._settings.preprocess
        if len(self._input_shape[1:]) == SLICE_RANK:
            batches, expect = sample_slices(config), self._of_slices
        else:
            batches = sample_patches(config, self._input_shape[1:])
            expect = self._of_patches
        largest = 0.0
        for batch in batches:
            expected = expect(batch)
            received = predict(batch)
            largest = max(
                largest,
                _compare(
                    name, received, expected[..., np.newaxis], NETWORK_TOLERANCE
                ),
            )
        return largest

    def check_volumes(self, name: str, segment: Segment) -> float:
        """Compares probability and mask of whole phantoms.

        Args:
          name: of what was exported, for the message.
          segment: what was exported.

        Returns:
          The largest difference of probabilities.

        Raises:
          UserError: it is above VOLUME_TOLERANCE, or masks differ where the
            probability is further than that from the threshold.
        """
        segmenter = Segmenter(
            self._networks,
            self._settings.preprocess,
            threshold=self._threshold,
            flips=self._settings.flips,
        )
        largest = 0.0
        for images in sample_volumes(self._settings.preprocess):
            expected = segmenter.segment(images)
            probability, mask = segment(
                [image.data.transpose(2, 1, 0) for image in images],
                images[0].spacing_mm[1::-1],
                self._threshold,
            )
            wanted = expected.probability.transpose(2, 1, 0)
            largest = max(
                largest, _compare(name, probability, wanted, VOLUME_TOLERANCE)
            )
            is_clear = abs(wanted - self._threshold) > VOLUME_TOLERANCE
            differs = mask != expected.mask.transpose(2, 1, 0)
            if (differs & is_clear).any():
                raise UserError(
                    f"{name}: its mask is not the model's; nothing was written"
                )
        return largest

    def _of_slices(self, batch: np.ndarray) -> np.ndarray:
        maps = [
            make_predictor(
                network,
                self._settings.preprocess,
                batch_size=len(batch),
                flips=self._settings.flips,
            )(batch)
            for network in self._networks
        ]
        return np.mean(maps, axis=0)

    def _of_patches(self, batch: np.ndarray) -> np.ndarray:
        return np.mean([n.predict(batch) for n in self._networks], axis=0)


def _compare(
    name: str, received: np.ndarray, expected: np.ndarray, tolerance: float
) -> float:
    if received.shape != expected.shape:
        raise UserError(
            f"{name}: expected probabilities of shape {expected.shape}, "
            f"received {received.shape}; nothing was written"
        )
    difference = float(np.abs(received - expected).max())
    if not difference <= tolerance:  # NaN is no better
        raise UserError(
            f"{name}: its probabilities differ from the model's by up to "
            f"{difference:.2g} (allowed {tolerance:g}); nothing was written"
        )
    return difference
