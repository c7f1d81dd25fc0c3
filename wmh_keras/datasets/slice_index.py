"""SliceIndex: slices that are chosen and shuffled before they are read."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wmh_keras.datasets.example_files import ExampleFiles
from wmh_keras.datasets.record_index import RecordIndex

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class SliceIndex:
    """Slices by number. Made by `PreparedData.index_slices`.

    Attributes:
      files: Where they are read from.
      index: Of all examples in these files.
      is_wanted: (n,) bool, which of them are of the chosen volumes.
    """

    files: ExampleFiles
    index: RecordIndex
    is_wanted: np.ndarray

    def numbers(
        self, file_seed: "tf.Tensor | Sequence[int] | None" = None
    ) -> "tf.data.Dataset":
        """Returns the numbers of the slices, and reads none.

        Args:
          file_seed: As for `PreparedData.encoded_slices`.

        Returns:
          int64, in the order in which `encoded_slices` gives the slices.
        """
        import tensorflow as tf

        is_wanted = tf.constant(self.is_wanted)
        return self.files.numbers_interleaved(self.index, file_seed).filter(
            lambda number: tf.gather(is_wanted, number)
        )

    def read(self, numbers: "tf.data.Dataset") -> "tf.data.Dataset":
        """Reads these slices and no others.

        Args:
          numbers: Of the slices, from `numbers`.

        Returns:
          Elements like those of `encoded_slices`, in the order of the numbers.
        """
        return self.files.read_numbers(self.index, numbers)
