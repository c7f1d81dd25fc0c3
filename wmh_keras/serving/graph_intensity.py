"""`data_prep.intensity` as TensorFlow operations, for a model that is served.

The one permitted second writing of the preprocessing. It takes its constants
from the first, and is tested against it. What the first refuses, this one
refuses too: an `Assert` in the graph, which a server answers with its message.
"""

import numpy as np
import tensorflow as tf

from data_prep.intensity import (
    CLIPPED_BEYOND,
    MAD_TO_STD,
    MAX_CLIPPINGS,
    MAX_STEPS,
    MIN_FOREGROUND,
)

_EPSILON = float(np.finfo(np.float32).eps)


def normalize(volume: tf.Tensor, rule: str) -> tf.Tensor:
    """Scales intensities over a whole volume.

    Args:
      volume: (z, h, w) float32.
      rule: one of `preprocess_config.NORMALIZATIONS`, see
        `intensity.centre_and_spread`.

    Returns:
      float32 of the same shape. Running it fails where a voxel is not
      finite, all are equal or, for "robust_zscore" and "clipped_zscore", no
      head is found or half of what they look at has one value.
    """
    # float64 sums: float32 ones drift on 10^7 voxels.
    wide = tf.cast(volume, tf.float64)
    mean = tf.reduce_mean(wide)
    checks = [
        _check(tf.math.is_finite(mean), "volume: a voxel is NaN or infinite")
    ]
    # Two-pass, as NumPy's: of the differences from the mean.
    std = tf.math.reduce_std(wide)
    has_spread = std > _EPSILON * tf.abs(mean)
    checks.append(_check(has_spread, "volume: all voxels have the same value"))
    with tf.control_dependencies(checks):
        if rule == "none":
            return tf.identity(volume)
        centre, spread = mean, std
        if rule != "zscore":
            centre, spread = _centre_and_spread_of_head(volume, wide, rule)
        return tf.cast((wide - centre) / spread, tf.float32)


def background_value(planes: tf.Tensor) -> tf.Tensor:
    """Estimates the value outside the head, see `intensity.background_value`.

    Args:
      planes: (z, h, w) float32.

    Returns:
      The median over the outermost pixels of every plane, float32.
    """
    shape = tf.shape(planes)
    rows, columns = tf.range(shape[1]), tf.range(shape[2])
    is_rim = (_is_end(rows, shape[1])[:, tf.newaxis]) | _is_end(
        columns, shape[2]
    )
    return _median(tf.boolean_mask(planes, is_rim, axis=1))


def _is_end(indices: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return (indices == 0) | (indices == size - 1)


def _centre_and_spread_of_head(
    volume: tf.Tensor, wide: tf.Tensor, rule: str
) -> tuple[tf.Tensor, tf.Tensor]:
    ordered = _ordered_inside(volume, wide, rule)
    if rule == "robust_zscore":
        centre, spread = _median_and_deviation(ordered)
    else:
        centre, spread = _clipped(ordered)
    has_spread = _check(
        _has_spread(centre, spread),
        f"volume: half of the foreground that {rule} looks at has the same "
        f"value, so {rule} has no spread to divide by; is it an image?",
    )
    with tf.control_dependencies([has_spread]):
        return tf.identity(centre), tf.identity(spread)


def _ordered_inside(volume: tf.Tensor, wide: tf.Tensor, rule: str) -> tf.Tensor:
    """The voxels of the head from dark to bright, float64."""
    threshold = _foreground_threshold(volume, wide)
    inside = tf.boolean_mask(volume, volume > threshold)
    count = tf.cast(tf.size(inside, tf.int64), tf.float64)
    size = tf.cast(tf.size(volume, tf.int64), tf.float64)
    found = _check(
        count >= MIN_FOREGROUND * size,
        f"volume: a few voxels outshine all others, so {rule} finds no head; "
        "remove artefacts",
    )
    with tf.control_dependencies([found]):
        return tf.cast(tf.sort(inside), tf.float64)


def _clipped(ordered: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`intensity._clipped`; ends where there is no spread, which to check."""

    def goes_on(step: tf.Tensor, *state: tf.Tensor) -> tf.Tensor:
        return (step < MAX_CLIPPINGS) & ~state[-1]

    def clip(
        step: tf.Tensor, low: tf.Tensor, high: tf.Tensor, *_: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        centre, spread = _median_and_deviation(ordered[low:high])
        reach = CLIPPED_BEYOND * spread
        first = tf.searchsorted(ordered, [centre - reach], "left")[0]
        end = tf.searchsorted(ordered, [centre + reach], "right")[0]
        is_same = (first == low) & (end == high)
        ends = is_same | ~_has_spread(centre, spread)
        return step + 1, first, end, centre, spread, ends

    zero = tf.constant(0, tf.float64)
    start = tf.constant(0), tf.constant(0), tf.size(ordered), zero, zero
    state = tf.while_loop(goes_on, clip, (*start, tf.constant(False)))
    return state[3], state[4]


def _median_and_deviation(ordered: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of sorted values, without sorting their deviations once a clipping.

    The k-th smallest deviation is the half width of the narrowest interval
    around the median that holds k values, and these are neighbours.
    """
    count = tf.size(ordered)
    below, above = (count - 1) // 2, count // 2
    median = (ordered[below] + ordered[above]) / 2

    def deviation(rank: tf.Tensor) -> tf.Tensor:
        lowest, highest = ordered[: count - rank], ordered[rank:]
        return tf.reduce_min(tf.maximum(median - lowest, highest - median))

    return median, MAD_TO_STD * ((deviation(below) + deviation(above)) / 2)


def _has_spread(centre: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    return spread > _EPSILON * tf.abs(centre)


def _foreground_threshold(volume: tf.Tensor, wide: tf.Tensor) -> tf.Tensor:
    """`intensity.foreground_threshold`; float32, as NumPy compares with it."""
    size = tf.size(wide, tf.int64)
    total = tf.reduce_sum(wide)

    def moves(
        step: tf.Tensor, threshold: tf.Tensor, count: tf.Tensor, ends: tf.Tensor
    ) -> tf.Tensor:
        del threshold, count
        return (step < MAX_STEPS) & ~ends

    def move(
        step: tf.Tensor, threshold: tf.Tensor, count: tf.Tensor, ends: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        is_above = volume > tf.cast(threshold, tf.float32)
        above = tf.math.count_nonzero(is_above)
        top = tf.reduce_sum(tf.where(is_above, wide, 0))
        is_degenerate = (above == 0) | (above == size)
        ends = is_degenerate | (above == count)
        moved = (
            top / tf.cast(above, tf.float64)
            + (total - top) / tf.cast(size - above, tf.float64)
        ) / 2
        moved = tf.where(ends, threshold, moved)
        lowest = tf.reduce_min(wide)
        return step + 1, tf.where(is_degenerate, lowest, moved), above, ends

    start = (
        tf.constant(0),
        total / tf.cast(size, tf.float64),
        tf.constant(-1, tf.int64),
        tf.constant(False),
    )
    _, threshold, _, _ = tf.while_loop(moves, move, start)
    return tf.cast(threshold, tf.float32)


def _median(values: tf.Tensor) -> tf.Tensor:
    """The median of values of any shape; of an even number the middle two's."""
    ordered = tf.sort(tf.reshape(values, [-1]))
    count = tf.size(ordered)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2


def _check(condition: tf.Tensor, message: str) -> tf.Operation:
    return tf.debugging.Assert(condition, [message])
