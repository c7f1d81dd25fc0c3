"""StoredVolume: one volume as it was before preparation."""

import dataclasses
from collections.abc import Sequence

from data_prep.grid_json import volume_from_grid
from data_prep.volume import Volume
from wmh_keras.datasets.example_files import Element
from wmh_keras.datasets.volume_records import VolumeRecord


@dataclasses.dataclass(frozen=True)
class StoredVolume:
    """A volume on its native grid, bit for bit as the files gave it.

    Attributes:
      record: who it is.
      images: one volume a channel, (x, y, z) float32.
      mask: (x, y, z) uint8 with the labels 0, 1, 2; None without a reference.
    """

    record: VolumeRecord
    images: tuple[Volume, ...]
    mask: Volume | None


def stored_volume_from(
    wanted: dict[str, VolumeRecord], element: Element, places: Sequence[int]
) -> StoredVolume:
    """Makes the volume from a decoded example of config `volumes`.

    Args:
      wanted: records by volume_id; the example's is among them.
      element: as NumPy arrays and bytes.
      places: which of the stored channels to take, in this order.
    """
    record = wanted[element["volume_id"].decode()]
    images = tuple(
        volume_from_grid(
            element["image"][..., place].copy(), element["image_grids"][place]
        )
        for place in places
    )
    mask = None
    if record.has_mask:
        mask = volume_from_grid(element["mask"].copy(), element["mask_grid"])
    return StoredVolume(record=record, images=images, mask=mask)
