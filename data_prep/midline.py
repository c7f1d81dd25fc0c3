"""Where the middle of a head lies."""

import numpy as np

from data_prep.intensity import foreground
from data_prep.volume import Volume


def midline_x_mm(flair: Volume) -> float:
    """Estimates where the head's middle lies, as a world x.

    The centre of mass of the head's voxels (Otsu's threshold), each counting
    the same. A head that is turned or tilted has a middle that is no plane
    of equal x: the sides of lesions within a few mm of it are then uncertain.

    Args:
      flair: the image.

    Returns:
      World x in mm, rising to the patient's right.
    """
    head = foreground(flair.data)
    centre = [
        np.average(
            np.arange(flair.shape[axis]),
            weights=head.sum(axis=tuple({0, 1, 2} - {axis})),
        )
        for axis in range(3)
    ]
    return float(flair.affine_mm[0, :3] @ centre + flair.affine_mm[0, 3])
