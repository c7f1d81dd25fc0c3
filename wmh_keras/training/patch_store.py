"""The prepared volumes of a training, on disk, to cut patches from.

    patches/
      images.bin    float16, slice after slice of all volumes
      masks.bin     uint8, likewise
      lesions.bin   uint32, where in its volume each lesion voxel lies
      lesion_masks.bin
                    bool, slices of other patients' masks, if there are any
      index.json    which volume lies where, the data it was made of, and the
                    SHA-256 of the files

Made once from the `volumes` data set, through the same preparation as every
slice. The files are mapped into memory, so what the trainer holds does not
grow with the data: on disk are meanwhile 2 bytes a voxel and channel, and 1.
"""

import dataclasses
import functools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.errors import UserError
from data_prep.program import progress
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.training.lesion_masks import LesionMasks
from wmh_keras.training.lesion_painting import TissueLevels
from wmh_keras.training.patch_preparation import (
    IMAGES,
    LESION_MASKS,
    LESIONS,
    MASKS,
    StoredPlace,
    check_room,
    write_lesion_masks,
    write_volumes,
)

FOLDER = "patches"

_INDEX = "index.json"
_FORMAT = 5


@dataclasses.dataclass(frozen=True)
class PatchStore:
    """Opened files of a store. Made by `open_patch_store`.

    Attributes:
      folder: Where they lie.
      side: Of a slice.
      channels: Of a slice.
      places: Of the volumes.
      num_masks: Lesion masks of other patients; 0 where there are none.
    """

    folder: Path
    side: int
    channels: int
    places: tuple[StoredPlace, ...]
    num_masks: int = 0

    @property
    def num_voxels(self) -> int:
        """Voxels of all volumes."""
        slices = sum(place.num_slices for place in self.places)
        return slices * self.side**2

    @functools.cached_property
    def _images(self) -> np.ndarray:
        shape = (-1, self.side, self.side, self.channels)
        return np.memmap(self.folder / IMAGES, np.float16, "r").reshape(shape)

    @functools.cached_property
    def _masks(self) -> np.ndarray:
        shape = (-1, self.side, self.side)
        return np.memmap(self.folder / MASKS, np.uint8, "r").reshape(shape)

    @functools.cached_property
    def _lesions(self) -> np.ndarray:
        return np.memmap(self.folder / LESIONS, np.uint32, "r")

    @functools.cached_property
    def lesion_masks(self) -> np.ndarray:
        """(n, z, side, side) bool, of other patients; n is above 0."""
        shape = (self.num_masks, -1, self.side, self.side)
        return np.memmap(self.folder / LESION_MASKS, bool, "r").reshape(shape)

    def lesion_voxel(self, volume: int, number: int) -> tuple[int, int, int]:
        """Returns (z, y, x) of one of the num_lesion_voxels of a volume."""
        place = self.places[volume]
        flat = int(self._lesions[place.first_lesion_voxel + number])
        z, rest = divmod(flat, self.side**2)
        return (z, *divmod(rest, self.side))

    def read(
        self, volume: int, start: Sequence[int], shape: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cuts a patch out of a volume, padded beyond its border.

        Args:
          volume: Its place among the volumes.
          start: (z, y, x) of the patch's first voxel; may lie outside.
          shape: (depth, height, width) of the patch.

        Returns:
          Image (depth, height, width, c) float16 and mask (depth, height,
          width) uint8; beyond the border the fill of the volume and 0.
        """
        place = self.places[volume]
        image = np.empty((*shape, self.channels), np.float16)
        image[:] = place.fill
        mask = np.zeros(shape, np.uint8)
        sizes = (place.num_slices, self.side, self.side)
        there, here = [], []
        for first, length, size in zip(start, shape, sizes, strict=True):
            low, high = max(first, 0), min(first + length, size)
            # The other way round where the patch lies outside altogether.
            high = max(low, high)
            there.append(slice(low, high))
            here.append(slice(low - first, high - first))
        z, y, x = there
        z = slice(z.start + place.first_slice, z.stop + place.first_slice)
        image[tuple(here)] = self._images[z, y, x]
        mask[tuple(here)] = self._masks[z, y, x]
        return image, mask


def open_patch_store(
    folder: Path,
    data: PreparedData,
    records: Sequence[VolumeRecord],
    fingerprint: str,
    lesion_masks: LesionMasks | None = None,
) -> PatchStore:
    """Opens the store of these volumes; makes it where there is none.

    It is made in a folder beside it, which then takes its place: what a kill
    leaves is never taken for a store.

    Args:
      folder: The store.
      data: The prepared data.
      records: Volumes to fit, all with a reference.
      fingerprint: Stands for these volumes and their preparation.
      lesion_masks: Of other patients; the fingerprint stands for them too.

    Returns:
      The store.

    Raises:
      UserError: No room on the disk, a damaged data set, masks that cannot
        be used, or no volume on their grid.
    """
    store = _open(folder, data, fingerprint)
    if store is not None:
        return store
    shutil.rmtree(folder, ignore_errors=True)
    check_room(folder.parent, data, records, lesion_masks)
    temporary = files.temporary_beside(folder)
    temporary.mkdir(parents=True)
    try:
        num_masks = write_lesion_masks(
            temporary, lesion_masks, data.preprocess_config
        )
        places = write_volumes(temporary, data, records, lesion_masks)
        content = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "sha256": _digests(temporary),
            "num_masks": num_masks,
            "places": [dataclasses.asdict(place) for place in places],
        }
        files.write_json(temporary / _INDEX, content)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _store(folder, data, places, num_masks)


def remove_patch_store(folder: Path) -> None:
    """Removes the store, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)


def _open(
    folder: Path, data: PreparedData, fingerprint: str
) -> PatchStore | None:
    """Opens a store, or returns None where it is none of this data."""
    try:
        content = files.read_json(folder / _INDEX)
        is_same = (
            content["format"] == _FORMAT
            and content["fingerprint"] == fingerprint
            and content["sha256"] == _digests(folder)
        )
        num_masks = content["num_masks"]
        places = tuple(
            StoredPlace(
                **{
                    **place,
                    "fill": tuple(place["fill"]),
                    "levels": TissueLevels(**place["levels"]),
                }
            )
            for place in content["places"]
        )
    except (UserError, OSError, KeyError, TypeError):
        return None  # it is made anew
    return _store(folder, data, places, num_masks) if is_same else None


def _store(
    folder: Path,
    data: PreparedData,
    places: Sequence[StoredPlace],
    num_masks: int,
) -> PatchStore:
    config = data.preprocess_config
    channels = len(config.channels)
    return PatchStore(folder, config.side, channels, tuple(places), num_masks)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files: a crash may leave the right size full of zeros."""
    names = [MASKS, LESIONS, IMAGES]
    if (folder / LESION_MASKS).exists():
        names.append(LESION_MASKS)
    return {
        name: files.sha256_of(folder / name)
        for name in progress(names, "checking patches", unit="file")
    }
