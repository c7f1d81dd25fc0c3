"""Where the slices of a DICOM series lie, and a mask cut along them.

A mask lies on the grid of the NIfTI volume that dcm2niix made, which may have
turned rows round and slices into another order. What it did is not guessed:
each pixel of the series is looked up in the mask through the coordinates of
the patient that both files give.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep.errors import UserError, VolumeError
from data_prep.volume import Volume

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_NEEDED = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
)
_UIDS = tuple(name for name in _NEEDED if name.endswith("UID"))
# How many numbers an attribute holds.
_COUNTS = {
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "PixelSpacing": 2,
    "Rows": 1,
    "Columns": 1,
}
_SAME = ("SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns")
# DICOM's x goes to the left and y to the back, NIfTI's to the right and front.
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Below a half, the nearest voxel is the right one. The distance of slices that
# dcm2niix takes from two rounded positions adds up over many slices: with three
# decimals to 0.2 at the end of 180 slices of 0.9 mm.
_TOLERANCE_VOXELS = 0.3


def read_planes(files: Sequence[str]) -> list[Any]:
    """Reads the headers of a series, one slice a file.

    Args:
      files: of one series; a slice may be there twice.

    Returns:
      pydicom data sets without pixels, in the order of their places along
      the slice normal, each slice once.

    Raises:
      UserError: multi-frame files, another kind of image, or attributes that
        are missing or differ: file and attribute are named.
    """
    headers = {}
    for file in files:
        header = _read(file)
        _check_header(header, file)
        headers.setdefault(header.SOPInstanceUID, (file, header))
    first = next(iter(headers.values()))[1]
    for file, header in headers.values():
        for name in _SAME:
            if header[name].value != first[name].value:
                raise UserError(
                    f"{file}: expected one series of equal slices, but its "
                    f"{name} differs from that of the others"
                )
    row, column = np.reshape(first.ImageOrientationPatient, (2, 3))
    normal = np.cross(row.astype(float), column.astype(float))
    return sorted(
        (header for _, header in headers.values()),
        key=lambda header: float(
            np.dot(normal, np.array(header.ImagePositionPatient, float))
        ),
    )


def mask_on_planes(mask: Volume, planes: Sequence[Any]) -> np.ndarray:
    """Cuts a mask along the slices of the series it was made from.

    Args:
      mask: on the grid of the converted volume, (x, y, z).
      planes: as `read_planes` gives them.

    Returns:
      (slices, rows, columns), the mask's type, in the order of the planes.
      Every voxel of the mask is in it exactly once.

    Raises:
      VolumeError: the pixels of the series are not the voxels of the mask,
        one to one: other shapes, slices at uneven distances, several slices
        in one place, or a volume that was resampled.
    """
    rows, columns = int(planes[0].Rows), int(planes[0].Columns)
    if len(planes) * rows * columns != mask.data.size:
        raise VolumeError(
            f"its {len(planes)} files of {rows} × {columns} pixels are not "
            f"the {mask.shape} voxels of the converted volume (a mosaic, or "
            "several volumes in one series?)"
        )
    to_voxel = np.linalg.inv(mask.affine_mm) @ _LPS_TO_RAS
    cut = np.empty((len(planes), rows, columns), mask.data.dtype)
    visits = np.zeros(mask.shape, np.uint8)
    for number, plane in enumerate(planes):
        voxels = _voxels_of(plane, to_voxel, mask.shape)
        cut[number] = mask.data[voxels]
        visits[voxels] += 1
    if (visits != 1).any():
        raise VolumeError(
            "several of its slices lie in one place (several volumes in one "
            "series?)"
        )
    return cut


def slice_distance_mm(planes: Sequence[Any]) -> float | None:
    """Mean distance between neighbouring slices; None of a single one."""
    if len(planes) < 2:
        return None
    first, last = (
        np.array(plane.ImagePositionPatient, float)
        for plane in (planes[0], planes[-1])
    )
    return float(np.linalg.norm(last - first)) / (len(planes) - 1)


def _read(file: str) -> Any:  # noqa: ANN401  (pydicom.Dataset)
    import pydicom

    with warnings.catch_warnings():
        # About values that break the standard; those we need are checked.
        warnings.simplefilter("ignore")
        return pydicom.dcmread(file, stop_before_pixels=True, force=True)


def _check_header(header: Any, file: str) -> None:  # noqa: ANN401
    if (frames := header.get("NumberOfFrames") or 1) != 1:
        raise UserError(
            f"{file}: expected one slice a file, received a multi-frame "
            f"(enhanced) file of {frames}, which is not supported yet"
        )
    if header.get("SOPClassUID") != MR_IMAGE:
        raise UserError(
            f"{file}: expected an MR image (SOP class {MR_IMAGE}), received "
            f"{header.get('SOPClassUID')}"
        )
    missing = [name for name in _NEEDED if not header.get(name)]
    if missing:
        raise UserError(f"{file}: has no {', '.join(missing)}")
    wrong = [name for name in _UIDS if not isinstance(header[name].value, str)]
    wrong += [
        name
        for name, count in _COUNTS.items()
        if not _are_numbers(header[name].value, count)
    ]
    if wrong:
        values = (f"{name} {header[name].value!r}" for name in wrong)
        raise UserError(f"{file}: damaged, it has {', '.join(values)}")


def _are_numbers(value: Any, count: int) -> bool:  # noqa: ANN401
    try:
        numbers = np.array(value, float)
    except (TypeError, ValueError):
        return False
    return numbers.size == count and bool(np.isfinite(numbers).all())


def _voxels_of(
    plane: Any,  # noqa: ANN401
    to_voxel: np.ndarray,
    shape: tuple[int, int, int],
) -> tuple[np.ndarray, ...]:
    """Returns the voxel of each pixel: three (rows, columns) index arrays."""
    exact = (to_voxel @ _pixel_to_lps(plane))[:3]
    whole = np.rint(exact)
    rows, columns = int(plane.Rows), int(plane.Columns)
    # The way is affine, so that the corners are off by the most.
    corners = [(r, c, 1) for r in (0, rows - 1) for c in (0, columns - 1)]
    off = np.abs((exact - whole) @ np.transpose(corners)).max()
    pixels = np.indices((rows, columns))
    voxels = np.tensordot(whole[:, :2], pixels, 1) + whole[:, 2, None, None]
    voxels = voxels.astype(np.intp)
    limits = np.reshape(shape, (3, 1, 1))
    if off > _TOLERANCE_VOXELS or ((voxels < 0) | (voxels >= limits)).any():
        raise VolumeError(
            f"a slice (instance {plane.get('InstanceNumber', '?')}) does not "
            f"lie on a slice of the converted volume, but up to {off:.2f} "
            "voxels away from one or outside: slices at uneven distances, or "
            "a volume that dcm2niix resampled"
        )
    return tuple(voxels)


def _pixel_to_lps(plane: Any) -> np.ndarray:  # noqa: ANN401
    """(4, 3): (row, column, 1) to homogeneous millimetres.

    DICOM PS3.3, C.7.6.2.1.1: the first three numbers of the orientation are
    the direction in which the column index rises, and PixelSpacing begins
    with the distance between rows.
    """
    along_row, along_column = np.reshape(plane.ImageOrientationPatient, (2, 3))
    between_rows, between_columns = (float(x) for x in plane.PixelSpacing)
    matrix = np.zeros((4, 3))
    matrix[:3, 0] = along_column.astype(float) * between_rows
    matrix[:3, 1] = along_row.astype(float) * between_columns
    matrix[:3, 2] = np.array(plane.ImagePositionPatient, float)
    matrix[3, 2] = 1
    return matrix
