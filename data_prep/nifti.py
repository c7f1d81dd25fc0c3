"""NIfTI files, read: the only place that opens images."""

import math
import os
from pathlib import Path

import numpy as np

from data_prep.compression import DECOMPRESSION_ERRORS, read_gzip
from data_prep.errors import VolumeError
from data_prep.nibabel_runtime import nib
from data_prep.volume import MM_PER_UNIT, Volume, check_affine

_SUFFIXES = (".nii.gz", ".nii")
_LABEL_TOLERANCE = 1e-4
_UNREADABLE = (
    *DECOMPRESSION_ERRORS,
    ValueError,
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.wrapstruct.WrapStructError,
)
# More than any scanner gives: 2048 × 2048 × 1024. Damaged headers ask for it.
_MAX_VOXELS = 2**32
# Sums of some thousand larger ones leave float32.
_MAX_INTENSITY = 1e34


def is_nifti(path: str | os.PathLike) -> bool:
    """Tells by its name whether a file is NIfTI (.nii or .nii.gz)."""
    return os.fspath(path).lower().endswith(_SUFFIXES)


def nifti_stem(path: str | os.PathLike) -> str:
    """Returns the file's name without folder and .nii or .nii.gz."""
    name = Path(path).name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def read_volume(path: str | os.PathLike) -> Volume:
    """Reads a FLAIR (or other) image with its scaling applied.

    Args:
      path: a .nii or .nii.gz file with three axes (further axes of length 1
        are dropped) and a usable affine.

    Returns:
      The volume, float32, finite everywhere, not constant.

    Raises:
      VolumeError: the file is missing, truncated or no NIfTI; it is not 3-D,
        or has colours or complex values; it has no affine or a degenerate
        one; a voxel is NaN, infinite or beyond 1e34; all voxels are equal.
    """
    image = _open(path)
    data = _read_data(image, path, np.float32)
    _check_finite(data, path)
    if data.min() == data.max():
        raise VolumeError(
            f"{path}: expected an image, received the same value "
            f"({data.flat[0]:g}) in every voxel"
        )
    largest = max(data.max(), -data.min())
    if largest > _MAX_INTENSITY:
        raise VolumeError(
            f"{path}: expected intensities up to {_MAX_INTENSITY:g}, received "
            f"{largest:g}; divide all voxels by a number such as "
            f"{largest / 1000:.0e}, their scale does not matter"
        )
    return _volume_from(image, data, path)


def read_mask(
    path: str | os.PathLike,
    mask_value: float | None = None,
    way_out: str = "--mask_value=N names the value that stands for WMH",
) -> Volume:
    """Reads a mask: 0 background, 1 WMH, 2 other pathology.

    Args:
      path: a .nii or .nii.gz file, of any number type.
      mask_value: where given, the value that stands for WMH in the file (255,
        say): it becomes 1, and only it and 0 are allowed.
      way_out: what the message about other values advises.

    Returns:
      The mask, uint8. It may be empty.

    Raises:
      VolumeError: as for `read_volume` (a constant mask is fine), or a value
        that is not a label; the message lists the values.
    """
    image = _open(path)
    data = _read_data(image, path, np.float32)
    _check_finite(data, path)
    labels = _to_labels(data, path, mask_value, way_out)
    return _volume_from(image, labels, path)


def read_probability(path: str | os.PathLike) -> Volume:
    """Reads a probability map; unlike an image it may be constant.

    Args:
      path: a .nii or .nii.gz file, as for `read_volume`.

    Returns:
      The map, float32, 0 to 1.

    Raises:
      VolumeError: as for `read_volume`, or a value outside 0 to 1.
    """
    image = _open(path)
    data = _read_data(image, path, np.float32)
    _check_finite(data, path)
    if data.min() < 0 or data.max() > 1:
        raise VolumeError(
            f"{path}: expected probabilities from 0 to 1, received values "
            f"from {data.min():g} to {data.max():g}"
        )
    return _volume_from(image, data, path)


def check_intact(path: str | os.PathLike) -> None:
    """Reads a file to its end, whatever its values and its place in space.

    Raises:
      VolumeError: no NIfTI, truncated or damaged.
    """
    _read_data(_open(path), path, np.float32)


