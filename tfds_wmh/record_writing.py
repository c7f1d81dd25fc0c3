"""How examples become record files: reproducibly, and not in silence."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from tensorflow_datasets.core import example_serializer, file_adapters, writer

from data_prep.program import progress

# Fewer are written in a second or two.
_SHOWN_FROM = 500


class ReproducibleSerializer(example_serializer.ExampleSerializer):
    """Writes the features of an example in a fixed order.

    TFDS leaves the order to protobuf, where it differs from process to
    process, and with it every byte of the files.
    """

    def serialize_example(self, example: dict[str, Any]) -> bytes:
        """Returns the example as a serialised tf.train.Example."""
        message = self.get_tf_example(example)
        return message.SerializeToString(deterministic=True)


class AsTheyAre(example_serializer.Serializer):
    """Passes on records that were serialised before."""

    def serialize_example(self, example: bytes) -> bytes:
        """Returns the record."""
        return example


class ShownWriter(writer.ExampleWriter):
    """Shows how many of the shuffled examples have reached their files.

    Attributes:
      total: examples to be written; set before the first is.
    """

    def __init__(
        self, file_format: file_adapters.FileFormat, description: str
    ) -> None:
        """Makes the writer.

        Args:
          file_format: as TFDS says.
          description: what is written.
        """
        super().__init__(file_format)
        self.total = 0
        self._description = description
        self._written = 0
        self._steps: Iterator[int] | None = None

    def write(
        self, path: os.PathLike, examples: Iterable[Any]
    ) -> file_adapters.ExamplePositions | None:
        """Writes one file; the count goes on over all of them."""
        return super().write(path, self._count(examples))

    def _count(self, examples: Iterable[Any]) -> Iterator[Any]:
        if self._steps is None:
            steps: Iterable[int] = range(self.total)
            if self.total >= _SHOWN_FROM:
                steps = progress(
                    steps, self._description, total=self.total, unit="slice"
                )
            self._steps = iter(steps)
        for example in examples:
            next(self._steps, None)
            self._written += 1
            yield example
        if self._written == self.total:
            next(self._steps, None)  # The bar ends on a step past the last.
