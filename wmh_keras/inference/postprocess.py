"""From a probability map on the native grid to a mask."""

import numpy as np

from wmh_keras.metrics.lesion import (
    bounding_box,
    label_lesions,
    lesion_sizes,
)

# Spacings are stored as float32, so that a lesion of exactly the minimum size
# may come out smaller by as much.
_RELATIVE_TOLERANCE = 1e-6


def threshold_probability(
    probability: np.ndarray, threshold: float
) -> np.ndarray:
    """Marks the voxels whose probability reaches the threshold.

    Args:
      probability: any shape, 0 to 1.
      threshold: above 0 and at most 1.

    Returns:
      uint8 of the same shape: 1 where probability >= threshold, else 0.

    Raises:
      ValueError: the threshold is outside its range.
    """
    check_threshold(threshold)
    return (probability >= threshold).astype(np.uint8)


def remove_small_lesions(
    mask: np.ndarray, voxel_mm3: float, min_lesion_mm3: float
) -> np.ndarray:
    """Removes lesions that are strictly smaller than a minimum.

    A lesion is a 26-connected component, labelled by the function that
    counts lesions in evaluation.

    Args:
      mask: (x, y, z), 0 or 1.
      voxel_mm3: volume of a voxel in mm³.
      min_lesion_mm3: smallest lesion that stays, in mm³; 0 keeps all.

    Returns:
      uint8 of the same shape. An empty mask stays empty.

    Raises:
      ValueError: a negative minimum, or one that is not a number.
    """
    check_min_lesion_mm3(min_lesion_mm3)
    mask = np.asarray(mask, np.uint8)
    box = bounding_box(mask)
    if min_lesion_mm3 == 0 or box is None:
        return mask
    # Lesions fill a small part of a volume: look at their bounding box alone.
    labels, count = label_lesions(mask[box])
    stays = is_large_enough(
        lesion_sizes(labels, count) * voxel_mm3, min_lesion_mm3
    )
    result = np.zeros_like(mask)
    result[box] = np.concatenate([[False], stays])[labels]
    return result


def is_large_enough(sizes_mm3: np.ndarray, min_lesion_mm3: float) -> np.ndarray:
    """Says which lesions stay, of any shape; all of them with a minimum of 0.

    Args:
      sizes_mm3: volumes of lesions in mm³.
      min_lesion_mm3: smallest lesion that stays.
    """
    return sizes_mm3 >= min_lesion_mm3 * (1 - _RELATIVE_TOLERANCE)


def check_threshold(threshold: float) -> None:
    """Raises a ValueError for a threshold outside 0 (exclusive) to 1."""
    if not 0 < threshold <= 1:
        raise ValueError(
            f"threshold: expected above 0 and at most 1, received {threshold}"
        )


def check_min_lesion_mm3(min_lesion_mm3: float) -> None:
    """Raises a ValueError for a minimum size that is not 0 or more."""
    if not 0 <= min_lesion_mm3 < float("inf"):
        raise ValueError(
            f"min_lesion_mm3: expected 0 or more, received {min_lesion_mm3}"
        )
