"""The layers of our networks as ONNX operators, with trained weights."""

# ruff: noqa: N802  (methods have the names of Keras's classes)

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from wmh_keras.inference.channels_first import (
    EPSILON,
    ChannelsFirstApi,
    Layer,
)


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A value in the graph.

    Attributes:
      name: unique in the graph.
      channels: its size along the second axis.
      rank: with batch and channels.
    """

    name: str
    channels: int
    rank: int


class GraphParts:
    """Nodes and constants of a graph that grows."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        """Adds a node; returns the name of its one output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [name], name, **attributes)
        )
        return name

    def constant(self, values: np.ndarray) -> str:
        """Adds an array; returns its name."""
        name = f"constant_{len(self.constants)}"
        values = np.ascontiguousarray(values)
        self.constants.append(numpy_helper.from_array(values, name))
        return name


class OnnxApi(ChannelsFirstApi):
    """A `LayerApi` that adds a network to `GraphParts`; all is float32."""

    LIBRARY = "ONNX"

    def __init__(
        self,
        weights: Mapping[str, Sequence[np.ndarray]],
        parts: GraphParts,
        images: str,
    ) -> None:
        """Takes the weights of one network.

        Args:
          weights: arrays by the names of the layers, in Keras's order.
          parts: what the network is added to.
          images: name of the graph's input, (b, …, c).
        """
        super().__init__(weights)
        self._parts = parts
        self._images = images

    def Input(self, shape: Sequence[int | None], name: str) -> Tensor:
        """The image, channels first."""
        del name
        rank = len(shape) + 1
        order = [0, rank - 1, *range(1, rank - 1)]
        first = self._parts.add("Transpose", self._images, perm=order)
        return Tensor(first, shape[-1], rank)

    def Model(self, _: object, logits: Tensor, name: str) -> str:
        """Returns the name of the (b, …, 1) probabilities.

        Raises:
          ValueError: weights of layers that the network does not have.
        """
        del name
        self._weights.check_all_taken()
        order = [0, *range(2, logits.rank), 1]
        last = self._parts.add("Transpose", logits.name, perm=order)
        return self._parts.add("Sigmoid", last)

    def ReLU(self, *, name: str, dtype: str = "") -> Layer:
        """max(x, 0)."""
        return lambda x: self._like(x, "Relu", x.name)

    def Concatenate(self, *, name: str, dtype: str = "") -> Layer:
        """One tensor's channels, then the other's."""

        def apply(tensors: Sequence[Tensor]) -> Tensor:
            names = [tensor.name for tensor in tensors]
            joined = self._parts.add("Concat", *names, axis=1)
            channels = sum(tensor.channels for tensor in tensors)
            return Tensor(joined, channels, tensors[0].rank)

        return apply

    def Add(self, *, name: str, dtype: str = "") -> Layer:
        """The sum of two tensors."""
        return lambda tensors: self._like(
            tensors[0], "Add", *(tensor.name for tensor in tensors)
        )

    def _channels(self, x: Tensor) -> int:
        return x.channels

    def _convolve(
        self,
        x: Tensor,
        kernel: np.ndarray,
        bias: np.ndarray,
        before: list[int],
        after: list[int],
    ) -> Tensor:
        y = self._parts.add(
            "Conv",
            x.name,
            self._parts.constant(kernel),
            self._parts.constant(bias),
            pads=before + after,
        )
        return Tensor(y, len(bias), x.rank)

    def _convolve_back(
        self,
        x: Tensor,
        kernel: np.ndarray,
        bias: np.ndarray,
        strides: list[int],
        before: list[int],
        after: list[int],
    ) -> Tensor:
        y = self._parts.add(
            "ConvTranspose",
            x.name,
            self._parts.constant(kernel),
            self._parts.constant(bias),
            strides=strides,
            pads=before + after,
        )
        return Tensor(y, len(bias), x.rank)

    def _normalize(self, x: Tensor, *arrays: np.ndarray) -> Tensor:
        # ONNX has gamma, beta, mean and variance in Keras's order.
        names = [self._parts.constant(array) for array in arrays]
        return self._like(
            x, "BatchNormalization", x.name, *names, epsilon=EPSILON
        )

    def _max_pool(self, x: Tensor, size: list[int]) -> Tensor:
        return self._like(x, "MaxPool", x.name, kernel_shape=size, strides=size)

    def _double(self, x: Tensor) -> Tensor:
        scales = self._parts.constant(np.array([1, 1, 2, 2], np.float32))
        return self._like(
            x,
            "Resize",
            x.name,
            "",
            scales,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _like(
        self,
        x: Tensor,
        operator: str,
        *inputs: str,
        **attributes: Any,  # noqa: ANN401
    ) -> Tensor:
        name = self._parts.add(operator, *inputs, **attributes)
        return Tensor(name, x.channels, x.rank)
