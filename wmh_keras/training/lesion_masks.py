"""Masks of other people's lesions, on the grid that volumes were brought to.

Their images are not needed: where and of what shape lesions are is what a
training on few volumes lacks. See `mask_painting`.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.errors import UserError, VolumeError
from data_prep.geometry import slice_geometry
from data_prep.nifti import is_nifti, read_mask
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume, check_same_grid
from wmh_keras.metrics.labels import WMH


@dataclasses.dataclass(frozen=True)
class LesionMasks:
    """A folder of masks. Made by `find_lesion_masks`.

    Attributes:
      paths: NIfTI files, by name.
      digest: Stands for their names and content.
    """

    paths: tuple[Path, ...]
    digest: str

    def num_slices(self) -> int:
        """Slices of all masks together, each having as many as the first.

        Raises:
          VolumeError: The first mask cannot be read.
        """
        first = self._first
        return len(self.paths) * first.shape[first.slice_axis]

    @functools.cached_property
    def _first(self) -> Volume:
        return read_mask(self.paths[0])

    def fits(self, volume: Volume) -> bool:
        """Tells whether a volume lies on the grid of the masks.

        Raises:
          VolumeError: The first mask cannot be read.
        """
        first = self._first
        try:
            check_same_grid(first, volume)
        except VolumeError:
            return False
        return True

    def read(self, config: PreprocessConfig) -> Iterator[np.ndarray]:
        """Prepares one mask after another, as those of volumes are.

        Yields:
          (z, side, side) bool, where lesions are.

        Raises:
          VolumeError: A file is no mask, has no lesion, or lies on another
            grid than the first.
        """
        first = self._first
        geometry = slice_geometry(first, config.side, config.oversize)
        for path in self.paths:
            mask = read_mask(path)
            try:
                check_same_grid(mask, first)
            except VolumeError as error:
                raise VolumeError(
                    f"{path}: all lesion masks have to lie on one grid, that "
                    f"of {self.paths[0].name}: {error}"
                ) from error
            if not (mask.data == WMH).any():
                raise VolumeError(
                    f"{path}: expected lesions (label 1) to paint, found "
                    "none; take the file out of the folder"
                )
            yield geometry.mask_to_slices(geometry.to_planes(mask.data)) == WMH


def find_lesion_masks(folder: str) -> LesionMasks | None:
    """Finds the masks of a folder.

    Args:
      folder: Of the NIfTI files themselves; "" for none.

    Raises:
      UserError: No such folder, or no masks in it.
    """
    if not folder:
        return None
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise UserError(
            f"--lesion_masks={folder}: expected a folder of masks (.nii or "
            ".nii.gz), found none"
        )
    paths = tuple(sorted(p for p in path.iterdir() if is_nifti(p)))
    if not paths:
        raise UserError(
            f"--lesion_masks={folder}: expected masks (.nii or .nii.gz), "
            "found none in the folder itself"
        )
    digest = hashlib.sha256()
    for each in paths:
        digest.update(f"{each.name} {files.sha256_of(each)}\n".encode())
    return LesionMasks(paths, digest.hexdigest())
