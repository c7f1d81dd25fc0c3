"""Scaling of a volume's intensities, and its failure modes."""

import numpy as np
import skimage.filters

from data_prep.errors import VolumeError


def normalize(data: np.ndarray, rule: str) -> tuple[np.ndarray, float, float]:
    """Scales intensities over the whole 3-D volume.

    Args:
      data: (x, y, z), any real numbers.
      rule: "zscore" (mean 0, standard deviation 1 over all voxels, as in the
        paper) or "none".

    Returns:
      (scaled float32 of the same shape, mean, std), so that
      scaled = (data - mean) / std; for "none" 0 and 1.

    Raises:
      VolumeError: a voxel is not finite, or all are equal.
      ValueError: unknown rule.
    """
    if rule == "none":
        return np.asarray(data, np.float32), 0.0, 1.0
    if rule != "zscore":
        raise ValueError(f"expected zscore or none, received {rule!r}")
    # float64 sums: float32 ones drift on 10^7 voxels.
    mean = float(data.mean(dtype=np.float64))
    if not np.isfinite(mean):
        raise VolumeError("a voxel is NaN or infinite")
    std = float(data.std(dtype=np.float64))
    if std <= np.finfo(np.float32).eps * abs(mean):
        raise VolumeError("all voxels have the same value")
    scaled = (np.asarray(data, np.float64) - mean) / std
    return scaled.astype(np.float32), mean, std


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
    # Flat, since a thin volume would be taken for a colour image.
    return data > skimage.filters.threshold_otsu(data.ravel())
