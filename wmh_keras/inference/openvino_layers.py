"""The layers of our networks as OpenVINO operations, with trained weights.

`build_model` writes its layers through a `LayerApi`. Given this one instead of
Keras, the same lines build an OpenVINO graph, in milliseconds and with neither
Keras nor a backend in the process: there is no second description of a network
and no converted copy that could be stale. Tensors are channels first inside,
which is what OpenVINO's convolutions want, and channels last outside.
"""

# ruff: noqa: N802  (methods have the names of Keras's classes)

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from wmh_keras.inference.layer_weights import LayerWeights
from wmh_keras.inference.openvino_runtime import ops, ov

# What Keras adds to the variance; no network of ours sets another value.
_EPSILON = 1e-3

Layer = Callable[..., ov.Output]


class OpenVinoApi:
    """A `LayerApi` that builds an `openvino.Model`.

    Layer for layer it takes the arguments that our networks use and raises a
    TypeError for others, rather than ignoring what would change a result.
    `dtype` is the exception: the precision is decided when a graph is
    compiled.
    """

    def __init__(
        self,
        weights: Mapping[str, Sequence[np.ndarray]],
        image_parts: int = 1,
    ) -> None:
        """Takes the weights.

        Args:
          weights: arrays by the names of the layers, in Keras's order.
          image_parts: the graph takes the image as the sum of so many images,
            one's channels after the other's; see `split_image`.
        """
        self._weights = LayerWeights(weights)
        self._image_parts = image_parts
        self._image: ov.Node | None = None
        self._image_name = ""

    @property
    def layers(self) -> "OpenVinoApi":
        """Where the layers are; the same object."""
        return self

    def __getattr__(self, name: str) -> None:
        """Raises a NotImplementedError: a layer that is not written yet."""
        raise NotImplementedError(f"OpenVINO: the layer {name} is not written")

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
        self,
        *,
        momentum: float,
        name: str,
        dtype: str = "",
    ) -> Layer:
        """(x - mean) / sqrt(variance + ε) · gamma + beta, as Keras has it."""

        def apply(x: ov.Output) -> ov.Output:
            shape = [(_channels(x),)] * 4
            gamma, beta, mean, variance = self._weights.take(name, shape)
            scale = gamma / np.sqrt(variance + np.float32(_EPSILON))
            scaled = ops.multiply(x, _per_channel(scale, x))
            shift = _per_channel(beta - mean * scale, x)
            return ops.add(scaled, shift).output(0)

        return apply

    def ReLU(self, *, name: str, dtype: str = "") -> Layer:
        """max(x, 0)."""
        return lambda x: ops.relu(x).output(0)

    def MaxPooling2D(
        self,
        pool_size: int = 2,
        *,
        name: str,
        dtype: str = "",
    ) -> Layer:
        """The largest of each square of two by two."""
        return _max_pool((pool_size,) * 2)

    def MaxPooling3D(
        self,
        pool_size: tuple[int, int, int],
        *,
        name: str,
        dtype: str = "",
    ) -> Layer:
        """The largest of each cuboid."""
        return _max_pool(pool_size)

    def UpSampling2D(
        self,
        *,
        interpolation: str,
        name: str,
        dtype: str = "",
    ) -> Layer:
        """Twice the size, bilinear between the middles of pixels."""
        if interpolation != "bilinear":
            raise NotImplementedError(f"OpenVINO: {interpolation} upsampling")
        return lambda x: ops.interpolate(
            x,
            np.array([2.0, 2.0], np.float32),
            "linear_onnx",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="half_pixel",
        ).output(0)

    def Concatenate(self, *, name: str, dtype: str = "") -> Layer:
        """One tensor's channels, then the other's."""
        return lambda tensors: ops.concat(tensors, 1).output(0)

    def Add(self, *, name: str, dtype: str = "") -> Layer:
        """The sum of two tensors."""
        return lambda tensors: ops.add(*tensors).output(0)

    def _convolution(
        self, rank: int, filters: int, size: int, padding: str, name: str
    ) -> Layer:
        total = size - 1 if padding == "same" else 0
        before, after = [total // 2] * rank, [total - total // 2] * rank
        ones = [1] * rank

        def apply(x: ov.Output) -> ov.Output:
            parts = self._image_parts if self._is_image(x) else 1
            shape = (*[size] * rank, _channels(x) // parts, filters)
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # The convolution of a sum, as the sum of convolutions.
            kernel = np.concatenate([kernel] * parts, axis=-2)
            # (…, in, out) -> (out, in, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            y = ops.convolution(
                x, np.ascontiguousarray(kernel), ones, before, after, ones
            )
            return ops.add(y, _per_channel(bias, y)).output(0)

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

        def apply(x: ov.Output) -> ov.Output:
            shape = (*size, filters, _channels(x))
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # (…, out, in) -> (in, out, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            y = ops.convolution_backprop_data(
                x,
                np.ascontiguousarray(kernel),
                list(strides),
                pads_begin=before,
                pads_end=after,
            )
            return ops.add(y, _per_channel(bias, y)).output(0)

        return apply

    def _is_image(self, x: ov.Output) -> bool:
        return x.get_node().get_friendly_name() == self._image_name


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


def _channels(x: ov.Output) -> int:
    return x.get_partial_shape()[1].get_length()


def _per_channel(values: np.ndarray, x: ov.Output | ov.Node) -> np.ndarray:
    """Shapes one value a channel so that it spreads over (b, c, …)."""
    output = x.output(0) if isinstance(x, ov.Node) else x
    spatial = output.get_partial_shape().rank.get_length() - 2
    return values.reshape(1, -1, *[1] * spatial).astype(np.float32)


def _max_pool(size: tuple[int, ...]) -> Layer:
    rank = len(size)
    zeros, ones = [0] * rank, [1] * rank
    return lambda x: ops.max_pool(
        x, list(size), ones, zeros, zeros, list(size)
    ).output(0)
