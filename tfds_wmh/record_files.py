"""Which record goes into which file: known before a voxel is read."""

import bisect
import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from tensorflow_datasets.core import hashing
from tensorflow_datasets.core.utils import shard_utils

# About 100 MB a file for thick slices, 200 MB for 1 mm volumes.
_VOLUMES_PER_FILE = 16


@dataclasses.dataclass(frozen=True)
class SliceSharding(shard_utils.ShardConfig):
    """TFDS's rule for the number of files, by the images' bytes alone.

    TFDS counts all bytes, which nobody knows before the last mask is
    compressed; masks and texts add a hundredth.

    Attributes:
      image_bytes: of one stored slice.
    """

    image_bytes: int = 0

    def get_number_shards(
        self,
        total_size: int,
        num_examples: int,
        uses_precise_sharding: bool = True,
    ) -> int:
        """Returns the number of files; the total size does not count."""
        del total_size
        return super().get_number_shards(
            num_examples * self.image_bytes, num_examples, uses_precise_sharding
        )


def slice_sharding(side: int, channels: int) -> SliceSharding:
    """Returns how slices (half floats) are shared out among files."""
    return SliceSharding(image_bytes=2 * side**2 * channels)


def volume_file_lengths(num_volumes: int) -> list[int]:
    """Returns how many volumes each file of a split holds, one at least."""
    num_files = -(-num_volumes // _VOLUMES_PER_FILE)
    ends = [num_volumes * n // num_files for n in range(num_files + 1)]
    return [end - start for start, end in itertools.pairwise(ends)]


@dataclasses.dataclass(frozen=True)
class FilePlan:
    """The files of a split, and what goes where.

    Attributes:
      lengths: records a file.
      last_keys: sort key of the last record of each file.
      hash_salt: of the sort keys where records are shuffled; else None, and
        they are sorted by their own key.
    """

    lengths: tuple[int, ...]
    last_keys: tuple[int | str, ...]
    hash_salt: str | None

    @classmethod
    def shuffled(
        cls, keys: Iterable[str], sharding: SliceSharding, split: str
    ) -> "FilePlan":
        """Plans slices, in the order that TFDS's own writer gives them."""
        hasher = hashing.Hasher(split)
        ordered = sorted(hasher.hash_key(key) for key in keys)
        number = sharding.get_number_shards(0, len(ordered))
        ends = shard_utils.get_shard_boundaries(len(ordered), number)
        return cls._of(ordered, ends, split)

    @classmethod
    def in_order(cls, keys: Sequence[str]) -> "FilePlan":
        """Plans volumes, sorted by their keys already."""
        ends = list(itertools.accumulate(volume_file_lengths(len(keys))))
        return cls._of(keys, ends, None)

    @classmethod
    def _of(
        cls, ordered: Sequence, ends: Sequence[int], hash_salt: str | None
    ) -> "FilePlan":
        return cls(
            lengths=tuple(b - a for a, b in itertools.pairwise([0, *ends])),
            last_keys=tuple(ordered[end - 1] for end in ends),
            hash_salt=hash_salt,
        )

    def place(self, key: str) -> tuple[int, int | str]:
        """Returns the file's index, and what its records are sorted by."""
        sort_key = key
        if self.hash_salt is not None:
            sort_key = hashing.Hasher(self.hash_salt).hash_key(key)
        return bisect.bisect_left(self.last_keys, sort_key), sort_key
