"""Volumes: voxels on a grid in the world, and when two grids are one."""

import dataclasses

import numpy as np

from data_prep.errors import VolumeError
from data_prep.nibabel_runtime import nib

# NIfTI's words for units of length.
MM_PER_UNIT = {"mm": 1.0, "meter": 1e3, "micron": 1e-3, "unknown": 1.0}
# Below this an axis has no direction left, or two axes nearly coincide.
MIN_SPACING_MM = 1e-4
_MIN_DETERMINANT = 1e-2


@dataclasses.dataclass(frozen=True)
class Volume:
    """A 3-D image on its native grid.

    Attributes:
      data: (x, y, z) in the file's own orientation; float32 for images
        (scaling applied), uint8 for masks.
      affine: (4, 4) float64, voxel indices to world, in `space_unit`.
      space_unit: the header's unit of length, NIfTI's word for it: "mm",
        "meter", "micron" or "unknown" (taken as mm).
      sform_code: NIfTI's code for the sform, kept for writing.
      qform_code: NIfTI's code for the qform, kept for writing.
      qform: (4, 4) the qform's own matrix where it differs from `affine`.
        Some programs place an image by it, so a mask has to repeat it.
    """

    data: np.ndarray
    affine: np.ndarray
    space_unit: str = "mm"
    sform_code: int = 1
    qform_code: int = 1
    qform: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along the file's axes."""
        return self.data.shape

    @property
    def affine_mm(self) -> np.ndarray:
        """(4, 4) float64, voxel indices to world millimetres."""
        affine = np.array(self.affine, np.float64)
        affine[:3] *= MM_PER_UNIT[self.space_unit]
        return affine

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along the file's axes, in mm."""
        sizes = nib.affines.voxel_sizes(self.affine_mm)
        return tuple(float(size) for size in sizes)

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel in mm³."""
        return float(abs(np.linalg.det(self.affine_mm[:3, :3])))

    @property
    def orientation(self) -> str:
        """Where the axes point, such as "RAS" or "LPS"."""
        return "".join(nib.aff2axcodes(self.affine))

    @property
    def slice_axis(self) -> int:
        """The file's axis between inferior and superior: across the slices."""
        return next(
            axis
            for axis, direction in enumerate(self.orientation)
            if direction in "IS"
        )

    def with_data(self, data: np.ndarray) -> "Volume":
        """Returns other data, of the same shape, on the same grid."""
        if data.shape != self.shape:
            raise VolumeError(
                f"expected data of shape {self.shape}, received {data.shape}"
            )
        return dataclasses.replace(self, data=data)


def check_same_grid(
    mask: Volume, image: Volume, tolerance: float = 1e-3
) -> None:
    """Checks that two volumes have the same voxels in the same place.

    Args:
      mask: one volume.
      image: the other.
      tolerance: the largest difference between entries of the affines, in mm.

    Raises:
      VolumeError: the shapes differ, or the affines by more.
    """
    if mask.shape != image.shape:
        raise VolumeError(
            f"on another grid: expected the image's shape {image.shape}, "
            f"received {mask.shape}"
        )
    difference = _affine_difference(mask, image)
    if difference > tolerance:
        raise VolumeError(
            f"on another grid: its affine differs from the image's by up to "
            f"{difference:.4g} (allowed {tolerance:g}); resample the mask "
            f"onto the image, or correct its header"
        )


def check_channel_grid(
    image: Volume, flair: Volume, role: str, tolerance: float = 1e-3
) -> None:
    """Checks that a further image has the FLAIR's voxels in the same place.

    Args:
      image: the further image.
      flair: the FLAIR.
      role: of the image, such as "t1", for the message.
      tolerance: the largest difference between entries of the affines, in mm.

    Raises:
      VolumeError: the shapes differ, or the affines by more.
    """
    if image.shape != flair.shape:
        fault = f"its shape is {image.shape}, the FLAIR's {flair.shape}"
    else:
        difference = _affine_difference(image, flair)
        if difference <= tolerance:
            return
        fault = (
            f"its affine differs from the FLAIR's by up to {difference:.4g} "
            f"(allowed {tolerance:g})"
        )
    raise VolumeError(
        f"{role} on another grid: {fault}; images are not registered here: "
        f"register the {role} to the FLAIR and resample it onto the FLAIR's "
        f"grid with a tool of yours, and give that file"
    )


def check_channel(image: Volume, flair: Volume, role: str) -> None:
    """Checks that a further image belongs to a FLAIR, and is not the FLAIR.

    Args:
      image: the further image.
      flair: the FLAIR.
      role: of the image, such as "t1", for the message.

    Raises:
      VolumeError: another grid, or the same voxels.
    """
    check_channel_grid(image, flair, role)
    if np.array_equal(image.data, flair.data):
        raise VolumeError(
            f"{role} has the same voxels as the FLAIR; give the {role} itself"
        )


def _affine_difference(one: Volume, other: Volume) -> float:
    return float(np.abs(one.affine_mm - other.affine_mm).max())


def check_affine(volume: Volume, name: str) -> None:
    """Checks that the axes of a volume span space.

    Args:
      volume: its affine counts.
      name: the file, for the message.

    Raises:
      VolumeError: an axis has no length, two coincide, or an entry is NaN.
    """
    matrix = volume.affine_mm[:3, :3]
    if np.isfinite(volume.affine).all():
        spacing = np.linalg.norm(matrix, axis=0)
        directions = matrix / np.maximum(spacing, MIN_SPACING_MM)
        if (
            spacing.min() > MIN_SPACING_MM
            and abs(np.linalg.det(directions)) > _MIN_DETERMINANT
        ):
            return
    raise VolumeError(
        f"{name}: degenerate affine, its axes do not span space: "
        f"{np.round(volume.affine[:3], 4).tolist()}"
    )
