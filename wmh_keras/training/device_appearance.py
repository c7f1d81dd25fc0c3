"""How `device_augmentation` changes how slices look.

What `augmentation_appearance` does on the host, in operations of the backend.
Whatever is linear along an axis is a matrix here: accelerators multiply
matrices faster than they do anything else. Those that round the factors of a
product to 11 bits change a blurred slice by some thousandths.
"""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from wmh_keras.training.augmentation_appearance import FIELD, blur_reach
from wmh_keras.training.augmentation_config import AugmentationConfig

Tensor = keras.KerasTensor  # or that of the backend


def change_appearance(
    image: Tensor, changes: Mapping[str, Tensor], config: AugmentationConfig
) -> Tensor:
    """Changes a batch, every slice in its own way.

    Args:
      image: (b, h, w, c) float32, z-scored.
      changes: From `augmentation_appearance.draw_appearance`.
      config: What it was drawn for; its probability is above 0.

    Returns:
      The same shape and type.
    """
    if config.blur_px:
        image = _blur(image, changes["blur_share"], config)
    if config.motion_ghosts:
        image = _add_ghosts(image, changes["ghosts"])
    if config.bias_field:
        image = _add_bias_field(image, changes["bias_nodes"])
    if config.gamma:
        image = _change_gamma(image, changes["gamma_power"])
    return image


def _blur(image: Tensor, share: Tensor, config: AugmentationConfig) -> Tensor:
    blurred = _along_axes(
        image, *(_blur_matrix(size, config) for size in image.shape[1:3])
    )
    return image + _each(share) * (blurred - image)


def _blur_matrix(size: int, config: AugmentationConfig) -> np.ndarray:
    """Returns (size, size) float32: a Gaussian, mirrored at the border."""
    reach = blur_reach(config)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / config.blur_px) ** 2)
    weights /= weights.sum()
    # Whose pixel each padded one is: 1, 0, 0, 1, …, n - 1, n - 1, n - 2.
    source = np.pad(np.arange(size), reach, "symmetric")
    matrix = np.zeros((size, size))
    for row in range(size):
        np.add.at(matrix[row], source[row : row + len(weights)], weights)
    return matrix.astype(np.float32)


def _add_ghosts(image: Tensor, ghosts: Tensor) -> Tensor:
    real, imaginary, share_y, share_x = (ghosts[:, k] for k in range(4))
    low = ops.min(image, (1, 2), keepdims=True)
    signal = image - low
    there, back = (
        _roll(signal, sign * share_y, sign * share_x) for sign in (1, -1)
    )
    ghost = (there + back) / 2
    moved = ops.sqrt(
        (signal + _each(real) * ghost) ** 2 + (_each(imaginary) * ghost) ** 2
    )
    level, level_2 = (
        ops.mean(values, (1, 2), keepdims=True) for values in (signal, moved)
    )
    moved = moved * (level / ops.maximum(level_2, 1e-6))
    is_haunted = _each((real != 0) | (imaginary != 0))
    return ops.where(is_haunted, moved + low, image)


def _roll(image: Tensor, share_y: Tensor, share_x: Tensor) -> Tensor:
    """Rolls each of (b, h, w, c) by shares (b,) of its own height and width."""
    for axis, share in ((1, share_y), (2, share_x)):
        size = image.shape[axis]
        shift = ops.cast(ops.round(share * size), "int32")
        places = (ops.arange(size, dtype="int32") - shift[:, None]) % size
        places = (
            places[:, :, None, None] if axis == 1 else places[:, None, :, None]
        )
        image = ops.take_along_axis(
            image, ops.broadcast_to(places, image.shape), axis=axis
        )
    return image


def _add_bias_field(image: Tensor, nodes: Tensor) -> Tensor:
    field = _along_axes(
        nodes, *(_resize_matrix(size) for size in image.shape[1:3])
    )
    low = ops.min(image, (1, 2), keepdims=True)
    return image + (image - low) * field


def _resize_matrix(size: int) -> np.ndarray:
    """Returns (size, FIELD) float32: the host's bicubic interpolation."""
    nodes = np.eye(FIELD, dtype=np.float32)[:, :, None, None]
    # A step of TensorFlow may be compiled around this.
    with tf.init_scope():
        resized = tf.image.resize(nodes, (size, 1), "bicubic").numpy()
    return resized[:, :, 0, 0].T


def _change_gamma(image: Tensor, powers: Tensor) -> Tensor:
    power = _each(powers)
    low = ops.min(image, (1, 2), keepdims=True)
    span = ops.maximum(ops.max(image, (1, 2), keepdims=True) - low, 1e-6)
    bent = ((image - low) / span) ** power
    mean, mean_2 = (
        ops.mean(values, (1, 2), keepdims=True) for values in (image, bent)
    )
    variance, variance_2 = (
        ops.var(values, (1, 2), keepdims=True) for values in (image, bent)
    )
    scale = ops.sqrt(variance / ops.maximum(variance_2, 1e-12))
    return ops.where(power != 1, (bent - mean_2) * scale + mean, image)


def _along_axes(image: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """Applies a matrix along y and one along x of (b, h, w, c)."""
    image = ops.einsum("yj,bjxc->byxc", rows, image)
    return ops.einsum("xj,byjc->byxc", columns, image)


def _each(values: Tensor) -> Tensor:
    """Returns (b,) as (b, 1, 1, 1), one for each slice."""
    return values[:, None, None, None]
