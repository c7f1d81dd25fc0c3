"""A trained network, ready to run: whatever it runs on."""

import dataclasses
from collections.abc import Callable

import numpy as np

PredictBatch = Callable[[np.ndarray], np.ndarray]


def _keep() -> None:
    """Has nothing to give back."""


@dataclasses.dataclass(frozen=True)
class Network:
    """One network and how to run it.

    Attributes:
      input_shape: (None, h, w, c) of a 2-D network, (None, d, h, w, c) of a
        3-D one; None where any size will do.
      predict: from a batch of that shape, float32, to float32 probabilities
        without the channels. It compiles for every new shape, so callers keep
        to one.
      engine: what it runs on: "jax", "tensorflow" or "openvino".
      precision: "fp32" or "bf16".
      num_devices: devices that share each batch.
      largest_batch: of slices; more at once would be no faster, and the last
        batch of a volume, which is filled up, would waste more. None where
        the caller's batch is taken as it is.
      release: gives back the memory of what was computed between the layers,
        until the next batch: of several networks, only one needs it at a time.
    """

    input_shape: tuple[int | None, ...]
    predict: PredictBatch
    engine: str
    precision: str = "fp32"
    num_devices: int = 1
    largest_batch: int | None = None
    release: Callable[[], None] = _keep

    def round_up(self, batch_size: int) -> int:
        """Returns the smallest batch size from here on that devices share.

        Args:
          batch_size: the wanted number of slices or tiles.
        """
        return -(-batch_size // self.num_devices) * self.num_devices
