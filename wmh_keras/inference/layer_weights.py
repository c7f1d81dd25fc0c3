"""Trained weights, handed out layer by layer to graphs built without Keras."""

from collections.abc import Mapping, Sequence

import numpy as np


class LayerWeights:
    """The weights of a network, by the names of its layers."""

    def __init__(self, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Takes what `artifacts.read_weights` returned for a member."""
        self._weights = weights
        self._used: set[str] = set()

    def take(
        self, name: str, shapes: Sequence[tuple[int, ...]]
    ) -> Sequence[np.ndarray]:
        """Returns the arrays of a layer, in Keras's order.

        Raises:
          ValueError: no such layer, or arrays of other shapes.
        """
        arrays = self._weights.get(name)
        if arrays is None:
            raise ValueError(f"no weights of the layer {name}")
        received = [array.shape for array in arrays]
        if received != list(shapes):
            raise ValueError(
                f"layer {name}: expected weights of the shapes {shapes}, "
                f"received {received}"
            )
        self._used.add(name)
        return arrays

    def check_all_taken(self) -> None:
        """Raises a ValueError for weights that no layer has taken."""
        unused = sorted(set(self._weights) - self._used)
        if unused:
            raise ValueError(f"no layers of the names {', '.join(unused)}")
