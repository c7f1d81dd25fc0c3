"""What is compressed, against Python's own zlib and gzip."""

import gzip
import zlib

import numpy as np
import pytest

from data_prep.compression import (
    DECOMPRESSION_ERRORS,
    read_gzip,
    to_gzip,
    to_zlib,
)

CONTENTS = (
    b"",
    bytes(100_000),
    np.random.default_rng(0).integers(0, 256, 70_000, np.uint8).tobytes(),
)


@pytest.mark.parametrize("content", CONTENTS, ids=["empty", "zeros", "noise"])
def test_zlib_and_gzip_read_it(content):
    assert zlib.decompress(to_zlib(content)) == content
    assert gzip.decompress(to_gzip(content)) == content


def test_what_is_equal_gives_equal_bytes_without_time_or_name():
    content = CONTENTS[2]
    assert to_gzip(content) == to_gzip(bytes(bytearray(content)))
    header = to_gzip(content)[:10]
    assert header[3] == 0  # no flags: neither a name nor a comment
    assert header[4:8] == bytes(4)  # no time stamp


def test_reads_what_gzip_wrote_to_the_end(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENTS[2]))
    assert read_gzip(path) == CONTENTS[2]


@pytest.mark.parametrize(
    "damage", ["truncated", "checksum", "no gzip", "endless name"]
)
def test_damaged_content_is_an_error(tmp_path, damage):
    content = bytearray(gzip.compress(CONTENTS[2]))
    if damage == "truncated":
        del content[-20:]
    elif damage == "checksum":
        content[-8] ^= 1
    elif damage == "endless name":
        content[3] |= 8
        content[10:10] = b"n" * 600_000 + bytes(1)
    else:
        content[:2] = b"no"
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(DECOMPRESSION_ERRORS):
        read_gzip(path)
