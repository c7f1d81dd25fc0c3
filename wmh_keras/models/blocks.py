"""Layers that several networks are made of, and checks of their arguments."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import keras

# Wide enough for any published network; keeps a damaged or hostile model.json
# from asking for more memory than a machine has.
MAX_FILTERS = 2048
MAX_FILTERS_3D = 1024  # a kernel has three times the weights
MAX_LEVELS = 8
MAX_CHANNELS = 64
MAX_SIDE = 4096
MAX_PATCH_VOXELS = 1 << 24
# Of the moving statistics, which inference uses. With Keras's 0.99 they lag a
# hundred steps behind the weights: a few epochs of a small data set.
_MOMENTUM = 0.9


class LayerApi(Protocol):
    """What the networks are written in: the module `keras`, as a rule.

    Whatever else offers layers of the same names and arguments builds the
    same networks without Keras.
    """

    layers: Any
    Input: Any
    Model: Any


def double_convolution(
    api: LayerApi,
    x: "keras.KerasTensor",
    filters: int,
    *,
    name: str,
    dtype: str,
) -> "keras.KerasTensor":
    """Applies (3×3 convolution, batch normalisation, ReLU) twice.

    Args:
      api: What offers the layers, see `blocks.LayerApi`.
      x: (b, h, w, c) features.
      filters: Channels of the result.
      name: Prefix of the names of the six layers.
      dtype: Keras dtype policy of the layers.

    Returns:
      (b, h, w, filters) features.
    """
    for index in (1, 2):
        prefix = f"{name}_{index}"
        x = api.layers.Conv2D(
            filters, 3, padding="same", dtype=dtype, name=f"{prefix}_conv"
        )(x)
        x = norm_relu(api, x, name=prefix, dtype=dtype)
    return x


def norm_relu(
    api: LayerApi, x: "keras.KerasTensor", *, name: str, dtype: str
) -> "keras.KerasTensor":
    """Applies batch normalisation, then ReLU.

    Args:
      api: What offers the layers, see `blocks.LayerApi`.
      x: (b, …, c) features, of slices or of volumes.
      name: Prefix of the names of the two layers.
      dtype: Keras dtype policy of the layers.

    Returns:
      Features of the same shape.
    """
    x = api.layers.BatchNormalization(
        momentum=_MOMENTUM, dtype=dtype, name=f"{name}_norm"
    )(x)
    return api.layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)


def check_whole_number(name: str, value: object, maximum: int) -> int:
    """Returns value when it is an int from 1 to maximum.

    Raises:
      ValueError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, received {value!r}")
    if not 1 <= value <= maximum:
        raise ValueError(
            f"{name}: expected a number from 1 to {maximum}, received {value}"
        )
    return value


def check_boolean(name: str, value: object) -> bool:
    """Returns value when it is True or False.

    Raises:
      ValueError: It is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, received {value!r}")
    return value


def check_filters(
    filters: object, maximum: int = MAX_FILTERS
) -> tuple[int, ...]:
    """Returns the filters of each level as a tuple.

    Raises:
      ValueError: Not a sequence of 1 to MAX_LEVELS whole numbers up to
        maximum.
    """
    if not isinstance(filters, Sequence) or isinstance(filters, str):
        raise ValueError(
            "filters: expected a sequence of whole numbers such as "
            f"(16, 32, 64), received {filters!r}"
        )
    if not 1 <= len(filters) <= MAX_LEVELS:
        raise ValueError(
            f"filters: expected 1 to {MAX_LEVELS} levels, received "
            f"{len(filters)}: {filters!r}"
        )
    return tuple(
        check_whole_number("filters", number, maximum) for number in filters
    )


def check_side(side: object, multiple_of: int) -> int | None:
    """Returns the side of a slice in pixels, or None for any side.

    Args:
      side: Side in pixels, or None for any that multiple_of divides.
      multiple_of: What the poolings of the network divide the side by.

    Raises:
      ValueError: Not a whole number in range, or not a multiple.
    """
    if side is None:
        return None
    value = check_whole_number("side", side, MAX_SIDE)
    if value % multiple_of:
        raise ValueError(
            f"side: expected a multiple of {multiple_of} (each of the "
            f"poolings halves it), received {value}"
        )
    return value


def check_patch_shape(
    patch_shape: object, multiples_of: Sequence[int]
) -> tuple[int, int, int]:
    """Returns depth, height and width of a patch in voxels.

    Args:
      patch_shape: Three whole numbers (d, h, w).
      multiples_of: What the poolings of the network divide each by.

    Raises:
      ValueError: Not three whole numbers in range, not multiples, or more
        than MAX_PATCH_VOXELS together.
    """
    is_sequence = isinstance(patch_shape, Sequence)
    if not is_sequence or isinstance(patch_shape, str) or len(patch_shape) != 3:
        raise ValueError(
            "patch_shape: expected depth, height and width such as "
            f"(16, 128, 128), received {patch_shape!r}"
        )
    shape = tuple(
        check_whole_number("patch_shape", number, MAX_SIDE)
        for number in patch_shape
    )
    pairs = zip(shape, multiples_of, strict=True)
    if any(number % multiple for number, multiple in pairs):
        raise ValueError(
            "patch_shape: expected multiples of "
            f"{', '.join(map(str, multiples_of))} (each of the poolings "
            f"halves it), received {', '.join(map(str, shape))}"
        )
    if math.prod(shape) > MAX_PATCH_VOXELS:
        raise ValueError(
            f"patch_shape: expected at most {MAX_PATCH_VOXELS:,} voxels, "
            f"received {math.prod(shape):,}"
        )
    return shape
