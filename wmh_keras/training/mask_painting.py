"""Lesions of other patients painted into a volume that lies on their grid.

Drawn spots and bands are few and simple. Masks of real patients bring lesions
of real shape to real places, confluent ones among them, also into scans of a
source whose own patients have few.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from wmh_keras.training.lesion_painting import TissueLevels, new_labels
from wmh_keras.training.lesion_places import FREE_MM, tissue_share
from wmh_keras.training.lesion_shapes import smooth_factors

# So much lies a mask beside its place at most.
_SHIFT_MM = 2.6
_FEWEST_VOXELS = 20
# Of the contrast that the volume's lesions have above the median of the head
# or brain; the white matter lies below it.
_CONTRASTS = (0.5, 1.7)
# Softness of an edge in pixels.
_EDGES = (0.5, 1.3)
# Changes of the contrast over a few millimetres and over one.
_SLOW, _FAST = (0.2, 6.0), (0.15, 1.2)


def cut_lesions(
    masks: np.ndarray,
    start: Sequence[int],
    shape: Sequence[int],
    spacing_mm: tuple[float, float],
    draw: np.random.Generator,
) -> np.ndarray | None:
    """Draws a patient and cuts a patch out of the mask.

    Args:
      masks: (n, z, side, side) bool or uint8, of n patients.
      start: (z, y, x) of the patch's first voxel; may lie outside.
      shape: (d, h, w) of the patch.
      spacing_mm: Of slices, and of pixels.
      draw: Source of randomness: who, swapped left and right or not, and a
        small shift.

    Returns:
      (d, h, w) bool; None where hardly a lesion voxel lies in the patch.
    """
    mask = masks[draw.integers(len(masks))]
    is_swapped = draw.random() < 0.5
    slice_mm, pixel_mm = spacing_mm
    most = np.array((slice_mm, pixel_mm, pixel_mm))
    most = np.round(_SHIFT_MM / most).astype(int)
    shifts = draw.integers(-most, most, endpoint=True)
    lesions = np.zeros(shape, bool)
    here, there = [], []
    for first, shift, length, size in zip(
        start, shifts, shape, mask.shape, strict=True
    ):
        at = np.arange(length) + first + shift
        inside = np.flatnonzero((at >= 0) & (at < size))
        here.append(inside)
        there.append(at[inside])
    if is_swapped:
        there[2] = mask.shape[2] - 1 - there[2]
    lesions[np.ix_(*here)] = mask[np.ix_(*there)]
    enough = np.count_nonzero(lesions) >= _FEWEST_VOXELS
    return lesions if enough else None


def paint_masks(
    image: np.ndarray,
    mask: np.ndarray,
    levels: TissueLevels,
    lesions: np.ndarray,
    pixel_mm: float,
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Paints lesions into neighbouring slices where a mask has them.

    Args:
      image: (d, h, w, 1) float.
      mask: (d, h, w) uint8 with the labels 0, 1, 2.
      levels: Of the volume.
      lesions: (d, h, w) bool.
      pixel_mm: Distance of pixels.
      draw: Source of randomness.

    Returns:
      Image float32 and mask of the same shapes. Fluid, and what was labelled,
      stay as they are; what is painted too faintly has label 2. A lesion one
      or two pixels wide has none: its soft edges leave it faint. To label
      those too found less of the real ones, over short trainings.
    """
    image, mask = image.astype(np.float32), mask.copy()
    if levels.spread <= 0:
        return image, mask
    plane = image[..., 0].mean(axis=0)
    show = tissue_share((plane - levels.median) / levels.spread)
    labelled = mask.any(axis=0)
    if labelled.any():
        # Not over what was there before, whose edge is soft as well.
        steps = max(1, round(FREE_MM / pixel_mm))
        near = ndimage.binary_dilation(labelled, iterations=steps)
        show = show * (1 - ndimage.uniform_filter(near.astype(np.float32), 5))
        show[labelled] = 0
    edge = draw.uniform(*_EDGES)
    soft = ndimage.gaussian_filter(lesions.astype(np.float32), (0, edge, edge))
    weight = soft * show
    contrast = draw.uniform(*_CONTRASTS) * levels.lesion_contrast
    slow, fast = (
        smooth_factors(plane.shape, strength, width, draw)
        for strength, width in (_SLOW, _FAST)
    )
    contrast = contrast * np.clip(slow, 0.5, 1.5)
    image[..., 0] += (weight * contrast * fast).astype(np.float32)
    painted = (weight >= 0.5) & (mask == 0)
    labels = np.broadcast_to(new_labels(contrast, levels), mask.shape)
    mask[painted] = labels[painted]
    return image, mask
