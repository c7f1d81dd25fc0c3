"""The layers of our networks as ONNX operators, with trained weights.

As `inference.openvino_layers`: `build_model` writes its layers through a
`LayerApi`, and given this one the same lines build an ONNX graph. Tensors are
channels first inside, as ONNX has them, and channels last outside.
"""

# ruff: noqa: N802  (methods have the names of Keras's classes)

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from wmh_keras.inference.layer_weights import LayerWeights

# What Keras adds to the variance; no network of ours sets another value.
_EPSILON = 1e-3


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


Layer = Callable[[Any], Tensor]


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


class OnnxApi:
    """A `LayerApi` that adds a network to `GraphParts`.

    It takes the arguments that our networks use, and raises a TypeError for
    others. `dtype` is the exception: all is float32.
    """

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
        self._weights = LayerWeights(weights)
        self._parts = parts
        self._images = images

    @property
    def layers(self) -> "OnnxApi":
        """Where the layers are; the same object."""
        return self

    def __getattr__(self, name: str) -> None:
        """Raises a NotImplementedError: a layer that is not written yet."""
        raise NotImplementedError(f"ONNX: the layer {name} is not written")

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

    def Conv2D(
        self,
        filters: int,
        kernel_size: int,
        *,
        padding: str = "valid",
        name: str,
        dtype: str = "",
    ) -> Layer:
        """A convolution of two axes."""
        return self._convolution(2, filters, kernel_size, padding, name)

    def Conv3D(
        self,
        filters: int,
        kernel_size: int,
        *,
        padding: str = "valid",
        name: str,
        dtype: str = "",
    ) -> Layer:
        """A convolution of three axes."""
        return self._convolution(3, filters, kernel_size, padding, name)

    def Conv2DTranspose(
        self,
        filters: int,
        kernel_size: int,
        *,
        strides: int,
        padding: str = "valid",
        name: str,
        dtype: str = "",
    ) -> Layer:
        """A transposed convolution of two axes."""
        kernel, strides = (kernel_size,) * 2, (strides,) * 2
        return self._transposed(filters, kernel, strides, padding, name)

    def Conv3DTranspose(
        self,
        filters: int,
        kernel_size: tuple[int, int, int],
        *,
        strides: tuple[int, int, int],
        name: str,
        dtype: str = "",
    ) -> Layer:
        """A transposed convolution of three axes."""
        return self._transposed(filters, kernel_size, strides, "valid", name)

    def BatchNormalization(
        self, *, momentum: float, name: str, dtype: str = ""
    ) -> Layer:
        """(x - mean) / sqrt(variance + ε) · gamma + beta, as Keras has it."""

        def apply(x: Tensor) -> Tensor:
            arrays = self._weights.take(name, [(x.channels,)] * 4)
            names = [self._parts.constant(array) for array in arrays]
            return self._like(
                x, "BatchNormalization", x.name, *names, epsilon=_EPSILON
            )

        return apply

    def ReLU(self, *, name: str, dtype: str = "") -> Layer:
        """max(x, 0)."""
        return lambda x: self._like(x, "Relu", x.name)

    def MaxPooling2D(
        self, pool_size: int = 2, *, name: str, dtype: str = ""
    ) -> Layer:
        """The largest of each square of two by two."""
        return self._max_pool((pool_size,) * 2)

    def MaxPooling3D(
        self, pool_size: tuple[int, int, int], *, name: str, dtype: str = ""
    ) -> Layer:
        """The largest of each cuboid."""
        return self._max_pool(pool_size)

    def UpSampling2D(
        self, *, interpolation: str, name: str, dtype: str = ""
    ) -> Layer:
        """Twice the size, bilinear between the middles of pixels."""
        if interpolation != "bilinear":
            raise NotImplementedError(f"ONNX: {interpolation} upsampling")
        scales = np.array([1, 1, 2, 2], np.float32)
        return lambda x: self._like(
            x,
            "Resize",
            x.name,
            "",
            self._parts.constant(scales),
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

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

    def _convolution(
        self, rank: int, filters: int, size: int, padding: str, name: str
    ) -> Layer:
        total = size - 1 if padding == "same" else 0
        pads = [total // 2] * rank + [total - total // 2] * rank

        def apply(x: Tensor) -> Tensor:
            shape = (*[size] * rank, x.channels, filters)
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # (…, in, out) -> (out, in, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            y = self._parts.add(
                "Conv",
                x.name,
                self._parts.constant(kernel),
                self._parts.constant(bias),
                pads=pads,
            )
            return Tensor(y, filters, x.rank)

        return apply

    def _transposed(
        self,
        filters: int,
        size: tuple[int, ...],
        strides: tuple[int, ...],
        padding: str,
        name: str,
    ) -> Layer:
        # "same" gives the input's size times the stride; what is cut off is
        # what the convolution that this one reverses would pad.
        cut = [
            max(k - s, 0) if padding == "same" else 0
            for k, s in zip(size, strides, strict=True)
        ]
        before = [total // 2 for total in cut]
        after = [total - total // 2 for total in cut]

        def apply(x: Tensor) -> Tensor:
            shape = (*size, filters, x.channels)
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # (…, out, in) -> (in, out, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            y = self._parts.add(
                "ConvTranspose",
                x.name,
                self._parts.constant(kernel),
                self._parts.constant(bias),
                strides=list(strides),
                pads=before + after,
            )
            return Tensor(y, filters, x.rank)

        return apply

    def _max_pool(self, size: tuple[int, ...]) -> Layer:
        return lambda x: self._like(
            x, "MaxPool", x.name, kernel_shape=list(size), strides=list(size)
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
