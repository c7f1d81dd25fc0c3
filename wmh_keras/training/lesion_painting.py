"""Lesions painted into white matter, so that more of them are seen.

A training on few volumes sees few lesions, and hardly any small ones in most
places. So bright spots of many sizes, confluent lesions, and caps and bands
along the ventricles are painted where the white matter is free of them, with
the contrast that the volume's own lesions have.
"""

import dataclasses

import numpy as np

from data_prep.intensity import MAD_TO_STD, foreground_threshold
from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH
from wmh_keras.training.lesion_places import LesionPlaces, find_places
from wmh_keras.training.lesion_shapes import Grid, along_ventricle, blob

MOST_LESIONS = 6
_MM2_A_LESION = 1200.0
# Shares of the contrast that the volume's lesions have. What is fainter than
# one of them, or than so many spreads, has no label: people do not mark it.
_CONTRASTS = (0.3, 1.4)
_FAINTEST_LABELLED, _FEWEST_SPREADS = 0.45, 0.7
_LARGE, _PERIVENTRICULAR = 0.2, 0.3
_TEXTURE = 0.15
# Steps of the sample that a volume's levels are taken from.
_EVERY = 3
_FEWEST_VOXELS = 30
# Of a slice, to count as one of the head.
_LEAST_FOREGROUND = 0.02


@dataclasses.dataclass(frozen=True)
class TissueLevels:
    """Intensities of one volume, in its own units.

    Attributes:
      median: Of the head or brain.
      spread: Of the same, 1.4826 times the median absolute deviation.
      lesion_contrast: What lesions have above the median.
      top_slice: The uppermost that shows the head or brain.
    """

    median: float
    spread: float
    lesion_contrast: float
    top_slice: int


def tissue_levels(volume: np.ndarray, mask: np.ndarray) -> TissueLevels:
    """Measures a prepared volume.

    Args:
      volume: (z, h, w) float.
      mask: (z, h, w) with the labels 0, 1, 2.

    Returns:
      Its levels; without a lesion, the contrast is twice the spread.
    """
    sample = np.asarray(volume[:, ::_EVERY, ::_EVERY], np.float32)
    if sample.min() == sample.max():
        return TissueLevels(float(sample.flat[0]), 0.0, 0.0, len(volume) - 1)
    foreground = sample > foreground_threshold(sample)
    inside = sample[foreground]
    median = float(np.median(inside))
    spread = MAD_TO_STD * float(np.median(np.abs(inside - median)))
    contrast = 2 * spread
    lesions = volume[mask == WMH]
    if lesions.size >= _FEWEST_VOXELS:
        measured = float(lesions.mean(dtype=np.float64)) - median
        contrast = max(measured, spread)
    shares = foreground.mean(axis=(1, 2))
    slices = np.flatnonzero(shares >= min(_LEAST_FOREGROUND, shares.max()))
    return TissueLevels(median, spread, contrast, int(slices[-1]))


def paint_lesions(
    image: np.ndarray,
    mask: np.ndarray,
    levels: TissueLevels,
    first_slice: int,
    spacing_mm: tuple[float, float],
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Paints lesions into neighbouring slices of one volume.

    Args:
      image: (d, h, w, 1) float, d slices that together are a few mm thick.
      mask: (d, h, w) uint8 with the labels 0, 1, 2.
      levels: Of the volume.
      first_slice: Which slice of the volume the first is.
      spacing_mm: Of slices, and of pixels.
      draw: Source of randomness.

    Returns:
      Image float32 and mask of the same shapes. 1 to 6 lesions more; none
      where the slices show no white matter. Labels that there are stay.
    """
    image, mask = image.astype(np.float32), mask.copy()
    plane, labelled = image[..., 0].mean(axis=0), mask.any(axis=0)
    slice_mm, pixel_mm = spacing_mm
    middle = first_slice + (len(image) - 1) / 2
    below_top_mm = (levels.top_slice - middle) * slice_mm
    places = find_places(
        plane, labelled, levels.median, levels.spread, pixel_mm, below_top_mm
    )
    if places is None:
        return image, mask
    # Few in the cerebellum and at the vertex.
    most = 1 + int(places.white_matter_mm2 / _MM2_A_LESION)
    number = draw.integers(1, MOST_LESIONS, endpoint=True)
    for _ in range(min(number, most)):
        grid, weight = _draw_lesion(places, len(mask), spacing_mm, draw)
        weight = weight * places.tissue[grid.window]
        # Not over what was there before, whose edge is soft as well.
        weight = weight * places.free[grid.window]
        contrast = draw.uniform(*_CONTRASTS) * levels.lesion_contrast
        change = weight * contrast * grid.texture(_TEXTURE, draw)
        image[:, *grid.window, 0] += change.astype(np.float32)
        there = mask[:, *grid.window]
        label = new_labels(np.array(contrast), levels)
        there[(weight >= 0.5) & (there == 0)] = label
    return image, mask


def new_labels(contrast: np.ndarray, levels: TissueLevels) -> np.ndarray:
    """Labels what is painted: 1, or 2 where people would not mark it.

    Args:
      contrast: What was added to the intensity, of any shape.
      levels: Of the volume.

    Returns:
      uint8 of the same shape.
    """
    faintest = max(
        _FAINTEST_LABELLED * levels.lesion_contrast,
        _FEWEST_SPREADS * levels.spread,
    )
    labels = np.where(contrast >= faintest, WMH, OTHER_PATHOLOGY)
    return labels.astype(np.uint8)


def _draw_lesion(
    places: LesionPlaces,
    depth: int,
    spacing_mm: tuple[float, float],
    draw: np.random.Generator,
) -> tuple[Grid, np.ndarray]:
    """Draws where a lesion lies, and how much of each voxel it fills."""
    kind = draw.random()
    if kind < _PERIVENTRICULAR and len(places.beside_ventricle):
        centre = draw.choice(places.beside_ventricle)
        length = draw.uniform(5, 22)
        grid = Grid.around(
            centre, length, depth, places.shape, spacing_mm, draw
        )
        ventricle = places.ventricle[grid.window]
        return grid, along_ventricle(grid, ventricle, length, draw)
    centre = draw.choice(places.white_matter)
    if draw.random() >= _LARGE:
        # In mm: half of them between 3 and 6.
        size = float(np.clip(draw.lognormal(np.log(4.2), 0.5), 2.5, 10))
        grid = Grid.around(centre, size, depth, places.shape, spacing_mm, draw)
        return grid, blob(grid, (0, 0), size, draw)
    size = draw.uniform(8, 22)
    grid = Grid.around(centre, size, depth, places.shape, spacing_mm, draw)
    weight = blob(grid, (0, 0), size / 2, draw)
    for _ in range(draw.integers(2, 6)):
        offset = draw.uniform(-size / 4, size / 4, 2)
        part = blob(grid, offset, size * draw.uniform(0.2, 0.55), draw)
        weight = np.maximum(weight, part)
    return grid, weight
