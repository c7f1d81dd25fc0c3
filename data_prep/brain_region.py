"""Finds roughly where the brain is in a FLAIR, and where no lesion can be.

Good enough to tell scalp, fat, orbits and muscle from the brain, and bright
from ordinary tissue within it; not a brain extraction to measure volumes by.
"""

import dataclasses

import numpy as np
import scipy.ndimage

from data_prep.errors import VolumeError
from data_prep.geometry import slice_geometry
from data_prep.intensity import background_value, centre_and_spread
from data_prep.volume import Volume

# Label 2 of a mask: left out by the training losses.
IGNORED = 2
_SCALING = "clipped_zscore"  # by the peak of the brain's tissue
# Lesions of a FLAIR are brighter than this, in the units of that scaling; so is
# much of the grey matter, which costs nothing but examples.
BRIGHT = 0.8
# Brain tissue lies between these shares of the centre of its peak: fluid and
# bone lie below them, fat and scalp usually above.
_TISSUE_SHARES = (0.6, 1.7)
# Standard deviation of the filter against noise, which would make holes.
_SMOOTHING_MM = 0.7
# What links the brain to scalp, orbits and neck is thinner than twice this.
_EROSION_MM = 3.0
# The rim of brain and meninges that is too dark or too bright for the core.
_RIM_MM = 2.5
# Of what is not background, the brain was 0.1 to 0.6 in real heads, and 0.93 to
# 0.99 in real stripped ones.
_STRIPPED_SHARE = 0.8
# A share of that centre that is background still.
_FAINT = 0.01


@dataclasses.dataclass(frozen=True)
class BrainRegion:
    """Where the brain is.

    Attributes:
      inside: (x, y, z) bool, on the volume's own grid.
      is_stripped: whether there is nothing but brain in the volume.
      volume_ml: of the region.
      touches_edge: whether it reaches the edge of an axial slice.
      centre: of the peak of its tissue, see `intensity.centre_and_spread`.
      spread: of the same.
    """

    inside: np.ndarray
    is_stripped: bool
    volume_ml: float
    touches_edge: bool
    centre: float
    spread: float


def find_brain(flair: Volume) -> BrainRegion:
    """Finds the brain as the largest piece of tissue.

    Voxels with the grey values of brain tissue are eroded in each axial slice;
    the largest piece of what is left, in three dimensions, grows back and a
    little further, and its holes are filled in each slice. Where it covers
    nearly all that is not background there is no scalp: then all of that is
    brain.

    Args:
      flair: finite, not constant, in any orientation.

    Returns:
      The region. The volumes of brains say whether it can be one.

    Raises:
      VolumeError: no piece of tissue is thick enough, or the intensities have
        no centre and spread.
    """
    geometry = slice_geometry(flair, 1)
    planes = geometry.to_planes(flair.data)
    pixel_mm = geometry.spacing_mm[1::-1]  # (h, w)
    centre, spread = centre_and_spread(flair.data, _SCALING)
    low, high = centre * np.array(_TISSUE_SHARES)
    sigma = 0, *(_SMOOTHING_MM / np.array(pixel_mm))
    eroded_mm = max(_EROSION_MM, *pixel_mm)  # one pixel at least
    smooth = scipy.ndimage.gaussian_filter(planes, sigma)
    core = _largest_piece(
        np.stack(
            [
                _depth_mm(plane, pixel_mm) > eroded_mm
                for plane in (smooth > low) & (smooth < high)
            ]
        )
    )
    if not core.any():
        raise VolumeError(
            "no piece of tissue is as thick as a brain; is it a FLAIR of a "
            "head?"
        )
    inside = _filled(
        np.stack(
            [
                _depth_mm(~plane, pixel_mm) <= eroded_mm + _RIM_MM
                if plane.any()
                else plane
                for plane in core
            ]
        )
    )
    # Not the tissue: where fat is suppressed, a scalp is hardly brighter than
    # air. In air there is noise, or the background goes around a whole head.
    present = np.abs(planes - background_value(planes)) > _FAINT * centre
    covered = np.count_nonzero(present & inside) / np.count_nonzero(present)
    is_stripped = covered >= _STRIPPED_SHARE
    if is_stripped:
        inside = _filled(present)
    edge = np.ones(inside.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    return BrainRegion(
        inside=np.ascontiguousarray(geometry.from_planes(inside)),
        is_stripped=is_stripped,
        volume_ml=float(np.count_nonzero(inside) * flair.voxel_mm3 / 1000),
        touches_edge=bool(inside[:, edge].any()),
        centre=centre,
        spread=spread,
    )


def partial_labels(flair: Volume, brain: BrainRegion) -> np.ndarray:
    """Labels a volume by where a lesion might be; never says lesion.

    Args:
      flair: the image.
      brain: what `find_brain` found in it.

    Returns:
      uint8 (x, y, z): `IGNORED` where the brain is bright, and one voxel around
      it within the brain; 0 elsewhere.
    """
    limit = brain.centre + BRIGHT * brain.spread
    bright = brain.inside & (flair.data > limit)
    grown = scipy.ndimage.binary_dilation(bright) & brain.inside
    return np.where(grown, np.uint8(IGNORED), np.uint8(0))


def _depth_mm(plane: np.ndarray, pixel_mm: tuple[float, float]) -> np.ndarray:
    """Distance of each true pixel from the nearest false one, in mm."""
    if plane.all():
        return np.full(plane.shape, np.inf)
    return scipy.ndimage.distance_transform_edt(plane, sampling=pixel_mm)


def _largest_piece(planes: np.ndarray) -> np.ndarray:
    pieces, count = scipy.ndimage.label(planes)
    if not count:
        return planes
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def _filled(planes: np.ndarray) -> np.ndarray:
    return np.stack([scipy.ndimage.binary_fill_holes(p) for p in planes])
