"""Where lesions lie in the world, and on which side of the head."""

import numpy as np

from wmh_keras.metrics.components import Components

# So much of a lesion has to lie on one side for the lesion to be there.
SIDE_SHARE = 0.75


def centroids_mm(lesions: Components, affine_mm: np.ndarray) -> np.ndarray:
    """The mean place of each lesion's voxels.

    Args:
        lesions: the lesions.
        affine_mm: (4, 4) voxel indices to world millimetres, RAS+.

    Returns:
        (n, 3) float64: to the patient's right, to anterior, to superior.
    """
    return lesions.centroids @ affine_mm[:3, :3].T + affine_mm[:3, 3]


def sides(
    lesions: Components, affine_mm: np.ndarray, midline_x_mm: float
) -> list[str]:
    """On which of the patient's sides each lesion lies.

    Args:
        lesions: the lesions.
        affine_mm: (4, 4) voxel indices to world millimetres, RAS+.
        midline_x_mm: world x of the head's middle.

    Returns:
        "left" or "right" where at least three quarters of a lesion's voxels
        lie, or "both" for a lesion that reaches across; one a lesion.
    """
    right = np.zeros(lesions.count, np.int64)
    for owner, places in lesions.blocks():
        x_mm = sum(p * a for p, a in zip(places, affine_mm[0], strict=False))
        is_right = x_mm + affine_mm[0, 3] > midline_x_mm
        right += np.bincount(owner[is_right], minlength=lesions.count)
    return [_side(share) for share in right / lesions.sizes]


def _side(right_share: float) -> str:
    if right_share >= SIDE_SHARE:
        return "right"
    return "left" if right_share <= 1 - SIDE_SHARE else "both"
