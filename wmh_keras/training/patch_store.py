"""The prepared volumes of a training, on disk, to cut patches from.

    patches/
      images.bin    float16, slice after slice of all volumes
      masks.bin     uint8, likewise
      lesions.bin   uint32, where in its volume each lesion voxel lies
      index.json    which volume lies where, and the data it was made of

Made once from the `volumes` data set, through the same preparation as every
slice. The files are mapped into memory, so what the trainer holds does not
grow with the data: 3 bytes a voxel and channel are on disk meanwhile.
"""

import dataclasses
import functools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep import files
from data_prep.errors import UserError
from data_prep.intensity import background_value
from data_prep.preprocess import PreparedVolume, volume_to_slices
from data_prep.program import progress
from wmh_keras.datasets import PreparedData, VolumeRecord

FOLDER = "patches"

_WMH = 1
_INDEX, _IMAGES = "index.json", "images.bin"
_MASKS, _LESIONS = "masks.bin", "lesions.bin"
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class StoredPlace:
    """Where one volume lies in the files.

    Attributes:
      volume_id: Of the data set.
      first_slice: Its first slice among those of all volumes.
      num_slices: Its slices.
      first_lesion_voxel: Its first among the lesion voxels of all volumes.
      num_lesion_voxels: Its voxels of label 1.
      fill: What lies beyond its border, by channel: 0, or its background
        where the padding rule says so.
    """

    volume_id: str
    first_slice: int
    num_slices: int
    first_lesion_voxel: int
    num_lesion_voxels: int
    fill: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class PatchStore:
    """Opened files of a store. Made by `open_patch_store`.

    Attributes:
      folder: Where they lie.
      side: Of a slice.
      channels: Of a slice.
      places: Of the volumes.
    """

    folder: Path
    side: int
    channels: int
    places: tuple[StoredPlace, ...]

    @property
    def num_voxels(self) -> int:
        """Voxels of all volumes."""
        slices = sum(place.num_slices for place in self.places)
        return slices * self.side**2

    @functools.cached_property
    def _images(self) -> np.ndarray:
        shape = (-1, self.side, self.side, self.channels)
        return np.memmap(self.folder / _IMAGES, np.float16, "r").reshape(shape)

    @functools.cached_property
    def _masks(self) -> np.ndarray:
        shape = (-1, self.side, self.side)
        return np.memmap(self.folder / _MASKS, np.uint8, "r").reshape(shape)

    @functools.cached_property
    def _lesions(self) -> np.ndarray:
        return np.memmap(self.folder / _LESIONS, np.uint32, "r")

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
) -> PatchStore:
    """Opens the store of these volumes; makes it where there is none.

    It is made in a folder beside it, which then takes its place: what a kill
    leaves is never taken for a store.

    Args:
      folder: The store.
      data: The prepared data.
      records: Volumes to fit, all with a reference.
      fingerprint: Stands for these volumes and their preparation.

    Returns:
      The store.

    Raises:
      UserError: No room on the disk, or a damaged data set.
    """
    store = _open(folder, data, fingerprint)
    if store is not None:
        return store
    shutil.rmtree(folder, ignore_errors=True)
    _check_room(folder.parent, data, records)
    temporary = files.temporary_beside(folder)
    temporary.mkdir(parents=True)
    try:
        places = _write_volumes(temporary, data, records)
        content = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "sizes": _sizes(temporary),
            "places": [dataclasses.asdict(place) for place in places],
        }
        files.write_json(temporary / _INDEX, content)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _open(folder, data, fingerprint)


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
            and content["sizes"] == _sizes(folder)
        )
        places = tuple(
            StoredPlace(**{**place, "fill": tuple(place["fill"])})
            for place in content["places"]
        )
    except (UserError, OSError, KeyError, TypeError):
        return None  # it is made anew
    config = data.preprocess_config
    store = PatchStore(folder, config.side, len(config.channels), places)
    return store if is_same else None


def _sizes(folder: Path) -> dict[str, int]:
    names = (_IMAGES, _MASKS, _LESIONS)
    return {name: (folder / name).stat().st_size for name in names}


def _check_room(
    folder: Path, data: PreparedData, records: Sequence[VolumeRecord]
) -> None:
    config = data.preprocess_config
    voxels = data.count_slices(records) * config.side**2
    # Lesions are less than a hundredth of the voxels.
    needed = int(voxels * (2 * len(config.channels) + 1) * 1.05)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: training on patches needs {needed / 1e9:.1f} GB there "
            f"while it runs, {free / 1e9:.1f} GB are free; make room, or take "
            "a --workdir on another disk"
        )


def _write_volumes(
    folder: Path, data: PreparedData, records: Sequence[VolumeRecord]
) -> list[StoredPlace]:
    places: list[StoredPlace] = []
    first_slice = first_lesion = 0
    with (
        open(folder / _IMAGES, "wb") as images,
        open(folder / _MASKS, "wb") as masks,
        open(folder / _LESIONS, "wb") as lesions,
    ):
        for stored in progress(
            data.read_volumes(records),
            "preparing patches",
            total=len(records),
            unit="volume",
        ):
            prepared = volume_to_slices(
                stored.images, data.preprocess_config, stored.mask
            )
            count = _write_volume(prepared, images, masks, lesions)
            places.append(
                StoredPlace(
                    volume_id=stored.record.volume_id,
                    first_slice=first_slice,
                    num_slices=len(prepared.slices),
                    first_lesion_voxel=first_lesion,
                    num_lesion_voxels=count,
                    fill=_fill(prepared, data.preprocess_config.padding),
                )
            )
            first_slice += len(prepared.slices)
            first_lesion += count
        if not first_lesion:
            # An empty file cannot be mapped.
            lesions.write(np.zeros(1, np.uint32).tobytes())
    return places


def _write_volume(
    prepared: PreparedVolume,
    images: BinaryIO,
    masks: BinaryIO,
    lesions: BinaryIO,
) -> int:
    """Appends a volume; returns how many lesion voxels it has."""
    images.write(prepared.slices.astype(np.float16).tobytes())
    masks.write(prepared.mask.astype(np.uint8).tobytes())
    voxels = np.flatnonzero(prepared.mask == _WMH).astype(np.uint32)
    lesions.write(voxels.tobytes())
    return len(voxels)


def _fill(prepared: PreparedVolume, padding: str) -> tuple[float, ...]:
    channels = np.moveaxis(prepared.slices, -1, 0)
    if padding == "zero":
        return (0.0,) * len(channels)
    return tuple(background_value(channel) for channel in channels)
