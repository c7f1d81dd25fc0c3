"""Records by hand, of which it is known where they lie."""

import numpy as np
import pytest
import tensorflow as tf

from data_prep.errors import UserError
from wmh_keras.datasets.record_index import index_records

# A length of one byte, of two, and of three as a varint.
SIZES = (3, 300, 70_000, 1)


def record(volume_id, size):
    def of(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {
        "affine": of(b"before the arrays"),
        "image": of(bytes(size)),
        "slice_index": tf.train.Feature(
            int64_list=tf.train.Int64List(value=[size])
        ),
        "volume_id": of(volume_id.encode()),
        "zone": of(b"volume_id"),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


@pytest.fixture
def files(tmp_path):
    """Two files, and of each record (file, offset, volume_id, bytes)."""
    paths = [str(tmp_path / name) for name in ("one", "two")]
    placed = []
    for file, path in enumerate(paths):
        offset = 0
        with tf.io.TFRecordWriter(path) as writer:
            for size in SIZES[file:]:
                volume_id = f"sub-{'ä' * file}{size}"
                content = record(volume_id, size)
                writer.write(content)
                placed.append((file, offset, volume_id, content))
                offset += 8 + 4 + len(content) + 4
    return paths, placed


def test_every_record_is_found_where_it_was_written(files):
    paths, placed = files
    index = index_records(paths)
    assert index.paths == tuple(paths)
    assert index.lengths.tolist() == [4, 3]
    found = zip(index.files, index.offsets, index.volume_ids, strict=True)
    assert list(found) == [place[:3] for place in placed]


@pytest.mark.parametrize("cut", [2, 80, 70_100])
def test_a_file_that_ends_too_early_is_named(files, cut):
    path = files[0][1]
    with open(path, "rb+") as stream:
        stream.truncate(stream.seek(0, 2) - cut)
    with pytest.raises(UserError, match=r"two: .*damaged; copy"):
        index_records(files[0])


def test_a_missing_file_and_one_of_something_else_are_named(files, tmp_path):
    with pytest.raises(UserError, match=r"three: .*missing"):
        index_records([str(tmp_path / "three")])
    noise = tmp_path / "noise"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(UserError, match=r"noise: .*damaged"):
        index_records([str(noise)])
    with tf.io.TFRecordWriter(str(noise)) as writer:
        writer.write(tf.train.Example().SerializeToString())
        writer.write(b"\xff" * 40)
    with pytest.raises(UserError, match=r"noise: .*damaged"):
        index_records([str(noise)])


@pytest.mark.parametrize("damage", [b"\xff" * 12, b"\xff" * 6 + b"\x7f"])
def test_a_damaged_length_is_named_and_not_read(files, damage):
    path = files[0][0]
    with open(path, "rb+") as stream:
        stream.seek(8 + 4 + 1)  # the length of the first field
        stream.write(damage)
    with pytest.raises(UserError, match=r"one: .*longer than its record"):
        index_records(files[0])


def test_the_examples_of_a_volume_are_found_all_or_none(files):
    index = index_records(files[0])
    wanted = ["sub-300", "sub-ä1"]
    assert np.flatnonzero(index.find(wanted, 2)).tolist() == [1, 6]
    with pytest.raises(UserError, match=r"expected 3 examples .* found 2"):
        index.find(wanted, 3)