def _load(path: str | os.PathLike) -> nib.Nifti1Image:
    if not os.fspath(path).lower().endswith(".gz"):
        return nib.load(path)
    # To the end, which checks length and checksum: nibabel stops at the last
    # voxel, and a damaged file would give a wrong image without a word.
    content = read_gzip(path)
    is_second = content[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
    kind = nib.Nifti2Image if is_second else nib.Nifti1Image
    return kind.from_bytes(content)


def _open(path: str | os.PathLike) -> nib.Nifti1Image:
    try:
        image = _load(path)
    except FileNotFoundError as error:
        raise VolumeError(f"{path}: no such file") from error
    except _UNREADABLE as error:
        raise VolumeError(f"{path}: {_why_unreadable(path, error)}") from error
    if not isinstance(image, nib.Nifti1Pair):  # Nifti2 is a subclass
        raise VolumeError(
            f"{path}: expected NIfTI (.nii, .nii.gz), received "
            f"{type(image).__name__}"
        )
    return image


def _why_unreadable(path: str | os.PathLike, error: Exception) -> str:
    # Asked here, since nibabel says of such files that their type is unknown.
    if not os.access(path, os.R_OK):
        return "no right to read it; ask its owner for the right"
    if os.path.getsize(path) == 0:
        return "the file is empty (0 bytes); copy or convert it anew"
    return f"not a readable NIfTI, truncated or damaged: {error}"


def _read_data(
    image: nib.Nifti1Image, path: str | os.PathLike, dtype: type
) -> np.ndarray:
    stored = image.get_data_dtype()
    if stored.kind not in "iuf":
        raise VolumeError(
            f"{path}: expected one number a voxel, received {stored} (colour "
            f"or complex values)"
        )
    shape = image.shape
    if min(shape, default=0) < 0 or math.prod(shape) > _MAX_VOXELS:
        raise VolumeError(
            f"{path}: damaged header, its shape is {tuple(shape)}"
        )
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or 0 in shape:
        way_out = ""
        if len(shape) > 3 and 0 not in shape:
            way_out = (
                "; give one volume of it, in a file of its own (with nibabel: "
                "image.slicer[..., 0] is the first)"
            )
        raise VolumeError(
            f"{path}: expected a 3-D volume, received shape {image.shape}"
            f"{way_out}"
        )
    _check_length(image, path)
    try:
        # What is beyond float32 becomes infinite, and is then refused.
        with np.errstate(over="ignore"):
            data = image.get_fdata(dtype=dtype, caching="unchanged")
    except MemoryError as error:
        raise VolumeError(
            f"{path}: its shape {tuple(shape)} does not fit into memory"
        ) from error
    except (*DECOMPRESSION_ERRORS, ValueError) as error:
        raise VolumeError(f"{path}: truncated or damaged: {error}") from error
    return _z_fastest(data.reshape(shape))


def _check_length(image: nib.Nifti1Image, path: str | os.PathLike) -> None:
    # Before the memory for it is taken, gigabytes where a header is damaged.
    needed = image.dataobj.offset + math.prod(image.shape) * (
        image.get_data_dtype().itemsize
    )
    stored = image.file_map["image"]
    if stored.fileobj is None:
        present = os.path.getsize(stored.filename)
    else:
        present = stored.fileobj.getbuffer().nbytes
    if present < needed:
        raise VolumeError(
            f"{path}: truncated or damaged: expected {needed} bytes for the "
            f"shape {tuple(image.shape)} of its header, found {present}; copy "
            "or convert it anew"
        )


def _z_fastest(data: np.ndarray) -> np.ndarray:
    """Returns the data in C order; files have the first axis fastest."""
    if data.flags.c_contiguous:
        return data
    ordered = np.empty(data.shape, data.dtype)
    # A plane at a time fits the processor's cache, in either order.
    for y in range(data.shape[1]):
        ordered[:, y] = np.asfortranarray(data[:, y])
    return ordered


def _check_finite(data: np.ndarray, path: str | os.PathLike) -> None:
    count = data.size - int(np.isfinite(data).sum())
    if count:
        raise VolumeError(
            f"{path}: {count} voxels are NaN or infinite (or beyond float32, "
            f"3.4e38); set those around the head (SPM writes NaN there) to 0, "
            f"say with numpy.nan_to_num(data, posinf=0, neginf=0), and write "
            f"the file anew; with others in the head, make the image anew"
        )


def _to_labels(
    data: np.ndarray,
    path: str | os.PathLike,
    mask_value: float | None,
    way_out: str,
) -> np.ndarray:
    """Returns uint8 labels; masks are mostly 0, so only the rest is sorted."""
    marked = data[data != 0]
    # A slope such as 1/255 is stored as float32, so labels come out inexact.
    rounded = np.round(marked)
    close = np.abs(marked - rounded) < _LABEL_TOLERANCE
    marked = np.where(close, rounded, marked)
    values = np.unique(marked).tolist()
    allowed = {0.0, 1.0, 2.0} if mask_value is None else {0.0, mask_value}
    if not set(values) <= allowed:
        if marked.size < data.size:
            values = sorted({0.0, *values})
        shown = ", ".join(f"{value:g}" for value in values[:8])
        more = ", …" if len(values) > 8 else ""
        raise VolumeError(
            f"{path}: expected the labels "
            f"{', '.join(f'{value:g}' for value in sorted(allowed))}, "
            f"received {shown}{more}; {way_out}"
        )
    labels = np.zeros(data.shape, np.uint8)
    labels[data != 0] = marked if mask_value is None else marked == mask_value
    return labels


def _space_unit(header: nib.Nifti1Header) -> str:
    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:  # a code that NIfTI does not know
        return "unknown"
    return unit if unit in MM_PER_UNIT else "unknown"


def _volume_from(
    image: nib.Nifti1Image, data: np.ndarray, path: str | os.PathLike
) -> Volume:
    header = image.header
    sform_code, qform_code = (
        int(header["sform_code"]),
        int(header["qform_code"]),
    )
    if sform_code == 0 and qform_code == 0:
        raise VolumeError(
            f"{path}: no affine (sform and qform code are both 0): left and "
            f"right cannot be told; set the orientation with the program that "
            f"made the file"
        )
    qform = None
    if qform_code and sform_code:
        try:
            qform = image.get_qform()
        except ValueError:  # no rotation
            qform = None
        if qform is None or not np.isfinite(qform).all():
            # The sform alone says where the voxels are.
            qform, qform_code = None, 0
    volume = Volume(
        data=data,
        affine=np.array(image.affine, np.float64),
        space_unit=_space_unit(header),
        sform_code=sform_code,
        qform_code=qform_code,
        qform=qform,
    )
    check_affine(volume, str(path))
    return volume
