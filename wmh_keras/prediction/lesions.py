"""The lesions of one prediction, as a table."""

import dataclasses
from typing import Any

import numpy as np

from data_prep.midline import midline_x_mm
from data_prep.size_classes import size_class
from data_prep.volume import Volume
from wmh_keras.metrics.components import find_components
from wmh_keras.metrics.lesion_places import centroids_mm, sides

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
# Of an ensemble alone.
DISAGREEMENT_COLUMN = "mean_disagreement"


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
      mean_disagreement: of an ensemble's members, over its voxels; None of a
        single network.
    """

    id: int
    centroid_mm: tuple[float, float, float]
    voxels: int
    volume_mm3: float
    size_class: str
    side: str
    mean_probability: float
    mean_disagreement: float | None = None

    def to_row(self) -> dict[str, Any]:
        """Returns the values of the columns, rounded for reading."""
        x_mm, y_mm, z_mm = (round(value, 2) for value in self.centroid_mm)
        row = {
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
        if self.mean_disagreement is not None:
            row[DISAGREEMENT_COLUMN] = round(self.mean_disagreement, 4)
        return row


def describe_lesions(
    mask: np.ndarray,
    probability: np.ndarray,
    flair: Volume,
    disagreement: np.ndarray | None = None,
) -> list[Lesion]:
    """Lists the lesions of a mask, the largest first.

    The side is where at least three quarters of a lesion's voxels lie, by
    their world x against the head's middle (`midline_x_mm`); "both" is a
    lesion that reaches across.

    Args:
      mask: (x, y, z), 0 or 1.
      probability: (x, y, z), 0 to 1.
      flair: the image that both belong to; gives affine and head.
      disagreement: (x, y, z) of an ensemble, or None.

    Returns:
      One entry a lesion; none for an empty mask.
    """
    found = find_components(mask)
    if not found.count:
        return []
    sizes = found.sizes
    centroids = centroids_mm(found, flair.affine_mm)
    means = found.mean_of(probability)
    spreads = None if disagreement is None else found.mean_of(disagreement)
    side = sides(found, flair.affine_mm, midline_x_mm(flair))
    # Stable: lesions of equal size stay in the order of their first voxels.
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
                side=side[index],
                mean_probability=float(means[index]),
                mean_disagreement=(
                    None if spreads is None else float(spreads[index])
                ),
            )
        )
    return lesions
