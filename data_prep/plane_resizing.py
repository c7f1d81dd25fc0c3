"""Resizing of planes: linear, antialiased, nearest; pixel centres at 1/2."""

import functools

import numpy as np


def resize_linear(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resizes planes bilinearly, pixel centres at half-integers.

    The convention is that of `tf.image.resize` without antialiasing: an
    output pixel takes its value at its centre, and beyond the outermost
    centres the border value goes on.

    Args:
      planes: (z, h, w) float32.
      shape: the new (h, w).

    Returns:
      (z, *shape) float32; the input itself where the shape is the same.
    """
    if planes.shape[1:] == tuple(shape):
        return planes
    top, bottom, down = _linear_taps(planes.shape[1], shape[0])
    left, right, across = _linear_taps(planes.shape[2], shape[1])
    resized = np.empty((len(planes), *shape), np.float32)
    # Two values by hand: a product of matrices is mostly zeros, and rounded
    # differently by every processor's library. Plane by plane in the same
    # arrays, which stay in the processor's cache.
    rows, next_rows = np.empty((2, planes.shape[1], shape[1]), np.float32)
    next_result = np.empty(shape, np.float32)
    for plane, result in zip(planes, resized, strict=True):
        _take(plane, left, 1, rows)
        _take(plane, right, 1, next_rows)
        _move_towards(rows, next_rows, across)
        _take(rows, top, 0, result)
        _take(rows, bottom, 0, next_result)
        _move_towards(result, next_result, down[:, np.newaxis])
    return resized


def resize_antialiased(
    planes: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Resizes planes bilinearly to a smaller shape, every pixel counted.

    The convention is that of `tf.image.resize` with antialiasing: the weights
    are a triangle around the output pixel's centre that is as many times
    wider as the plane becomes smaller.

    Args:
      planes: (z, h, w) float32.
      shape: the new (h, w), no larger.

    Returns:
      (z, *shape) float32.
    """
    rows, columns = (
        _triangle_weights(old, new)
        for old, new in zip(planes.shape[1:], shape, strict=True)
    )
    return rows @ planes @ columns.T


def resize_nearest(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resizes planes (z, h, w) to (z, *shape) by the nearest pixel centre."""
    # Columns first: they are the slower ones, and there are fewer rows now.
    for axis, size in ((2, shape[1]), (1, shape[0])):
        old = planes.shape[axis]
        if old != size:
            # floor((i + 1/2) old / size), in integers: no rounding surprises.
            index = (2 * np.arange(size) + 1) * old // (2 * size)
            planes = np.take(planes, index, axis)
    return planes


@functools.lru_cache(maxsize=64)
def _linear_taps(
    old: int, new: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (new,) each: lower index, upper index, the upper one's share."""
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    centre = np.clip(centre, 0, old - 1)
    lower = np.minimum(centre.astype(int), max(old - 2, 0))
    share = (centre - lower).astype(np.float32)
    taps = lower, np.minimum(lower + 1, old - 1), share
    for array in taps:
        array.flags.writeable = False
    return taps


def _take(
    plane: np.ndarray, indices: np.ndarray, axis: int, into: np.ndarray
) -> None:
    # "clip" writes into the array itself, the default by way of a copy.
    np.take(plane, indices, axis, into, mode="clip")


def _move_towards(
    values: np.ndarray, others: np.ndarray, share: np.ndarray
) -> None:
    """Adds share (others - values) to the values; the others are lost."""
    others -= values
    others *= share
    values += others


@functools.lru_cache(maxsize=64)
def _triangle_weights(old: int, new: int) -> np.ndarray:
    """Returns (new, old) float32 for new <= old; rows add up to 1."""
    factor = old / new
    centre = (np.arange(new) + 0.5) * factor
    distance = np.abs(np.arange(old) + 0.5 - centre[:, np.newaxis])
    weights = np.maximum(1 - distance / factor, 0)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    weights.flags.writeable = False
    return weights
