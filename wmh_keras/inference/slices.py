"""2-D networks: a volume slice by slice."""

import numpy as np

from wmh_keras.inference.batching import fixed_batches
from wmh_keras.inference.network import Network
from wmh_keras.inference.progress import OnProgress


class SlicePredictor:
    """A `Predictor` of a network that takes slices (b, h, w, c)."""

    def __init__(self, network: Network, batch_size: int) -> None:
        """Takes the network; compiling waits for the first volume.

        Args:
          network: of slices (b, h, w, c).
          batch_size: at least 1; cut to the network's largest, and rounded
            up to a multiple of the devices.
        """
        self._network = network
        largest = network.largest_batch or batch_size
        self._batch_size = network.round_up(min(batch_size, largest))

    def __call__(
        self,
        slices: np.ndarray,
        on_progress: OnProgress | None = None,
    ) -> np.ndarray:
        """Computes probabilities, see `Predictor`."""
        probability = np.empty(slices.shape[:3], np.float32)
        first = 0
        # No larger than the volume, however large a batch was allowed.
        batch_size = min(self._batch_size, self._network.round_up(len(slices)))
        for batch, count in fixed_batches(slices, max(batch_size, 1)):
            probability[first : first + count] = self._network.predict(batch)[
                :count
            ]
            first += count
            if on_progress is not None:
                on_progress(first / len(slices))
        return probability
