"""The record files of one TFDS config: opens, parses and decodes them.

Parsing and decoding are apart, so that examples can be chosen and shuffled
while their arrays are still compressed.
"""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.quiet_log import quiet_log
from wmh_keras.datasets.record_index import RecordIndex, index_records

if TYPE_CHECKING:
    import tensorflow as tf

Element = dict[str, Any]

_ARRAYS = ("image", "mask")
# Files read side by side; more mixes the examples better, up to a point.
_INTERLEAVED_FILES = 16


class ExampleFiles:
    """One config of a prepared data folder, read field by field.

    Attributes:
      folder: where the record files are.
      fields: what is read of each example; the rest is never parsed.
    """

    def __init__(
        self, data_dir: str | os.PathLike, config: str, fields: Sequence[str]
    ) -> None:
        """Notes the place; reads nothing yet.

        Args:
          data_dir: the data folder.
          config: "slices" or "volumes".
          fields: the features to read; with image and mask among them.
        """
        self.folder: Path = data_folder.dataset_dir(data_dir, config)
        self.fields = tuple(fields)

    @functools.cached_property
    def _info(self) -> Any:  # noqa: ANN401
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(self.folder).info
        # What a damaged file of metadata raises is the parsers' affair.
        except Exception as error:
            raise UserError(
                f"{self.folder}: the description of the data set is missing "
                f"or damaged; copy the data set again ({error})"
            ) from error

    @functools.cached_property
    def _features(self) -> Any:  # noqa: ANN401
        import tensorflow_datasets as tfds

        stored = self._info.features
        return tfds.features.FeaturesDict(
            {name: stored[name] for name in self.fields}
        )

    def paths(self, splits: Sequence[str]) -> list[str]:
        """Returns the files of these splits, in the order given."""
        return [
            os.fspath(path)
            for split in splits
            for path in self._info.splits[split].filepaths
        ]

    def read_in_order(self, splits: Sequence[str]) -> "tf.data.Dataset":
        """Returns the parsed examples, file after file."""
        import tensorflow as tf

        return tf.data.TFRecordDataset(self.paths(splits)).map(self._parse)

    def read_interleaved(
        self,
        splits: Sequence[str],
        file_seed: "tf.Tensor | Sequence[int] | None" = None,
    ) -> "tf.data.Dataset":
        """Returns the parsed examples of many files by turns.

        Args:
          splits: whose files to read.
          file_seed: two integers that permute the files, or None.

        Returns:
          The parsed examples; the same arguments give the same order.
        """
        import tensorflow as tf

        paths = tf.constant(self.paths(splits))
        return _interleave(
            len(paths),
            file_seed,
            lambda file: tf.data.TFRecordDataset(tf.gather(paths, file)),
        ).map(
            self._parse,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def index(self, splits: Sequence[str]) -> RecordIndex:
        """Finds the examples of these splits in their files.

        Raises:
          UserError: a file is missing, damaged, or not the one described.
        """
        index = index_records(self.paths(splits))
        described = [
            length
            for split in splits
            for length in self._info.splits[split].shard_lengths
        ]
        if index.lengths.tolist() != described:
            raise UserError(
                f"{self.folder}: the files hold {sum(index.lengths)} examples, "
                f"but {sum(described)} are described; copy the data set again"
            )
        return index

    def numbers_interleaved(
        self,
        index: RecordIndex,
        file_seed: "tf.Tensor | Sequence[int] | None" = None,
    ) -> "tf.data.Dataset":
        """Returns the numbers of the examples, and reads none.

        Args:
          index: from `index`.
          file_seed: as for `read_interleaved`.

        Returns:
          int64, in the order in which `read_interleaved` gives the examples.
        """
        import tensorflow as tf

        stops = tf.constant(index.lengths.cumsum())
        lengths = tf.constant(index.lengths)

        def numbers(file: tf.Tensor) -> tf.data.Dataset:
            stop = tf.gather(stops, file)
            return tf.data.Dataset.range(stop - tf.gather(lengths, file), stop)

        return _interleave(len(index.paths), file_seed, numbers)

    def read_numbers(
        self,
        index: RecordIndex,
        numbers: "tf.data.Dataset",
        in_flight: int | None = None,
    ) -> "tf.data.Dataset":
        """Returns the parsed examples of these numbers, in their order.

        Nothing else is read, not even what lies beside them.

        Args:
          index: from `index`.
          numbers: int64.
          in_flight: examples read at a time; by default tf.data decides.
        """
        import tensorflow as tf

        paths, files, offsets = map(
            tf.constant, (index.paths, index.files, index.offsets)
        )

        def read(number: tf.Tensor) -> Element:
            # The one reader of TensorFlow that takes offsets and compares
            # checksums; without a buffer it reads the one record.
            variant = tf.raw_ops.TFRecordDatasetV2(
                filenames=[tf.gather(paths, tf.gather(files, number))],
                compression_type="",
                buffer_size=0,
                byte_offsets=[tf.gather(offsets, number)],
            )
            records = tf.data.experimental.from_variant(
                variant, tf.TensorSpec((), tf.string)
            )
            return self._parse(records.take(1).get_single_element())

        return numbers.map(
            read,
            num_parallel_calls=in_flight or tf.data.AUTOTUNE,
            deterministic=True,
        )

    def decode(self, element: Element) -> Element:
        """Turns the stored image and mask of a parsed example into arrays."""
        with quiet_log():
            arrays = {
                name: self._features[name].decode_example(element[name])
                for name in _ARRAYS
            }
        return {**element, **arrays}

    def _parse(self, record: "tf.Tensor") -> Element:
        import tensorflow_datasets as tfds

        skip = {name: tfds.decode.SkipDecoding() for name in _ARRAYS}
        return self._features.deserialize_example(record, decoders=skip)


def _interleave(
    num_files: int,
    file_seed: "tf.Tensor | Sequence[int] | None",
    open_file: "Callable[[tf.Tensor], tf.data.Dataset]",
) -> "tf.data.Dataset":
    """Takes an element of each file by turns; the one order of examples."""
    import tensorflow as tf

    files = tf.range(num_files)
    if file_seed is not None:
        files = tf.random.experimental.stateless_shuffle(files, file_seed)
    return tf.data.Dataset.from_tensor_slices(files).interleave(
        open_file,
        cycle_length=min(_INTERLEAVED_FILES, num_files),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
