"""The stream of batches of patches: a pure function of seed and step.

Patches are numbered from the first step of a training on. Which volume patch n
is cut from depends on (seed, n), see `volume_order`, and so does where it lies.
So every volume, or every site, gives as many patches as any other, however many
slices it has, and a training that goes on sees exactly the patches that it
would have seen.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from wmh_keras.datasets import VolumeRecord
from wmh_keras.training.augmentation import augment
from wmh_keras.training.augmentation_3d import augment_3d
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.batch_share import BatchShare
from wmh_keras.training.device_augmentation import (
    DeviceAugmentation,
    draw_changes,
)
from wmh_keras.training.patch_changes import AS_STORED, PatchChanges
from wmh_keras.training.patch_store import PatchStore
from wmh_keras.training.volume_order import group_volumes, volume_of

# Apart from the draws of `volume_order` and `patch_changes`.
_PLACE = 1


@dataclasses.dataclass(frozen=True)
class PatchStream:
    """Patches that are fitted, and how they are drawn.

    Attributes:
      store: The volumes.
      records: Of the same volumes, in any order.
      patch_size: (h, w), or (d, h, w) for 3-D patches.
      global_batch_size: Patches a batch, over all devices.
      seed: Of the order, the places and the augmentation.
      lesion_patches: Share of the patches that are put around a voxel of
        label 1, drawn uniformly from those of its volume; the others are
        drawn uniformly from those that lie within the volume. A volume
        without a lesion gives the latter only.
      patch_shift: How far such a voxel lies from the patch's centre at most,
        as a share of each side, up to a half; it stays within the patch.
      augmentation: What is changed at random.
      changes: What happens to 2-D patches as they are read.
      share: The part of a batch that is made here; by default all of it.
      augment_on: "host" changes the batches; "device", for 2-D patches,
        leaves that to `device_augmentation` and adds the changes to each.
      evenly: What gives equally many patches, "volumes" or "sites".
    """

    store: PatchStore
    records: Sequence[VolumeRecord]
    patch_size: tuple[int, ...]
    global_batch_size: int
    seed: int
    lesion_patches: float
    patch_shift: float
    augmentation: AugmentationConfig
    changes: PatchChanges = AS_STORED
    share: BatchShare | None = None
    augment_on: str = "host"
    evenly: str = "volumes"

    @functools.cached_property
    def _groups(self) -> tuple[tuple[int, ...], ...]:
        records = {record.volume_id: record for record in self.records}
        stored = [records[place.volume_id] for place in self.store.places]
        return group_volumes(stored, self.evenly)

    @property
    def _share(self) -> BatchShare:
        return self.share or BatchShare(self.global_batch_size)

    @property
    def device_augmentation(self) -> DeviceAugmentation | None:
        """What is left for the device to do; None where that is nothing."""
        if self.augment_on == "host":
            return None
        margins = _margins(self._shape, self.augmentation)
        config = _for_margins(self.augmentation, self._shape, margins)
        return DeviceAugmentation(config, tuple(self.patch_size))

    @property
    def batches_per_pass(self) -> int:
        """Batches that have about as many voxels as all volumes together."""
        patches = self.store.num_voxels // math.prod(self.patch_size)
        return max(1, patches // self.global_batch_size)

    def batches(self, first: int, last: int) -> tf.data.Dataset:
        """Returns the batches from `first` up to, not including, `last`.

        Args:
          first: Number of the first batch, from 0 at the start of training.
          last: Number of the batch to stop before.

        Returns:
          Elements (image (b, …, c) float32, mask (b, …, 1) float32 with the
          labels 0, 1, 2), where … are the sides of a patch and b is that of
          the share. To be augmented on the device: (image float32, mask
          uint8, changes), of patches that are larger by what is cut off
          there.
        """
        return (
            tf.data.Dataset.range(first, last)
            .map(
                self._make_batch,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
            .prefetch(tf.data.AUTOTUNE)
        )

    def place(self, number: int) -> tuple[int, tuple[int, int, int]]:
        """Returns which volume a patch is cut from, and (z, y, x) there.

        Args:
          number: Of the patch, from 0 at the start of training.

        Returns:
          The place of the volume in the store, and the patch's first voxel,
          which may lie outside the volume.
        """
        volume = volume_of(self._groups, self.seed, number)
        stored = self.store.places[volume]
        draw = np.random.default_rng((self.seed, _PLACE, number))
        around_lesion = draw.random() < self.lesion_patches
        if around_lesion and stored.num_lesion_voxels:
            chosen = int(draw.integers(stored.num_lesion_voxels))
            voxel = self.store.lesion_voxel(volume, chosen)
            start = (
                at - _place_in_patch(length, self.patch_shift, draw)
                for at, length in zip(voxel, self._shape, strict=True)
            )
        else:
            sizes = (stored.num_slices, self.store.side, self.store.side)
            start = (
                _place_within(size, length, draw)
                for size, length in zip(sizes, self._shape, strict=True)
            )
        return volume, tuple(start)

    @property
    def _shape(self) -> tuple[int, int, int]:
        """(d, h, w), a slice being one deep."""
        return (1,) * (3 - len(self.patch_size)) + tuple(self.patch_size)

    def _read_batch(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        margins = _margins(self._shape, self.augmentation)
        shape = [
            length + 2 * margin
            for length, margin in zip(self._shape, margins, strict=True)
        ]
        images, masks = [], []
        for index in self._share.needed:
            number = int(step) * self.global_batch_size + index
            volume, start = self.place(number)
            first = [at - m for at, m in zip(start, margins, strict=True)]
            image, mask = self.changes.read(
                self.store, volume, first, shape, (self.seed, number)
            )
            images.append(image)
            masks.append(mask)
        return np.stack(images).astype(np.float32), np.stack(masks)

    def _make_batch(self, step: tf.Tensor) -> tuple[Any, ...]:
        image, mask = tf.numpy_function(
            self._read_batch, [step], (tf.float32, tf.uint8), stateful=False
        )
        margins = _margins(self._shape, self.augmentation)
        read = [n + 2 * m for n, m in zip(self._shape, margins, strict=True)]
        batch = (len(self._share.needed), *read)
        image = tf.ensure_shape(image, (*batch, self.store.channels))
        mask = tf.ensure_shape(mask, batch)
        seed = tf.random.fold_in(
            tf.constant((self.seed, 0), tf.int64), step + 1
        )
        return self._share.augment(image, mask, seed, self._augment)

    def _augment(
        self, image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor
    ) -> tuple[Any, ...]:
        """Changes patches and cuts off what was read beyond them."""
        margins = _margins(self._shape, self.augmentation)
        config = _for_margins(self.augmentation, self._shape, margins)
        if self.augment_on == "device":
            shape = tf.shape(image)
            changes = draw_changes(shape[0], shape[2:4], seed, config)
            return image[:, 0], mask[:, 0, ..., None], changes
        if len(self.patch_size) == 3:
            image, mask = augment_3d(image, mask, seed, config)
        else:
            image, mask = augment(image[:, 0], mask[:, 0], seed, config)
            image, mask = image[:, None], mask[:, None]
        z, y, x = (
            slice(margin, margin + length)
            for margin, length in zip(margins, self._shape, strict=True)
        )
        image, mask = image[:, z, y, x], mask[:, z, y, x]
        shape = (-1, *self.patch_size)
        return (
            tf.reshape(image, (*shape, self.store.channels)),
            tf.reshape(tf.cast(mask, tf.float32), (*shape, 1)),
        )


def _place_in_patch(
    length: int, shift: float, draw: np.random.Generator
) -> int:
    """Draws where along one side of a patch its lesion voxel lies."""
    centre, reach = length // 2, int(shift * length)
    low, high = max(centre - reach, 0), min(centre + reach, length - 1)
    return int(draw.integers(low, high, endpoint=True))


def _place_within(size: int, length: int, draw: np.random.Generator) -> int:
    """Draws where a patch begins along one side of a volume.

    The patch lies within the volume; where it is longer, around it.
    """
    low, high = sorted((0, size - length))
    return int(draw.integers(low, high, endpoint=True))


def _margins(
    shape: Sequence[int], config: AugmentationConfig
) -> tuple[int, int, int]:
    """Returns what is read beyond each side, so that no corner stays empty.

    A patch that is turned, shrunk or shifted shows what lies beside it in the
    volume, and padding only beyond the volume's border.
    """
    if not config.probability:
        return 0, 0, 0
    depth, height, width = shape
    sine = math.sin(math.radians(min(config.rotation_degrees, 90)))
    shorter, longer = sorted((height, width))
    turned = min(1 + sine * longer / shorter, math.hypot(1, longer / shorter))
    zoomed = 1 / (1 - config.scaling)
    shifted = 2 * config.translation
    in_plane = turned * zoomed + shifted * zoomed
    along_z = zoomed + shifted * zoomed if depth > 1 else 1
    factors = (along_z, in_plane, in_plane)
    return tuple(
        math.ceil((factor - 1) * length / 2)
        for factor, length in zip(factors, shape, strict=True)
    )


def _for_margins(
    config: AugmentationConfig, shape: Sequence[int], margins: Sequence[int]
) -> AugmentationConfig:
    """Keeps the translation a share of the patch, not of what is read."""
    along_z, in_plane, _ = (
        config.translation * length / (length + 2 * margin)
        for length, margin in zip(shape, margins, strict=True)
    )
    return dataclasses.replace(
        config, translation=in_plane, translation_z=along_z
    )
