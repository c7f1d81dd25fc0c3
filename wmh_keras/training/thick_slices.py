"""Thick slices made of thin ones, as a 2-D acquisition would have seen them.

A slice of 6 mm shows the mean of the tissue in it. So the mean of six slices
of 1 mm looks like it, with the partial volume that clinical FLAIR has and 1 mm
FLAIR has not.
"""

import dataclasses

import numpy as np

from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH


@dataclasses.dataclass(frozen=True)
class ThickSlices:
    """How often slices are thickened, and to what.

    Attributes:
      share: Of the slices of a thin volume that are thickened, 0 to 1.
      low_mm: Thickness at least.
      high_mm: Thickness at most.
      label_share: Of the slices that become one: a pixel that so many label
        as a lesion is one.
    """

    share: float = 0.0
    low_mm: float = 5.0
    high_mm: float = 8.0
    label_share: float = 0.5

    def draw(self, spacing_mm: float, draw: np.random.Generator) -> int:
        """Draws how many slices of a volume become one.

        Args:
          spacing_mm: Distance of its slices.
          draw: Source of randomness.

        Returns:
          The number, 1 for a slice that stays as it is. Volumes whose slices
          are about as thick as asked for stay as they are.
        """
        if draw.random() >= self.share:
            return 1
        thickness = draw.uniform(self.low_mm, self.high_mm)
        return max(1, round(thickness / spacing_mm))


def thicken(
    image: np.ndarray, mask: np.ndarray, label_share: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Makes one slice of several.

    Args:
      image: (d, h, w, c) float.
      mask: (d, h, w) uint8 with the labels 0, 1, 2.
      label_share: Of the slices, above 0. People mark what they see, and a
        bright lesion shows where it fills less than half of a thick slice.

    Returns:
      Image (1, h, w, c) float32, the mean, and mask (1, h, w) uint8: the
      label that at least that share of the slices has, WMH before other
      pathology, else 0.
    """
    thick = np.mean(image, axis=0, dtype=np.float32, keepdims=True)
    labels = np.zeros_like(mask[:1])
    for label in (OTHER_PATHOLOGY, WMH):
        labels[np.mean(mask == label, axis=0, keepdims=True) >= label_share] = (
            label
        )
    return thick, labels
