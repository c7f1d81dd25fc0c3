"""The lesions of one prediction, as a table."""

import dataclasses
from typing import Any

import numpy as np

from data_prep.intensity import foreground
from data_prep.size_classes import size_class
from data_prep.volume import Volume
from wmh_keras.metrics.lesion import label_lesions

LESION_COLUMNS = (
    "id",
    "centroid_x_mm",
    "centroid_y_mm",
    "centroid_z_mm",
    "volume_mm3",
    "volume_ml",
    "voxels",
    "size_class",
    "side",
    "mean_probability",
)

# So much of a lesion has to lie on one side for the lesion to be there.
_SIDE_SHARE = 0.75


@dataclasses.dataclass(frozen=True)
class Lesion:
    """One 26-connected component of a mask.

    Attributes:
      id: from 1, the largest lesion first.
      centroid_mm: (x, y, z) in world millimetres, RAS+: to the patient's
        right, to anterior, to superior.
      voxels: its size in voxels.
      volume_mm3: its volume.
      size_class: "small", "medium" or "large".
      side: "left" or "right", the patient's, or "both".
      mean_probability: over its voxels.
    """

    id: int
    centroid_mm: tuple[float, float, float]
    voxels: int
    volume_mm3: float
    size_class: str
    side: str
    mean_probability: float

    def to_row(self) -> dict[str, Any]:
        """Returns the values of `LESION_COLUMNS`, rounded for reading."""
        x_mm, y_mm, z_mm = (round(value, 2) for value in self.centroid_mm)
        return {
            "id": self.id,
            "centroid_x_mm": x_mm,
            "centroid_y_mm": y_mm,
            "centroid_z_mm": z_mm,
            "volume_mm3": round(self.volume_mm3, 4),
            "volume_ml": round(self.volume_mm3 / 1000, 7),
            "voxels": self.voxels,
            "size_class": self.size_class,
            "side": self.side,
            "mean_probability": round(self.mean_probability, 4),
        }


def describe_lesions(
    mask: np.ndarray, probability: np.ndarray, flair: Volume
) -> list[Lesion]:
    """Lists the lesions of a mask, the largest first.

    The side is where at least three quarters of a lesion's voxels lie, by
    their world x against the head's middle (`midline_x_mm`); "both" is a
    lesion that reaches across.

    Args:
      mask: (x, y, z), 0 or 1.
      probability: (x, y, z), 0 to 1.
      flair: the image that both belong to; gives affine and head.

    Returns:
      One entry a lesion; none for an empty mask.
    """
    labels, count = label_lesions(mask)
    if not count:
        return []
    places = np.argwhere(labels)
    owner = labels[labels > 0]  # both in C order
    sizes = np.bincount(owner, minlength=count + 1)[1:]
    world = places @ flair.affine_mm[:3, :3].T + flair.affine_mm[:3, 3]
    centroids = np.stack(
        [
            np.bincount(owner, world[:, axis], count + 1)[1:] / sizes
            for axis in range(3)
        ],
        axis=1,
    )
    means = np.bincount(owner, probability[labels > 0], count + 1)[1:] / sizes
    is_right = world[:, 0] > midline_x_mm(flair)
    right = np.bincount(owner, is_right, count + 1)[1:] / sizes
    # Stable: lesions of equal size stay in the order of their labels.
    order = np.argsort(-sizes, kind="stable")
    lesions = []
    for number, index in enumerate(order, start=1):
        volume_mm3 = float(sizes[index] * flair.voxel_mm3)
        lesions.append(
            Lesion(
                id=number,
                centroid_mm=tuple(centroids[index].tolist()),
                voxels=int(sizes[index]),
                volume_mm3=volume_mm3,
                size_class=size_class(volume_mm3),
                side=_side(right[index]),
                mean_probability=float(means[index]),
            )
        )
    return lesions


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


def _side(right_share: float) -> str:
    if right_share >= _SIDE_SHARE:
        return "right"
    return "left" if right_share <= 1 - _SIDE_SHARE else "both"
