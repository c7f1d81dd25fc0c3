"""Scaling of a volume's intensities, and its failure modes."""

import numpy as np
import skimage.filters

from data_prep.errors import VolumeError
from data_prep.preprocess_config import NORMALIZATIONS

# Makes the median absolute deviation estimate the standard deviation of
# normally distributed values (Rousseeuw and Croux, 1993).
MAD_TO_STD = 1.4826
MAX_STEPS = 1000
# Beyond so many spreads from the centre lie scalp, fat, fluid and bone.
CLIPPED_BEYOND = 2.5
# Real volumes take 2 to 13. A few voxels that come and go by turns would never
# settle; then the last of these counts.
MAX_CLIPPINGS = 100
# A head fills a tenth of a volume or more; less than this is artefacts.
MIN_FOREGROUND = 0.01
# Otsu's threshold squares intensities and counts of voxels in float32.
_SQUARABLE = (1e-12, 1e12)


def normalize(data: np.ndarray, rule: str) -> tuple[np.ndarray, float, float]:
    """Scales intensities over the whole 3-D volume.

    Args:
      data: (x, y, z), any real numbers.
      rule: one of `NORMALIZATIONS`, see `centre_and_spread`.

    Returns:
      (scaled float32 of the same shape, centre, spread), so that
      scaled = (data - centre) / spread.

    Raises:
      VolumeError: a voxel is not finite, or the values do not spread.
      ValueError: unknown rule.
    """
    centre, spread = centre_and_spread(data, rule)
    if rule == "none":
        return np.asarray(data, np.float32), centre, spread
    # Stored plane by plane, as slices are prepared. A part of every plane at a
    # time fits the processor's cache in either order.
    scaled = np.empty(data.shape, np.float32, order="F")
    for y in range(data.shape[1]):
        part = np.asarray(data[:, y], np.float64)
        scaled[:, y] = (part - centre) / spread
    return scaled, centre, spread


def centre_and_spread(data: np.ndarray, rule: str) -> tuple[float, float]:
    """Works out what a volume is scaled by.

    "zscore" takes mean and standard deviation of all voxels, as the paper.
    "robust_zscore" takes the median and 1.4826 times the median absolute
    deviation, the robust estimates of the two (Rousseeuw and Croux, 1993,
    doi 10.1080/01621459.1993.10476408), of the voxels above
    `foreground_threshold` alone: over all voxels both would be 0 where more
    than half of a volume is background of value 0. "clipped_zscore" goes on
    from there: it leaves out what lies more than 2.5 spreads from the centre,
    takes both of what is left, and again, until no voxel falls out or comes
    back (sigma clipping, about the median). What stays is the peak of the
    brain's tissue, so that a head with its scalp and the same head without it
    are scaled nearly alike; what lies beside the peak, such as dark muscle,
    stays with it. "none" gives 0 and 1.

    Args:
      data: (x, y, z), any real numbers.
      rule: one of `NORMALIZATIONS`.

    Returns:
      (centre, spread); the spread is above 0.

    Raises:
      VolumeError: a voxel is not finite, all are equal or, for
        "robust_zscore" and "clipped_zscore", the foreground is below 1 % of
        the volume, or half of it or of what clipping leaves has one value.
      ValueError: unknown rule.
    """
    if rule not in NORMALIZATIONS:
        raise ValueError(
            f"expected one of {', '.join(NORMALIZATIONS)}, received {rule!r}"
        )
    if rule == "none":
        return 0.0, 1.0
    # float64 sums: float32 ones drift on 10^7 voxels.
    mean = float(data.mean(dtype=np.float64))
    if not np.isfinite(mean):
        raise VolumeError("a voxel is NaN or infinite")
    std = float(data.std(dtype=np.float64))
    if std <= np.finfo(np.float32).eps * abs(mean):
        raise VolumeError("all voxels have the same value")
    if rule == "zscore":
        return mean, std
    inside = _inside(data, rule)
    if rule == "robust_zscore":
        return _median_and_deviation(inside, rule)
    return _clipped(inside, rule)


def _inside(data: np.ndarray, rule: str) -> np.ndarray:
    """The voxels of the head, float64."""
    threshold = foreground_threshold(data)
    inside = data[data > threshold].astype(np.float64)
    if inside.size < MIN_FOREGROUND * data.size:
        raise VolumeError(
            f"{inside.size} of {data.size} voxels outshine all others (they "
            f"lie above {threshold:g}), so {rule} finds no head. Is it "
            f"a mask? Else remove artefacts, or prepare with another "
            f"--normalization"
        )
    return inside


def _clipped(inside: np.ndarray, rule: str) -> tuple[float, float]:
    """Median and deviation of what lies near them, see centre_and_spread."""
    ordered = np.sort(inside)  # so that what stays is one slice of it
    kept = 0, ordered.size
    for _ in range(MAX_CLIPPINGS):
        # Never of nothing: half of the values lie within one spread.
        centre, spread = _median_and_deviation(ordered[slice(*kept)], rule)
        reach = CLIPPED_BEYOND * spread
        low = int(np.searchsorted(ordered, centre - reach, "left"))
        high = int(np.searchsorted(ordered, centre + reach, "right"))
        if (low, high) == kept:
            break
        kept = low, high
    return centre, spread


def _median_and_deviation(values: np.ndarray, rule: str) -> tuple[float, float]:
    median = float(np.median(values))
    spread = MAD_TO_STD * float(np.median(np.abs(values - median)))
    if spread <= np.finfo(np.float32).eps * abs(median):
        raise VolumeError(
            f"half of the foreground that {rule} looks at has the same value "
            f"({median:g}), so {rule} has no spread to divide by; is it an "
            f"image? Take another --normalization"
        )
    return median, spread


def foreground_threshold(data: np.ndarray) -> float:
    """Finds the value between background and head, iteratively.

    The threshold moves to the middle between the means of what lies below
    and above it, until nothing changes sides (Ridler and Calvard, 1978,
    doi 10.1109/TSMC.1978.4310039); it starts at the mean of all. Unlike a
    histogram's, the result does not jump with a few very bright voxels.

    Args:
      data: finite real numbers of any shape, not all equal.

    Returns:
      The threshold; at least one value lies above it, and one does not.
    """
    total, size = float(data.sum(dtype=np.float64)), data.size
    threshold, count = total / size, -1
    for _ in range(MAX_STEPS):  # about 10 on real volumes
        above = data[data > threshold]
        # Not all equal, and yet none above their mean: rounding.
        if above.size in (0, size):
            return float(data.min())
        if above.size == count:
            break
        count, top = above.size, float(above.sum(dtype=np.float64))
        threshold = (top / count + (total - top) / (size - count)) / 2
    return threshold


def background_value(slices: np.ndarray) -> float:
    """Estimates the value outside the head: the median of the slices' rims.

    Args:
      slices: (z, h, w).

    Returns:
      The median over the outermost pixels of every slice.
    """
    rim = np.ones(slices.shape[1:], bool)
    rim[1:-1, 1:-1] = False
    return float(np.median(slices[:, rim]))


def foreground(data: np.ndarray) -> np.ndarray:
    """Tells head from background by Otsu's threshold (Otsu, 1979).

    Args:
      data: real numbers of any shape, not all equal.

    Returns:
      bool, the same shape.
    """
    largest = max(data.max(), -data.min())
    if not _SQUARABLE[0] < largest < _SQUARABLE[1]:
        # By a power of two, which rounds nothing.
        data = np.ldexp(data, -np.frexp(largest)[1])
    # Flat, since a thin volume would be taken for a colour image.
    return data > skimage.filters.threshold_otsu(data.ravel())
