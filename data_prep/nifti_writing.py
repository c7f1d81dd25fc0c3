"""NIfTI files, written: the only place that does."""

import os

import numpy as np

from data_prep.compression import to_gzip
from data_prep.errors import VolumeError
from data_prep.files import write_atomically
from data_prep.nibabel_runtime import nib
from data_prep.volume import Volume


def write_mask(path: str | os.PathLike, mask: np.ndarray, like: Volume) -> None:
    """Writes labels as uint8 with scaling 1, on the grid of `like`.

    Args:
      path: .nii or .nii.gz; replaced atomically.
      mask: (x, y, z), the values 0 to 255 as any integer or bool type.
      like: gives shape, affine, unit and codes.

    Raises:
      VolumeError: another shape, or values that uint8 cannot hold.
    """
    mask = np.asarray(mask)
    if mask.dtype.kind not in "bui" or mask.min() < 0 or mask.max() > 255:
        raise VolumeError(
            f"{path}: expected labels from 0 to 255, received {mask.dtype} "
            f"from {mask.min()} to {mask.max()}"
        )
    _write(path, mask.astype(np.uint8), like)


def write_probability(
    path: str | os.PathLike, probability: np.ndarray, like: Volume
) -> None:
    """Writes a probability map as unscaled float32, on the grid of `like`.

    Args:
      path: .nii or .nii.gz; replaced atomically.
      probability: (x, y, z), from 0 to 1.
      like: gives shape, affine, unit and codes.

    Raises:
      VolumeError: another shape, or a value outside 0 to 1 (NaN included).
    """
    probability = np.asarray(probability, np.float32)
    if not (probability.min() >= 0 and probability.max() <= 1):
        raise VolumeError(
            f"{path}: expected probabilities from 0 to 1, received values "
            f"from {probability.min()} to {probability.max()}"
        )
    _write(path, probability, like)


def write_image(
    path: str | os.PathLike, data: np.ndarray, like: Volume
) -> None:
    """Writes any image as unscaled float32, on the grid of `like`."""
    _write(path, np.asarray(data, np.float32), like)


def _write(path: str | os.PathLike, data: np.ndarray, like: Volume) -> None:
    if data.shape != like.shape:
        raise VolumeError(
            f"{path}: expected shape {like.shape}, received {data.shape}"
        )
    # The sizes of the first version are 16-bit numbers.
    kind = nib.Nifti1Image if max(data.shape) < 2**15 else nib.Nifti2Image
    image = kind(data, like.affine)
    image.set_data_dtype(data.dtype)
    image.header.set_slope_inter(1, 0)
    image.header.set_xyzt_units(xyz=like.space_unit)
    image.set_sform(like.affine, code=like.sform_code)
    qform = like.affine if like.qform is None else like.qform
    image.set_qform(qform, code=like.qform_code, strip_shears=True)
    content = image.to_bytes()
    if os.fspath(path).lower().endswith(".gz"):
        content = to_gzip(content)  # Equal images give equal files.
    with write_atomically(path) as temporary:
        temporary.write_bytes(content)
