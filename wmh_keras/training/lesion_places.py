"""Where in a slice lesions can be painted: white matter, free of them."""

import dataclasses

import numpy as np
from scipy import ndimage

# Fine pixels to find white matter with, and coarse ones to find the brain.
_FINE, _COARSE = 2, 4
# From the edge of the brain, to white matter and to a ventricle.
_RIM_MM, _VENTRICLE_RIM_MM = 8.0, 24.0
# From lesions, and from a ventricle.
FREE_MM, _BESIDE_MM = 4.0, 3.0
_LEAST_BRAIN_MM2, _LEAST_VENTRICLE_MM2 = 1500.0, 60.0
# Below the top of a head or brain: the lateral ventricles, not the cisterns
# beneath them, and all white matter above the lower brainstem.
_VENTRICLES_MM, _LOWEST_MM = (36.0, 78.0), 100.0
# In spreads around the median.
_BRAIN, _WHITE_MATTER, _CSF = (-1.6, 2.5), (-1.2, 0.5), -1.6
_ROUGHEST = 0.55


@dataclasses.dataclass(frozen=True)
class LesionPlaces:
    """Places of one slice.

    Attributes:
      white_matter: (n, 2) pixels (y, x), at least one.
      white_matter_mm2: Its area.
      beside_ventricle: (m, 2), maybe none.
      ventricle: (h, w) bool.
      tissue: (h, w) float32, 1 where a lesion shows, down to 0 in fluid.
      free: (h, w) float32, 1 where neither a lesion nor the edge of the brain
        is near, 0 in a lesion and outside.
    """

    white_matter: np.ndarray
    white_matter_mm2: float
    beside_ventricle: np.ndarray
    ventricle: np.ndarray
    tissue: np.ndarray
    free: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return self.tissue.shape


def find_places(
    plane: np.ndarray,
    labelled: np.ndarray,
    median: float,
    spread: float,
    pixel_mm: float,
    below_top_mm: float,
) -> LesionPlaces | None:
    """Looks for white matter, by its even intensity deep in the brain.

    Args:
      plane: (h, w) float32, a FLAIR slice.
      labelled: (h, w) bool, lesions and other pathology that it has.
      median: Of the volume's head or brain.
      spread: Of the same.
      pixel_mm: Distance of pixels.
      below_top_mm: How far the slice lies below the top of the head or brain.

    Returns:
      The places, or None where there is no white matter.
    """
    if spread <= 0 or below_top_mm > _LOWEST_MM:
        return None
    levels = (plane - median) / spread
    fine, fine_mm = _halve(levels), _FINE * pixel_mm
    brain = _find_brain(_halve(fine), _COARSE * pixel_mm)
    deep = _inside(brain, _RIM_MM / (_COARSE * pixel_mm), fine.shape)
    if not deep.any():
        return None
    near = np.zeros_like(deep)
    if labelled.any():
        near = _halve(labelled.astype(np.float32)) > 0
        near = _dilate(near, FREE_MM / fine_mm)
    mean = ndimage.uniform_filter(fine, 3)
    variance = ndimage.uniform_filter(fine**2, 3) - mean**2
    low, high = _WHITE_MATTER
    white = deep & ~near & (mean > low) & (mean < high)
    even = white & (variance < _ROUGHEST**2)
    area = float(np.count_nonzero(even)) * fine_mm**2
    if not area:
        return None
    fluid = np.zeros_like(deep)
    lowest, highest = _VENTRICLES_MM
    if lowest < below_top_mm < highest:
        inner = _VENTRICLE_RIM_MM / (_COARSE * pixel_mm)
        fluid = _inside(brain, inner, fine.shape) & (fine < _CSF)
        # Not in fissures, which are narrow.
        fluid = ndimage.binary_opening(fluid)
        fluid = _large_parts(fluid, _LEAST_VENTRICLE_MM2 / fine_mm**2)
    # Not on the septum, which is thin.
    beside = _dilate(fluid, _BESIDE_MM / fine_mm)
    beside &= ndimage.binary_opening(white)
    free = _enlarge(deep & ~near, plane.shape).astype(np.float32)
    return LesionPlaces(
        white_matter=np.argwhere(even) * _FINE,
        white_matter_mm2=area,
        beside_ventricle=np.argwhere(beside) * _FINE,
        ventricle=_enlarge(fluid, plane.shape) & (levels < _CSF),
        tissue=tissue_share(levels),
        free=ndimage.uniform_filter(free, 5),
    )


def tissue_share(levels: np.ndarray) -> np.ndarray:
    """Tells how much of a lesion shows: all in tissue, nothing in fluid.

    Args:
      levels: (h, w) intensities in spreads above the median.

    Returns:
      (h, w) float32, from 0 in fluid to 1 from the darkest white matter on.
    """
    darkest = _WHITE_MATTER[0]
    smooth = ndimage.uniform_filter(levels, 3)
    share = np.clip((smooth - _CSF) / (darkest - _CSF), 0, 1)
    return share.astype(np.float32)


def _find_brain(coarse: np.ndarray, coarse_mm: float) -> np.ndarray:
    """Finds the brain, the bone and the fluid around it being darker.

    A fissure may part it into hemispheres.
    A patch may cut the brain off: its border counts as brain.
    """
    low, high = _BRAIN
    cores = ndimage.binary_erosion(
        (coarse > low) & (coarse < high), border_value=1
    )
    brain = _large_parts(cores, _LEAST_BRAIN_MM2 / coarse_mm**2, of_largest=0.5)
    return ndimage.binary_fill_holes(ndimage.binary_dilation(brain))


def _large_parts(
    plane: np.ndarray, least: float, of_largest: float = 0.0
) -> np.ndarray:
    """Keeps parts of so many pixels, and of this share of the largest's."""
    parts, _ = ndimage.label(plane)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    keep = sizes >= max(least, of_largest * sizes.max(), 1)
    return keep[parts]


def _inside(
    brain: np.ndarray, steps: float, shape: tuple[int, int]
) -> np.ndarray:
    """Leaves the rim of the brain out, in fine pixels."""
    inner = ndimage.binary_erosion(
        brain, iterations=max(1, round(steps)), border_value=1
    )
    return _enlarge(inner, shape)


def _halve(plane: np.ndarray) -> np.ndarray:
    """Means of two by two pixels; the last ones may lack a row or column."""
    rows, columns = (length % 2 for length in plane.shape)
    if rows or columns:
        plane = np.pad(plane, ((0, rows), (0, columns)), "edge")
    pairs = plane[::2] + plane[1::2]
    return (pairs[:, ::2] + pairs[:, 1::2]) / 4


def _enlarge(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    large = plane.repeat(2, axis=0).repeat(2, axis=1)
    return large[: shape[0], : shape[1]]


def _dilate(plane: np.ndarray, steps: float) -> np.ndarray:
    return ndimage.binary_dilation(plane, iterations=max(1, round(steps)))
