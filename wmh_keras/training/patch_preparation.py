"""Prepares the volumes that patches are cut from, see `patch_store`."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_prep.errors import UserError
from data_prep.geometry import SliceGeometry
from data_prep.intensity import background_value
from data_prep.preprocess import PreparedVolume, volume_to_slices
from data_prep.preprocess_config import PreprocessConfig
from data_prep.program import progress
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.metrics.labels import WMH
from wmh_keras.training.lesion_masks import LesionMasks
from wmh_keras.training.lesion_painting import TissueLevels, tissue_levels
from wmh_keras.training.skull_stripping import is_skull_stripped

IMAGES, MASKS, LESIONS = "images.bin", "masks.bin", "lesions.bin"
LESION_MASKS = "lesion_masks.bin"


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
      slice_spacing_mm: From one slice to the next.
      is_stripped: Whether it was skull-stripped, so that all that lies
        outside the brain has the value of `fill`.
      pixel_mm: From one pixel of a prepared slice to the next.
      levels: Intensities of its first channel.
      is_on_mask_grid: Whether the lesion masks of other patients lie on its
        grid.
    """

    volume_id: str
    first_slice: int
    num_slices: int
    first_lesion_voxel: int
    num_lesion_voxels: int
    fill: tuple[float, ...]
    slice_spacing_mm: float
    is_stripped: bool
    pixel_mm: float
    levels: TissueLevels
    is_on_mask_grid: bool = False


def check_room(
    folder: Path,
    data: PreparedData,
    records: Sequence[VolumeRecord],
    lesion_masks: LesionMasks | None = None,
) -> None:
    """Makes sure that the volumes fit on the disk.

    Raises:
      UserError: They do not.
    """
    config = data.preprocess_config
    voxels = data.count_slices(records) * config.side**2
    # Lesions are less than a hundredth of the voxels.
    needed = int(voxels * (2 * len(config.channels) + 1) * 1.05)
    if lesion_masks is not None:
        slices = len(lesion_masks.paths) * lesion_masks.slices_each
        needed += slices * config.side**2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: training on patches needs {needed / 1e9:.1f} GB there "
            f"while it runs, {free / 1e9:.1f} GB are free; make room, or take "
            "a --workdir on another disk"
        )


def write_volumes(
    folder: Path,
    data: PreparedData,
    records: Sequence[VolumeRecord],
    lesion_masks: LesionMasks | None = None,
) -> list[StoredPlace]:
    """Prepares the volumes and writes the files of a store, but its index.

    Args:
      folder: Where to write.
      data: The prepared data.
      records: Volumes with a reference.
      lesion_masks: Of other patients, which `write_lesion_masks` writes.

    Returns:
      Where each of them lies, in the order of `data.volumes()`.
    """
    places: list[StoredPlace] = []
    first_slice = first_lesion = 0
    with (
        open(folder / IMAGES, "wb") as images,
        open(folder / MASKS, "wb") as masks,
        open(folder / LESIONS, "wb") as lesions,
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
            padding = data.preprocess_config.padding
            fill = _fill(prepared, padding)
            places.append(
                StoredPlace(
                    volume_id=stored.record.volume_id,
                    first_slice=first_slice,
                    num_slices=len(prepared.slices),
                    first_lesion_voxel=first_lesion,
                    num_lesion_voxels=count,
                    fill=fill,
                    slice_spacing_mm=prepared.geometry.spacing_mm[2],
                    is_stripped=padding == "background"
                    and is_skull_stripped(prepared.slices, np.array(fill)),
                    pixel_mm=_pixel_mm(prepared.geometry),
                    levels=tissue_levels(
                        prepared.slices[..., 0], prepared.mask
                    ),
                    is_on_mask_grid=lesion_masks is not None
                    and lesion_masks.fits(stored.images[0]),
                )
            )
            first_slice += len(prepared.slices)
            first_lesion += count
        if not first_lesion:
            # An empty file cannot be mapped.
            lesions.write(np.zeros(1, np.uint32).tobytes())
    if lesion_masks is not None and not any(p.is_on_mask_grid for p in places):
        raise UserError(
            f"--lesion_masks: none of the {len(places)} volumes to fit lies "
            f"on the grid of {lesion_masks.paths[0]}; bring masks and "
            "volumes to one space, or leave the flag out"
        )
    return places


def write_lesion_masks(
    folder: Path, lesion_masks: LesionMasks | None, config: PreprocessConfig
) -> int:
    """Writes the lesion masks of other patients, if there are any.

    Returns:
      How many there are.

    Raises:
      VolumeError: One of them cannot be used.
    """
    if lesion_masks is None:
        return 0
    count = len(lesion_masks.paths)
    with open(folder / LESION_MASKS, "wb") as file:
        for mask in progress(
            lesion_masks.read(config),
            "preparing lesion masks",
            total=count,
            unit="mask",
        ):
            file.write(mask.tobytes())
    return count


def _write_volume(
    prepared: PreparedVolume,
    images: BinaryIO,
    masks: BinaryIO,
    lesions: BinaryIO,
) -> int:
    """Appends a volume; returns how many lesion voxels it has."""
    images.write(prepared.slices.astype(np.float16).tobytes())
    masks.write(prepared.mask.astype(np.uint8).tobytes())
    voxels = np.flatnonzero(prepared.mask == WMH).astype(np.uint32)
    lesions.write(voxels.tobytes())
    return len(voxels)


def _pixel_mm(geometry: SliceGeometry) -> float:
    """Returns the distance of pixels, square ones, of a prepared slice."""
    rows = geometry.spacing_mm[1] * geometry.plane[0]
    return rows / geometry.square_pixels[0] / geometry.scale


def _fill(prepared: PreparedVolume, padding: str) -> tuple[float, ...]:
    channels = np.moveaxis(prepared.slices, -1, 0)
    if padding == "zero":
        return (0.0,) * len(channels)
    return tuple(background_value(channel) for channel in channels)
