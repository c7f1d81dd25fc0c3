"""Which part of every batch a process makes.

A global batch is made in chunks of equal size, and what is random in a chunk
depends on (seed, pass, place, chunk). So a batch is the same however many
processes make it, and a training may go on with another number of them.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from wmh_keras.process_group import ProcessGroup

# Chunks of a batch, as far as its size allows. More would let more processes
# do without work that another one does too, and cost all of them time.
_CHUNKS = 8

Augment = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class BatchShare:
    """The examples `first` up to, not including, `stop` of every batch.

    Attributes:
      global_batch_size: Examples of the whole batch.
      index: Of the process.
      count: Processes, which get equal parts.
    """

    global_batch_size: int
    index: int = 0
    count: int = 1

    @property
    def first(self) -> int:
        """First example of this process."""
        return self.global_batch_size // self.count * self.index

    @property
    def stop(self) -> int:
        """First example that is not of this process any more."""
        return self.first + self.global_batch_size // self.count

    @property
    def num_chunks(self) -> int:
        """Chunks of the whole batch."""
        return math.gcd(self.global_batch_size, _CHUNKS)

    @property
    def chunk_size(self) -> int:
        """Examples of a chunk."""
        return self.global_batch_size // self.num_chunks

    @property
    def chunks(self) -> range:
        """Chunks that have an example of this process."""
        return range(
            self.first // self.chunk_size, -(-self.stop // self.chunk_size)
        )

    @property
    def needed(self) -> range:
        """Examples of these chunks, by their places in the batch."""
        return range(
            self.chunks.start * self.chunk_size,
            self.chunks.stop * self.chunk_size,
        )

    def augment(
        self,
        image: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor,
        augment: Augment,
    ) -> tuple[Any, ...]:
        """Augments chunk by chunk and returns what is of this process.

        Args:
          image: (b, …), the needed examples.
          mask: Likewise.
          seed: (2,), of the whole batch.
          augment: Gets image, mask and seed of a chunk; gives tensors, or
            what holds tensors, with the chunk's examples along the first axis.

        Returns:
          The same of the examples from `first` to `stop`.
        """
        size = self.chunk_size
        parts = [
            augment(
                image[place * size : (place + 1) * size],
                mask[place * size : (place + 1) * size],
                tf.random.fold_in(seed, chunk),
            )
            for place, chunk in enumerate(self.chunks)
        ]
        own = slice(
            self.first - self.needed.start, self.stop - self.needed.start
        )
        return tf.nest.map_structure(
            lambda *pieces: tf.concat(pieces, 0)[own], *parts
        )


def share_of(global_batch_size: int, group: ProcessGroup) -> BatchShare:
    """Returns the part of this process, whose size the group divides."""
    return BatchShare(global_batch_size, group.index, group.count)
