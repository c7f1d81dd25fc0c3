"""The layers of our networks, for graphs that are built without Keras.

`build_model` writes its layers through a `LayerApi`. Given one that is made of
this class instead of Keras, the same lines build a graph of another library:
there is no second description of a network, and no converted copy that could
be stale. What is the same for all such libraries is here: the arguments that
our networks use, what Keras means by them, and the shapes of its weights.
Tensors are channels first inside, as those libraries want them, and channels
last outside.
"""

# ruff: noqa: N802  (methods have the names of Keras's classes)

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wmh_keras.inference.layer_weights import LayerWeights

# What Keras adds to the variance; no network of ours sets another value.
EPSILON = 1e-3

Layer = Callable[[Any], Any]


class ChannelsFirstApi(abc.ABC):
    """A `LayerApi` without Keras; a library is a subclass.

    Layer for layer it takes the arguments that our networks use and raises a
    TypeError for others, rather than ignoring what would change a result.
    `dtype` is the exception: the precision is decided elsewhere.
    """

    LIBRARY = ""

    def __init__(self, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Takes the weights of one network.

        Args:
          weights: arrays by the names of the layers, in Keras's order.
        """
        self._weights = LayerWeights(weights)

    @property
    def layers(self) -> "ChannelsFirstApi":
        """Where the layers are; the same object."""
        return self

    def __getattr__(self, name: str) -> None:
        """Raises a NotImplementedError: a layer that is not written yet."""
        raise NotImplementedError(
            f"{self.LIBRARY}: the layer {name} is not written"
        )

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
        return self._convolution((kernel_size,) * 2, filters, padding, name)

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
        return self._convolution((kernel_size,) * 3, filters, padding, name)

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

        def apply(x: Any) -> Any:  # noqa: ANN401
            shapes = [(self._channels(x),)] * 4
            return self._normalize(x, *self._weights.take(name, shapes))

        return apply

    def MaxPooling2D(
        self, pool_size: int = 2, *, name: str, dtype: str = ""
    ) -> Layer:
        """The largest of each square of two by two."""
        return lambda x: self._max_pool(x, [pool_size] * 2)

    def MaxPooling3D(
        self, pool_size: tuple[int, int, int], *, name: str, dtype: str = ""
    ) -> Layer:
        """The largest of each cuboid."""
        return lambda x: self._max_pool(x, list(pool_size))

    def UpSampling2D(
        self, *, interpolation: str, name: str, dtype: str = ""
    ) -> Layer:
        """Twice the size, bilinear between the middles of pixels."""
        if interpolation != "bilinear":
            raise NotImplementedError(
                f"{self.LIBRARY}: {interpolation} upsampling"
            )
        return self._double

    def _convolution(
        self, size: tuple[int, ...], filters: int, padding: str, name: str
    ) -> Layer:
        before, after = _halves(
            [k - 1 if padding == "same" else 0 for k in size]
        )

        def apply(x: Any) -> Any:  # noqa: ANN401
            shape = (*size, self._channels(x), filters)
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # (…, in, out) -> (out, in, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            return self._convolve(x, kernel, bias, before, after)

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
        before, after = _halves(
            [
                max(k - s, 0) if padding == "same" else 0
                for k, s in zip(size, strides, strict=True)
            ]
        )

        def apply(x: Any) -> Any:  # noqa: ANN401
            shape = (*size, filters, self._channels(x))
            kernel, bias = self._weights.take(name, [shape, (filters,)])
            # (…, out, in) -> (in, out, …)
            kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
            return self._convolve_back(
                x, kernel, bias, list(strides), before, after
            )

        return apply

    @abc.abstractmethod
    def _channels(self, x: Any) -> int:  # noqa: ANN401
        """Returns the channels that the weights of a layer on x have."""

    @abc.abstractmethod
    def _convolve(
        self,
        x: Any,  # noqa: ANN401
        kernel: np.ndarray,
        bias: np.ndarray,
        before: list[int],
        after: list[int],
    ) -> Any:  # noqa: ANN401
        """Convolves with (out, in, …), zeros added before and after."""

    @abc.abstractmethod
    def _convolve_back(
        self,
        x: Any,  # noqa: ANN401
        kernel: np.ndarray,
        bias: np.ndarray,
        strides: list[int],
        before: list[int],
        after: list[int],
    ) -> Any:  # noqa: ANN401
        """Transposed, with (in, out, …); before and after are cut off."""

    @abc.abstractmethod
    def _normalize(
        self,
        x: Any,  # noqa: ANN401
        gamma: np.ndarray,
        beta: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
    ) -> Any:  # noqa: ANN401
        """See `BatchNormalization`; a number a channel each."""

    @abc.abstractmethod
    def _max_pool(self, x: Any, size: list[int]) -> Any:  # noqa: ANN401
        """The largest of each cuboid of this size."""

    @abc.abstractmethod
    def _double(self, x: Any) -> Any:  # noqa: ANN401
        """See `UpSampling2D`."""


def _halves(totals: Sequence[int]) -> tuple[list[int], list[int]]:
    """Shares totals out to before and after, which gets the odd one."""
    before = [total // 2 for total in totals]
    return before, [t - b for t, b in zip(totals, before, strict=True)]
