"""Finds whether a volume was skull-stripped, from the volume alone."""

import numpy as np
import scipy.ndimage

# Of slices in which 256 pixels are about as many millimetres.
REFERENCE_SIDE = 256
# A scalp, a skull and what lies below are passed between these depths.
_DEPTHS = range(4, 15, 2)
# The skull is darker than this share of the median of all tissue, the cortex
# brighter: 0.01 to 0.3 and 0.85 to 1.1 in the volumes that were looked at.
_BRIGHT = 0.6
_SLICES = 12


def is_background(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Finds the pixels that have the background's value in every channel.

    Args:
      image: (…, c), as it was stored, in float16.
      background: (c,).

    Returns:
      bool (…).
    """
    tolerance = 1e-3 * np.maximum(1.0, np.abs(background))
    difference = np.abs(image - np.asarray(background, np.float32))
    return (difference <= tolerance).all(axis=-1)


def is_skull_stripped(slices: np.ndarray, background: np.ndarray) -> bool:
    """Says whether a constant background touches the brain.

    Under a scalp lies the skull, which is as good as black; under the outline
    of a stripped brain there is only tissue. So the median is taken of the
    first channel at each depth below the outline of what is no background.

    Args:
      slices: (z, h, w, c) float, axial.
      background: (c,) the value outside, in every channel.

    Returns:
      Whether tissue is bright at every depth where a skull might lie; not so
      where there is no constant background, or nothing else.
    """
    tissue = ~is_background(slices, background)
    areas = tissue.sum(axis=(1, 2))
    rim = np.ones(tissue.shape[1:], bool)
    rim[1:-1, 1:-1] = False
    if not areas.any() or tissue[:, rim].mean() > 0.5:
        return False
    large = np.sort(np.argsort(areas, kind="stable")[len(areas) // 2 :])
    chosen = large[:: -(-len(large) // _SLICES)]
    unit = tissue.shape[1] / REFERENCE_SIDE
    depth = np.stack(
        [
            scipy.ndimage.distance_transform_edt(
                np.pad(scipy.ndimage.binary_fill_holes(tissue[z]), 1)
            )[1:-1, 1:-1]
            for z in chosen
        ]
    )
    image = slices[chosen, ..., 0].astype(np.float32) - background[0]
    usual = np.median(image[tissue[chosen]])
    # A brain so small that a depth is missing tells nothing.
    for low in _DEPTHS:
        top, thickness = low * unit, max(2 * unit, 1)
        layer = image[(depth > top) & (depth <= top + thickness)]
        if not layer.size or np.median(layer) < _BRIGHT * usual:
            return False
    return bool(usual > 0)
