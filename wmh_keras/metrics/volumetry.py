"""Volumes in millilitres."""

import numpy as np

from wmh_keras.metrics import labels


def volume_ml(mask: np.ndarray, voxel_mm3: float) -> float:
    """The volume of the voxels of label 1, in ml.

    Args:
        mask: (x, y, z), labels 0/1/2; label 2 does not count.
        voxel_mm3: the volume of one voxel in mm³.

    Returns:
        The volume in ml; 0.0 for an empty mask.

    Raises:
        ValueError: labels that are not allowed, or a voxel volume that is
            not a positive number.
    """
    labels.check_labels(mask, labels.OTHER_PATHOLOGY, "mask")
    if not 0 < voxel_mm3 < np.inf:
        raise ValueError(
            f"voxel_mm3: expected a positive number, received {voxel_mm3}"
        )
    return float(np.count_nonzero(mask == labels.WMH) * voxel_mm3 / 1000.0)
