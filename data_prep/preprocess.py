"""The one door: volumes to prepared slices, and slices back to volumes.

Training data, evaluation and prediction all come through here.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from data_prep import intensity
from data_prep.errors import VolumeError
from data_prep.geometry import SliceGeometry, slice_geometry
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume, check_channel_grid, check_same_grid

# Of a qform against its sform: rounding, and what programs do not agree on.
_SAME_PLACE_MM = 1.0
_SAME_PLACE_VOXELS = 2.0


@dataclasses.dataclass(frozen=True)
class PreparedVolume:
    """The slices of one volume.

    Attributes:
      slices: (z, side, side, c) float32.
      mask: (z, side, side) uint8 with the labels 0, 1, 2, or None.
      geometry: the way back.
      mean: per channel, what was subtracted from the native intensities: the
        mean, or the median for "robust_zscore" and "clipped_zscore".
      std: per channel, what they were then divided by.
      warnings: what the user should know, as sentences.
    """

    slices: np.ndarray
    mask: np.ndarray | None
    geometry: SliceGeometry
    mean: tuple[float, ...]
    std: tuple[float, ...]
    warnings: tuple[str, ...]


def volume_to_slices(
    images: Sequence[Volume],
    config: PreprocessConfig,
    mask: Volume | None = None,
) -> PreparedVolume:
    """Prepares the axial slices of one volume.

    In the paper's order: canonical orientation, z-score over the volume,
    square in-plane voxels (where their sides differ by over 1 %), padding to
    a square, then bilinear resizing up to `config.side` or a centre crop down
    to it. The mask goes the same way, by nearest voxel. With the oversize
    rule "resize" what is larger is made smaller in place of being cropped.

    Padding "zero" fills with 0, which is the volume's mean after a z-score
    (after a robust or clipped one: the median of the head or of its tissue, so
    that "background" fits better); "background" fills with the median of the
    slices' rims.

    Args:
      images: one volume a channel, in the order of `config.channels`, all on
        one grid.
      config: how to prepare.
      mask: labels 0, 1, 2 on the same grid, or None.

    Returns:
      The prepared slices.

    Raises:
      VolumeError: another number of images than channels, other grids, or
        intensities that cannot be scaled.
    """
    if len(images) != len(config.channels):
        raise VolumeError(
            f"expected {len(config.channels)} images "
            f"({', '.join(config.channels)}), received {len(images)}"
        )
    for role, image in zip(config.channels[1:], images[1:], strict=True):
        check_channel_grid(image, images[0], role)
    if mask is not None:
        check_same_grid(mask, images[0])
    geometry = slice_geometry(images[0], config.side, config.oversize)
    channels, means, stds = [], [], []
    for image in images:
        scaled, mean, std = intensity.normalize(
            image.data, config.normalization
        )
        planes = geometry.to_planes(scaled)
        pad_value = 0.0
        if config.padding == "background":
            pad_value = intensity.background_value(planes)
        channels.append(geometry.image_to_slices(planes, pad_value))
        means.append(mean)
        stds.append(std)
    mask_planes = None if mask is None else geometry.to_planes(mask.data)
    return PreparedVolume(
        # Stacking copies, which a single channel does not need.
        slices=np.stack(channels, axis=-1)
        if len(channels) > 1
        else channels[0][..., np.newaxis],
        mask=None
        if mask_planes is None
        else np.ascontiguousarray(geometry.mask_to_slices(mask_planes)),
        geometry=geometry,
        mean=tuple(means),
        std=tuple(stds),
        warnings=volume_warnings(images[0], geometry, mask_planes),
    )


def slices_to_volume(slices: np.ndarray, geometry: SliceGeometry) -> np.ndarray:
    """Takes probabilities on prepared slices back to the native grid.

    Args:
      slices: (z, side, side), real numbers.
      geometry: of the volume that the slices came from.

    Returns:
      (x, y, z) float32 in the file's own shape and orientation, linearly
      interpolated, not thresholded; 0 where a centre crop had cut off.

    Raises:
      ValueError: slices of another shape than the geometry's.
    """
    expected = (geometry.num_slices, geometry.side, geometry.side)
    if slices.shape != expected:
        raise ValueError(
            f"expected slices of shape {expected}, received {slices.shape}"
        )
    planes = geometry.slices_to_planes(np.asarray(slices, np.float32))
    return np.ascontiguousarray(geometry.from_planes(planes))


def acquisition_warning(volume: Volume) -> str | None:
    """Says so where a volume was not acquired in axial slices.

    Args:
      volume: its grid counts.

    Returns:
      A sentence where the largest spacing is not the one between axial
      slices (by over 1 %, as for in-plane spacings), else None.
    """
    spacing = list(volume.spacing_mm)
    between = spacing.pop(volume.slice_axis)
    if max(spacing) <= between * 1.01:
        return None
    return (
        f"not an axial acquisition: its largest spacing ({max(spacing):.3g} "
        f"mm) is not between axial slices ({between:.3g} mm)"
    )


def placement_warning(volume: Volume) -> str | None:
    """Says so where the header's two matrices disagree on where voxels are.

    The sform counts here. Programs that go by the qform would show image and
    mask elsewhere, or the other side.

    Args:
      volume: its grid counts.

    Returns:
      A sentence where a corner voxel is over 1 mm away by the qform and the
      axes point elsewhere, or it is over 2 voxels away; else None, as for
      what rounding gives.
    """
    if volume.qform is None:
        return None
    by_qform = dataclasses.replace(volume, affine=volume.qform)
    ends = [(0, length - 1) for length in volume.shape]
    corners = np.array([(*ijk, 1) for ijk in itertools.product(*ends)]).T
    moved_mm = (by_qform.affine_mm - volume.affine_mm) @ corners
    moved_voxels = np.linalg.solve(volume.affine_mm, moved_mm)
    most_mm = np.linalg.norm(moved_mm[:3], axis=0).max()
    is_turned = by_qform.orientation != volume.orientation
    if most_mm <= _SAME_PLACE_MM or not (
        is_turned or np.abs(moved_voxels).max() > _SAME_PLACE_VOXELS
    ):
        return None
    is_mirrored = np.linalg.det(volume.affine) * np.linalg.det(volume.qform) < 0
    return (
        f"the header's sform ({volume.orientation}) and qform "
        f"({by_qform.orientation}) disagree by up to {most_mm:.3g} mm"
        f"{', one is the mirror image of the other' if is_mirrored else ''}: "
        "the sform counts here, programs that go by the qform show image and "
        "mask elsewhere; find out which of them is right, and set both to it"
    )


def volume_warnings(
    image: Volume,
    geometry: SliceGeometry,
    mask_planes: np.ndarray | None = None,
) -> tuple[str, ...]:
    """Says what the user should know about how a volume is prepared.

    Args:
      image: the FLAIR.
      geometry: as it is prepared.
      mask_planes: (z, h, w) the labels of its mask, or None.

    Returns:
      Sentences: another acquisition than an axial one, and what is left out
      or made smaller.
    """
    found = (acquisition_warning(image), placement_warning(image))
    warnings = [warning for warning in found if warning]
    if geometry.is_shrunk:
        warnings.append(_shrinking_warning(geometry, mask_planes))
    if geometry.is_cropped:
        planes = geometry.to_planes(intensity.foreground(image.data))
        lost = geometry.cropped_away(planes)
        if lost:
            warnings.append(
                f"the centre crop to {geometry.side} pixels leaves out {lost} "
                f"foreground voxels ({lost / planes.sum():.1%})"
            )
        lost = 0 if mask_planes is None else geometry.cropped_away(mask_planes)
        if lost:
            warnings.append(
                f"the centre crop to {geometry.side} pixels leaves out {lost} "
                f"reference voxels"
            )
    return tuple(warnings)


def _shrinking_warning(
    geometry: SliceGeometry, mask_planes: np.ndarray | None
) -> str:
    warning = (
        f"slices of {geometry.padded_side} pixels are made smaller, to "
        f"{geometry.side}: lesions of few voxels may be lost"
    )
    if mask_planes is None:
        return warning
    labels, count = scipy.ndimage.label(mask_planes == 1, np.ones((3, 3, 3)))
    kept = np.unique(geometry.mask_to_slices(labels))
    lost = count - np.count_nonzero(kept)
    return f"{warning}; {lost} of {count} reference lesions are"
