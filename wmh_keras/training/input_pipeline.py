"""The stream of training batches: a pure function of seed and step.

Training counts its batches from its first step on, through all epochs. Batch g
of a pass of P batches lies in pass g // P, at place g % P; the order within a
pass depends on (seed, pass) alone, and the augmentation of a batch on
(seed, pass, place). So a training that goes on from a checkpoint sees exactly
the batches that it would have seen, and an epoch may be shorter or longer than
a pass through the data.

Several processes make a part of every batch each, the same batch as one would
make. They shuffle the numbers of the slices, as one shuffles the slices
themselves, and each reads only what its own part needs.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from data_prep.errors import UserError
from wmh_keras.datasets import PreparedData, SliceIndex, VolumeRecord
from wmh_keras.training.augmentation import augment
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.batch_share import BatchShare
from wmh_keras.training.device_augmentation import (
    DeviceAugmentation,
    draw_changes,
)

# Undecoded slices that wait to be shuffled. Files are read in another order in
# each pass and lie on disk shuffled, so the buffer need not hold them all.
SHUFFLE_BYTES = 256 << 20
_SLICE_BYTES_PER_PIXEL = 3  # float16 image, uint8 mask


@dataclasses.dataclass(frozen=True)
class TrainingStream:
    """The slices that are fitted, and how they are cut into batches.

    Attributes:
      data: The prepared data.
      records: Volumes to fit, all with a reference.
      global_batch_size: Slices a batch, over all devices.
      seed: Of the order and the augmentation.
      augmentation: What is changed at random.
      share: The part of a batch that is made here; by default all of it.
      augment_on: "host" changes the batches; "device" leaves that to
        `device_augmentation` and adds the changes to each.
    """

    data: PreparedData
    records: Sequence[VolumeRecord]
    global_batch_size: int
    seed: int
    augmentation: AugmentationConfig
    share: BatchShare | None = None
    augment_on: str = "host"

    @property
    def _share(self) -> BatchShare:
        return self.share or BatchShare(self.global_batch_size)

    @functools.cached_property
    def _index(self) -> SliceIndex | None:
        """Finds single slices; None where all of a batch are needed here.

        Reading them one after the other is faster then.
        """
        if len(self._share.needed) == self.global_batch_size:
            return None
        return self.data.index_slices(self.records)

    @property
    def device_augmentation(self) -> DeviceAugmentation | None:
        """What is left for the device to do; None where that is nothing."""
        if self.augment_on == "host":
            return None
        side = self.data.preprocess_config.side
        return DeviceAugmentation(self.augmentation, (side, side))

    @property
    def batches_per_pass(self) -> int:
        """Full batches in one pass; the slices left over are dropped.

        Raises:
          UserError: There are fewer slices than a batch has.
        """
        count = self.data.count_slices(self.records)
        if count < self.global_batch_size:
            raise UserError(
                f"global_batch_size: expected at most the {count} slices to "
                f"fit, received {self.global_batch_size}"
            )
        return count // self.global_batch_size

    def batches(self, first: int, last: int) -> tf.data.Dataset:
        """Returns the batches from `first` up to, not including, `last`.

        Args:
          first: Number of the first batch, from 0 at the start of training.
          last: Number of the batch to stop before.

        Returns:
          Elements (image (b, h, w, c) float32, mask (b, h, w, 1) float32
          with the labels 0, 1, 2); every batch is full, and b the share's. To
          be augmented on the device: (image float16, mask uint8, changes).
        """
        per_pass = self.batches_per_pass
        passes = tf.data.Dataset.range(first // per_pass, -(-last // per_pass))
        return (
            passes.flat_map(self._one_pass)
            .skip(first % per_pass)
            .take(last - first)
            .map(
                self._prepare_batch,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
            .apply(tf.data.experimental.assert_cardinality(last - first))
            .prefetch(tf.data.AUTOTUNE)
        )

    def _one_pass(self, number: tf.Tensor) -> tf.data.Dataset:
        """Returns (pass, place, undecoded slices of one batch)."""
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        shuffled = self._in_order_of_files(seed).shuffle(
            self._buffer_size(),
            seed=tf.cast(tf.random.fold_in(seed, 0)[0], tf.int64),
            reshuffle_each_iteration=False,
        )
        decoded = self._read_share(shuffled).map(
            self._decode,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        batches = decoded.batch(len(self._share.needed), drop_remainder=True)
        return batches.enumerate().map(
            lambda place, batch: (number, place, batch)
        )

    def _in_order_of_files(self, seed: tf.Tensor) -> tf.data.Dataset:
        """Returns undecoded slices, or their numbers in the same order.

        A shuffle never looks at what it shuffles: both end in one order.
        """
        if self._index is None:
            return self.data.encoded_slices(self.records, file_seed=seed)
        return self._index.numbers(file_seed=seed)

    def _read_share(self, shuffled: tf.data.Dataset) -> tf.data.Dataset:
        """Drops the slices left over, and what other processes read."""
        size = self.global_batch_size
        whole = shuffled.take(self.batches_per_pass * size)
        if self._index is None:
            return whole
        needed = self._share.needed

        def is_needed(place: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return (place % size >= needed.start) & (place % size < needed.stop)

        numbers = whole.enumerate().filter(is_needed).map(lambda _, n: n)
        return self._index.read(numbers)

    def _decode(self, element: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        decoded = self.data.decode_slice(element)
        return {"image": decoded["image"], "mask": decoded["mask"]}

    def _prepare_batch(
        self, number: tf.Tensor, place: tf.Tensor, batch: dict[str, tf.Tensor]
    ) -> tuple[Any, ...]:
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        return self._share.augment(
            batch["image"],
            batch["mask"],
            tf.random.fold_in(seed, place + 1),
            self._augment,
        )

    def _augment(
        self, image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor
    ) -> tuple[Any, ...]:
        if self.augment_on == "device":
            shape = tf.shape(image)
            changes = draw_changes(
                shape[0], shape[1:3], seed, self.augmentation
            )
            return image, mask[..., None], changes
        image, mask = augment(
            tf.cast(image, tf.float32), mask, seed, self.augmentation
        )
        return image, tf.cast(mask, tf.float32)[..., None]

    def _buffer_size(self) -> int:
        config = self.data.preprocess_config
        slice_bytes = _SLICE_BYTES_PER_PIXEL * config.side**2
        return max(
            self.global_batch_size,
            min(
                self.data.count_slices(self.records),
                SHUFFLE_BYTES // (slice_bytes * len(config.channels)),
            ),
        )
