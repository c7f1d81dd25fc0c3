"""PreparedData: an opened data folder, and what can be read of it."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.datasets.catalogue import Catalogue
from wmh_keras.datasets.example_files import Element, ExampleFiles
from wmh_keras.datasets.slice_index import SliceIndex
from wmh_keras.datasets.stored_volume import StoredVolume, stored_volume_from
from wmh_keras.datasets.volume_records import VolumeRecord, read_records

if TYPE_CHECKING:
    import tensorflow as tf

_SLICE_FIELDS = ("image", "mask", "volume_id", "slice_index")
_VOLUME_FIELDS = ("image", "mask", "volume_id", "image_grids", "mask_grid")
# Decoded volumes on their way: what bounds the memory of read_volumes.
_VOLUMES_IN_FLIGHT = 2


def open_prepared_data(data_dir: str | os.PathLike) -> "PreparedData":
    """Opens what `wmh-prepare` wrote.

    Args:
      data_dir: the folder given as --data_dir.

    Returns:
      The opened data set; nothing but the card and the list is read yet.

    Raises:
      UserError: no finished data set is there, or its list of cases was
        changed since.
    """
    return PreparedData(data_dir)


class PreparedData:
    """A prepared data folder. Made by `open_prepared_data`.

    Attributes:
      data_dir: the folder.
      card: the data card, as JSON types.
      identity: SHA-256 of all that decided the data; the same inputs, splits
        and preprocessing give the same, whatever the paths and the time.
      preprocess_config: how the slices were prepared.
      split_names: in the order of the card.
    """

    def __init__(self, data_dir: str | os.PathLike) -> None:
        """Opens the folder, see `open_prepared_data`."""
        self.data_dir = Path(data_dir)
        self.card: dict[str, Any] = data_folder.read_card(data_dir)
        self.identity: str = self.card["identity"]
        self.preprocess_config = PreprocessConfig.from_json(
            self.card["preprocess"]
        )
        self.split_names: tuple[str, ...] = tuple(self.card["splits"])
        self._catalogue = Catalogue(
            self.data_dir,
            self.split_names,
            tuple(read_records(self.data_dir, self.card)),
        )
        self._slices = ExampleFiles(data_dir, data_folder.SLICES, _SLICE_FIELDS)
        self._volumes = ExampleFiles(
            data_dir, data_folder.VOLUMES, _VOLUME_FIELDS
        )

    def volumes(self) -> list[VolumeRecord]:
        """Returns all stored volumes, by split and then by volume_id."""
        return list(self._catalogue.records)

    def select(
        self,
        split: str | None = None,
        subjects: Collection[str] | None = None,
    ) -> list[VolumeRecord]:
        """Chooses volumes with a reference, or the `unlabelled` ones by name.

        Args:
          split: a split's name, several joined by "+", or None for all that
            have references.
          subjects: subject ids to keep, whatever split stores them; None for
            all. With a split, both have to hold.

        Returns:
          The chosen volumes, in the order of `volumes()`; never empty.

        Raises:
          UserError: an unknown split or subject, or nothing is left.
        """
        return self._catalogue.select(split, subjects)

    def count_slices(self, records: Sequence[VolumeRecord]) -> int:
        """Returns the number of slices of these volumes."""
        return sum(record.num_slices for record in records)

    def slices(self, records: Sequence[VolumeRecord]) -> "tf.data.Dataset":
        """Returns the decoded slices of these volumes, in a fixed order.

        The order is that of the files, which mixes volumes; it is the same
        in every run. For shuffling in a small buffer see `encoded_slices`.

        Args:
          records: from `select`.

        Returns:
          Elements {image: (side, side, c) float16, mask: (side, side) uint8
          with the labels 0, 1, 2, volume_id: string, slice_index: int32}.

        Raises:
          UserError: a volume without a reference, or not of this data set.
        """
        import tensorflow as tf

        return self.encoded_slices(records).map(
            self.decode_slice,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def encoded_slices(
        self,
        records: Sequence[VolumeRecord],
        file_seed: "tf.Tensor | Sequence[int] | None" = None,
    ) -> "tf.data.Dataset":
        """Returns the slices undecoded: small, and cheap to shuffle.

        Slices lie on disk in a random order that never changes. For a new
        order each epoch permute the files by `file_seed`, then shuffle in a
        buffer, then decode.

        Args:
          records: from `select`.
          file_seed: two integers, such as (seed, epoch), that permute the
            files, as a tensor too; None keeps their order.

        Returns:
          Elements like those of `slices`, but with image and mask as one
          string each, for `decode_slice`. The same arguments give the same
          order, in every run. The cardinality is known.

        Raises:
          UserError: a volume without a reference, or not of this data set.
        """
        import tensorflow as tf

        self._catalogue.check(records, need_masks=True)
        splits = self._catalogue.splits_of(records)
        dataset = self._slices.read_interleaved(splits, file_seed)
        dataset = self._keep(dataset, records)
        return dataset.apply(
            tf.data.experimental.assert_cardinality(self.count_slices(records))
        )

    def index_slices(self, records: Sequence[VolumeRecord]) -> SliceIndex:
        """Finds the slices of these volumes without reading them.

        For a reader that needs only some of them: it chooses by their
        numbers, which come in the order of `encoded_slices`.

        Args:
          records: from `select`.

        Raises:
          UserError: a volume without a reference, or not of this data set,
            or a damaged file.
        """
        self._catalogue.check(records, need_masks=True)
        index = self._slices.index(self._catalogue.splits_of(records))
        ids = [record.volume_id for record in records]
        is_wanted = index.find(ids, self.count_slices(records))
        return SliceIndex(self._slices, index, is_wanted)

    def decode_slice(self, element: Element) -> Element:
        """Decodes one element of `encoded_slices`; for `Dataset.map`.

        Args:
          element: one slice, undecoded.

        Returns:
          The same with image (side, side, c) float16 and mask (side, side)
          uint8.
        """
        return self._slices.decode(element)

    def read_volumes(
        self,
        records: Sequence[VolumeRecord],
        channels: Sequence[str] | None = None,
    ) -> Iterator[StoredVolume]:
        """Streams volumes on their native grid; two or three are in memory.

        Args:
          records: from `select` or `volumes`.
          channels: the images to take, by role and in this order; None takes
            those of the data set in its own.

        Yields:
          The volumes in the order of `volumes()`, whatever that of records.

        Raises:
          UserError: an image that the data set does not hold, a volume that
            is not of it, or a damaged file.
        """
        import tensorflow as tf

        stored = self.preprocess_config.channels
        channels = stored if channels is None else channels
        self.check_channels(channels)
        places = [stored.index(role) for role in channels]
        self._catalogue.check(records, need_masks=False)
        wanted = {record.volume_id: record for record in records}
        dataset = self._encoded_volumes(records).map(
            self._volumes.decode,
            num_parallel_calls=_VOLUMES_IN_FLIGHT,
            deterministic=True,
        )
        count = 0
        try:
            for element in dataset.as_numpy_iterator():
                yield stored_volume_from(wanted, element, places)
                count += 1
        except tf.errors.OpError as error:
            raise UserError(
                f"{self.data_dir}: a file of the data set is missing or "
                f"damaged: {error.message}"
            ) from error
        if count != len(wanted):
            raise UserError(
                f"{self.data_dir}: expected {len(wanted)} volumes, found "
                f"{count}; a file of the data set is missing or damaged"
            )

    def check_channels(self, channels: Sequence[str]) -> None:
        """Checks that the data set holds these images.

        Raises:
          UserError: it does not; says which it holds.
        """
        stored = self.preprocess_config.channels
        absent = [role for role in channels if role not in stored]
        if absent:
            raise UserError(
                f"{self.data_dir}: holds {', '.join(stored)}, but the model "
                f"takes {', '.join(absent)} as well; prepare the data with "
                f"--channels={','.join(channels)}"
            )

    def _encoded_volumes(
        self, records: Sequence[VolumeRecord]
    ) -> "tf.data.Dataset":
        """Returns the volumes undecoded; reads no others."""
        import tensorflow as tf

        splits = self._catalogue.splits_of(records)
        if self._catalogue.are_whole_splits(records):
            return self._volumes.read_in_order(splits)
        index = self._volumes.index(splits)
        ids = [record.volume_id for record in records]
        is_wanted = index.find(ids, len(ids))
        numbers = tf.data.Dataset.from_tensor_slices(np.flatnonzero(is_wanted))
        return self._volumes.read_numbers(index, numbers, _VOLUMES_IN_FLIGHT)

    def _keep(
        self, dataset: "tf.data.Dataset", records: Sequence[VolumeRecord]
    ) -> "tf.data.Dataset":
        """Leaves out the volumes that are not wanted, before decoding."""
        import tensorflow as tf

        if self._catalogue.are_whole_splits(records):
            return dataset
        wanted = tf.constant(sorted(record.volume_id for record in records))
        return dataset.filter(
            lambda element: tf.reduce_any(element["volume_id"] == wanted)
        )
