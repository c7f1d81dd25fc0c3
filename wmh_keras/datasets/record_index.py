"""Where in its files each example lies, so that it can be read alone.

The files are TFRecord: before each record stands its length, so the index
needs a few hundred bytes of each. What it says is checked when an example is
read: TensorFlow compares the checksums of the length and of the record.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tqdm

from data_prep.errors import UserError
from data_prep.program import progress_style

_THREADS = 8  # wait for a distant disk together
_BUFFER_BYTES = 1024
_SHOWN_AFTER_SECONDS = 2
# uint64 length and uint32 checksum before a record, a checksum after it.
_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
# Tags of tf.train.Example, all fields with a length: field 1, and the value
# of an entry of a map.
_FIRST, _VALUE = b"\x0a", b"\x12"
_NAME = b"volume_id"


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """The examples of some files, numbered file after file.

    Attributes:
      paths: The files.
      lengths: (files,) int64, examples in each.
      files: (n,) int64, which file holds an example.
      offsets: (n,) int64, the byte at which it begins there.
      volume_ids: (n,) str, whose it is.
    """

    paths: tuple[str, ...]
    lengths: np.ndarray
    files: np.ndarray
    offsets: np.ndarray
    volume_ids: np.ndarray

    def find(self, volume_ids: Sequence[str], count: int) -> np.ndarray:
        """Returns which examples are of these volumes.

        Args:
          volume_ids: The volumes.
          count: How many examples they have.

        Returns:
          (n,) bool.

        Raises:
          UserError: There are more or fewer.
        """
        found = np.isin(self.volume_ids, volume_ids)
        if found.sum() != count:
            raise UserError(
                f"{Path(self.paths[0]).parent}: expected {count} examples of "
                f"the chosen volumes, found {found.sum()}; a file of the data "
                "set is damaged, copy it again"
            )
        return found


def index_records(paths: Sequence[str]) -> RecordIndex:
    """Looks through TFRecord files without reading what they hold.

    Args:
      paths: The files, of examples with a feature `volume_id`; at least one.

    Raises:
      UserError: A file is missing or damaged.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        places = list(
            tqdm.tqdm(
                pool.map(_index_file, paths),
                desc="finding records",
                total=len(paths),
                unit="file",
                delay=_SHOWN_AFTER_SECONDS,
                **progress_style(),
            )
        )
    lengths = np.array([len(place) for place in places], np.int64)
    return RecordIndex(
        paths=tuple(paths),
        lengths=lengths,
        files=np.repeat(np.arange(len(paths)), lengths),
        offsets=np.array([o for file in places for o, _ in file], np.int64),
        volume_ids=np.array([v for file in places for _, v in file], str),
    )


def _index_file(path: str) -> list[tuple[int, str]]:
    try:
        with open(path, "rb", buffering=_BUFFER_BYTES) as stream:
            return list(_places(stream, os.fstat(stream.fileno()).st_size))
    # What stands in a damaged file may look like anything.
    except (OSError, ValueError, struct.error) as error:
        raise UserError(
            f"{path}: the file of the data set is missing or damaged; copy "
            f"the data set again ({error})"
        ) from error


def _places(stream: BinaryIO, size: int) -> Iterator[tuple[int, str]]:
    """Yields where each record begins, and whose it is."""
    offset = 0
    while offset < size:
        stream.seek(offset)
        length, _ = _HEADER.unpack(stream.read(_HEADER.size))
        stop = offset + _HEADER.size + length
        if stop + _FOOTER_BYTES > size:
            raise ValueError("it ends within a record")
        yield offset, _volume_id(stream, stop)
        offset = stop + _FOOTER_BYTES


def _volume_id(stream: BinaryIO, stop: int) -> str:
    """Finds the volume_id of a tf.train.Example, skipping the arrays."""
    _enter(stream, _FIRST, stop)
    while stream.tell() < stop:
        after = _enter(stream, _FIRST, stop) + stream.tell()
        if stream.read(_enter(stream, _FIRST, stop)) == _NAME:
            _enter(stream, _VALUE, stop)
            _enter(stream, _FIRST, stop)
            return stream.read(_enter(stream, _FIRST, stop)).decode()
        stream.seek(after)
    raise ValueError("a record without volume_id")


def _enter(stream: BinaryIO, tag: bytes, stop: int) -> int:
    """Reads the tag of a field, and returns the length that follows.

    A damaged length may be any number: one that leads out of the record is
    refused, before as many bytes are read.
    """
    if stream.read(1) != tag:
        raise ValueError("not a record of this data set")
    length = 0
    for shift in range(0, 64, 7):
        (byte,) = stream.read(1) or b"\0"
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    if stream.tell() + length > stop:
        raise ValueError("a field that is longer than its record")
    return length
