"""Masks of other patients' lesions, on the grid that volumes were brought to.

Their images are not needed: where and of what shape lesions are is what a
training on few volumes lacks. See `mask_painting`.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.cases.listing import is_image_name
from data_prep.errors import UserError, VolumeError
from data_prep.geometry import slice_geometry
from data_prep.nifti import read_mask
from data_prep.preprocess_config import PreprocessConfig
from data_prep.program import progress
from data_prep.volume import Volume, check_same_grid
from wmh_keras.metrics.labels import WMH


@dataclasses.dataclass(frozen=True)
class LesionMasks:
    """A folder of masks that can be used. Made by `find_lesion_masks`.

    Attributes:
      paths: NIfTI files, by name.
      digest: Stands for their names and content.
    """

    paths: tuple[Path, ...]
    digest: str

    @property
    def subjects(self) -> frozenset[str]:
        """Patients that the names of files tell as BIDS does, sub-ID_.

        What comes behind need not be BIDS.
        """
        return frozenset(
            path.name.removeprefix("sub-").split("_")[0]
            for path in self.paths
            if path.name.startswith("sub-") and "_" in path.name
        )

    @functools.cached_property
    def _first(self) -> Volume:
        return _read_lesions(self.paths[0])

    @property
    def slices_each(self) -> int:
        """Axial slices of every mask."""
        return self._first.shape[self._first.slice_axis]

    def fits(self, volume: Volume) -> bool:
        """Tells whether a volume lies on the grid of the masks."""
        return _on_one_grid(self._first, volume)

    def read(self, config: PreprocessConfig) -> Iterator[np.ndarray]:
        """Prepares one mask after another, as those of volumes are.

        Yields:
          (z, side, side) bool, where lesions are.
        """
        geometry = slice_geometry(self._first, config.side, config.oversize)
        for path in self.paths:
            planes = geometry.to_planes(_read_lesions(path).data)
            yield geometry.mask_to_slices(planes) == WMH


def find_lesion_masks(folder: str) -> LesionMasks | None:
    """Finds the masks of a folder, and checks every one of them.

    Args:
      folder: Of the NIfTI files themselves; "" for none. Hidden files in it
        do not count.

    Raises:
      UserError: No such folder, no masks in it, or masks that cannot be used;
        names all of them.
    """
    if not folder:
        return None
    path = Path(folder).expanduser()
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise UserError(
            f"--lesion_masks={folder}: expected a folder of masks (.nii or "
            f".nii.gz), found {found} there"
        )
    paths = tuple(
        sorted(each for each in path.iterdir() if is_image_name(each.name))
    )
    if not paths:
        raise UserError(
            f"--lesion_masks={folder}: expected masks (.nii or .nii.gz), "
            "found none in the folder itself"
        )
    for each in paths:
        if not each.is_file():
            raise UserError(
                f"--lesion_masks: {each}: expected a file, found a folder or "
                "a broken link; take it out of the folder"
            )
    problems = _problems(paths)
    if problems:
        raise UserError(
            f"--lesion_masks={folder}: {len(problems)} of {len(paths)} masks "
            "cannot be used:\n  " + "\n  ".join(problems)
        )
    digest = hashlib.sha256()
    for each in paths:
        digest.update(f"{each.name} {files.sha256_of(each)}\n".encode())
    return LesionMasks(paths, digest.hexdigest())


def _read_lesions(path: Path) -> Volume:
    """Reads a mask that has lesions.

    Raises:
      VolumeError: The file is no mask, or has no label 1.
    """
    mask = read_mask(path, way_out="write lesions as 1 and all else as 0")
    if not (mask.data == WMH).any():
        found = ", ".join(map(str, np.unique(mask.data)))
        raise VolumeError(
            f"{path}: expected lesions (label 1), received {found} alone; "
            "take the file out of the folder"
        )
    return mask


def _problems(paths: Sequence[Path]) -> list[str]:
    """Says of each mask that cannot be used what is wrong."""
    problems = []
    first = None
    for path in progress(paths, "checking lesion masks", unit="mask"):
        try:
            mask = _read_lesions(path)
        except VolumeError as error:
            problems.append(str(error))
            continue
        first = first or mask
        if not _on_one_grid(mask, first):
            problems.append(
                f"{path}: on another grid than the masks before it, "
                f"{_times(mask.shape)} voxels of "
                f"{_times(mask.spacing_mm)} mm; bring "
                "all of them to one space"
            )
    return problems


def _times(numbers: Sequence[float]) -> str:
    return " × ".join(f"{number:g}" for number in numbers)


def _on_one_grid(one: Volume, other: Volume) -> bool:
    try:
        check_same_grid(one, other)
    except VolumeError:
        return False
    return True
