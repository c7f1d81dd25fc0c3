"""The layers of our networks as OpenVINO operations, with trained weights.

Building a graph takes milliseconds, with neither Keras nor a backend in the
process.
"""

# ruff: noqa: N802  (methods have the names of Keras's classes)

from collections.abc import Mapping, Sequence

import numpy as np

from wmh_keras.inference.channels_first import (
    EPSILON,
    ChannelsFirstApi,
    Layer,
)
from wmh_keras.inference.openvino_runtime import ops, ov


class OpenVinoApi(ChannelsFirstApi):
    """A `LayerApi` that builds an `openvino.Model`.

    The precision is decided when a graph is compiled.
    """

    LIBRARY = "OpenVINO"

    def __init__(
        self,
        weights: Mapping[str, Sequence[np.ndarray]],
        image_parts: int = 1,
    ) -> None:
        """Takes the weights of one network.

        Args:
          weights: arrays by the names of the layers, in Keras's order.
          image_parts: the graph takes the image as the sum of so many images,
            one's channels after the other's; see `split_image`.
        """
        super().__init__(weights)
        self._image_parts = image_parts
        self._image: ov.Node | None = None
        self._image_name = ""

    def Input(self, shape: Sequence[int | None], name: str) -> ov.Output:
        """The image, (b, …, c)."""
        sizes = [-1 if size is None else size for size in shape]
        sizes[-1] *= self._image_parts
        self._image = ops.parameter([-1, *sizes], np.float32, name)
        rank = len(sizes) + 1
        order = np.array([0, rank - 1, *range(1, rank - 1)])
        channels_first = ops.transpose(self._image, order)
        self._image_name = channels_first.get_friendly_name()
        return channels_first.output(0)

    def Model(self, _: object, logits: ov.Output, name: str) -> ov.Model:
        """The graph from (b, …, c) images to (b, …) float32 logits.

        Raises:
          ValueError: weights of layers that the network does not have.
        """
        self._weights.check_all_taken()
        result = ops.squeeze(logits, np.array([1]))
        return ov.Model([ops.result(result)], [self._image], name)

    def ReLU(self, *, name: str, dtype: str = "") -> Layer:
        """max(x, 0)."""
        return lambda x: ops.relu(x).output(0)

    def Concatenate(self, *, name: str, dtype: str = "") -> Layer:
        """One tensor's channels, then the other's."""
        return lambda tensors: ops.concat(tensors, 1).output(0)

    def Add(self, *, name: str, dtype: str = "") -> Layer:
        """The sum of two tensors."""
        return lambda tensors: ops.add(*tensors).output(0)

    def _channels(self, x: ov.Output) -> int:
        channels = x.get_partial_shape()[1].get_length()
        return channels // self._parts_of(x)

    def _convolve(
        self,
        x: ov.Output,
        kernel: np.ndarray,
        bias: np.ndarray,
        before: list[int],
        after: list[int],
    ) -> ov.Output:
        # The convolution of a sum, as the sum of convolutions.
        kernel = np.concatenate([kernel] * self._parts_of(x), axis=1)
        ones = [1] * len(before)
        y = ops.convolution(x, _constant(kernel), ones, before, after, ones)
        return ops.add(y, _per_channel(bias, y)).output(0)

    def _convolve_back(
        self,
        x: ov.Output,
        kernel: np.ndarray,
        bias: np.ndarray,
        strides: list[int],
        before: list[int],
        after: list[int],
    ) -> ov.Output:
        y = ops.convolution_backprop_data(
            x,
            _constant(kernel),
            strides,
            pads_begin=before,
            pads_end=after,
        )
        return ops.add(y, _per_channel(bias, y)).output(0)

    def _normalize(
        self,
        x: ov.Output,
        gamma: np.ndarray,
        beta: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
    ) -> ov.Output:
        scale = gamma / np.sqrt(variance + np.float32(EPSILON))
        scaled = ops.multiply(x, _per_channel(scale, x))
        shift = _per_channel(beta - mean * scale, x)
        return ops.add(scaled, shift).output(0)

    def _max_pool(self, x: ov.Output, size: list[int]) -> ov.Output:
        zeros, ones = [0] * len(size), [1] * len(size)
        return ops.max_pool(x, size, ones, zeros, zeros, size).output(0)

    def _double(self, x: ov.Output) -> ov.Output:
        return ops.interpolate(
            x,
            np.array([2.0, 2.0], np.float32),
            "linear_onnx",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="half_pixel",
        ).output(0)

    def _parts_of(self, x: ov.Output) -> int:
        is_image = x.get_node().get_friendly_name() == self._image_name
        return self._image_parts if is_image else 1


def split_image(batch: np.ndarray) -> np.ndarray:
    """Splits an image into two whose sum it is, each as good as exact in bf16.

    bf16 has 8 significant bits. To round the grey values of an image to them
    makes up to half of what bf16 costs in all; the network's first
    convolution, which is small, takes both parts instead.

    Args:
      batch: (b, …, c) float32.

    Returns:
      (b, …, 2 c) float32: the upper 8 bits of each number, then the rest.
    """
    upper = (batch.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.concatenate([upper, batch - upper], axis=-1)


def _constant(values: np.ndarray) -> ov.Node:
    """Copies an array into a graph; left to OpenVINO, by way of a list."""
    return ops.constant(np.ascontiguousarray(values))


def _per_channel(values: np.ndarray, x: ov.Output | ov.Node) -> np.ndarray:
    """Shapes one value a channel so that it spreads over (b, c, …)."""
    output = x.output(0) if isinstance(x, ov.Node) else x
    spatial = output.get_partial_shape().rank.get_length() - 2
    return values.reshape(1, -1, *[1] * spatial).astype(np.float32)
