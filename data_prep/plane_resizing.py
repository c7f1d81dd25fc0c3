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
    top, down = _triangle_taps(planes.shape[1], shape[0])
    left, across = _triangle_taps(planes.shape[2], shape[1])
    resized = np.empty((len(planes), *shape), np.float32)
    # By hand, as above; a product with a stack of matrices, which are mostly
    # zeros, took forty times the processor time.
    rows = np.empty((shape[0], planes.shape[2]), np.float32)
    for plane, result in zip(planes, resized, strict=True):
        _weigh(plane, top, down[..., np.newaxis], 0, rows)
        _weigh(rows, left, across, 1, result)
    return resized


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


def _weigh(
    plane: np.ndarray,
    lowest: np.ndarray,
    weights: np.ndarray,
    axis: int,
    into: np.ndarray,
) -> None:
    """Sums up taps along an axis: the k-th has the index lowest + k."""
    tap = np.empty_like(into)
    into[:] = 0
    for number, weight in enumerate(weights):
        _take(plane, lowest + number, axis, tap)
        tap *= weight
        into += tap


@functools.lru_cache(maxsize=64)
def _triangle_taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Works out the triangles of new <= old pixels.

    Returns:
      (new,) the lowest index with a weight, and (taps, new) float32 the
      weights from there on, which add up to 1; 0 where the plane has ended.
    """
    factor = old / new
    centre = (np.arange(new) + 0.5) * factor
    lowest = np.maximum(np.floor(centre - factor - 0.5).astype(int) + 1, 0)
    index = lowest + np.arange(int(2 * factor) + 1)[:, np.newaxis]
    weights = np.maximum(1 - np.abs(index + 0.5 - centre) / factor, 0)
    weights[index >= old] = 0
    weights = (weights / weights.sum(axis=0)).astype(np.float32)
    for array in (lowest, weights):
        array.flags.writeable = False
    return lowest, weights
