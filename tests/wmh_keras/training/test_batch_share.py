import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from data_prep.errors import UserError
from wmh_keras.datasets import example_files, open_prepared_data
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.batch_share import BatchShare, share_of
from wmh_keras.training.input_pipeline import TrainingStream
from wmh_keras.training.patch_store import open_patch_store
from wmh_keras.training.patch_stream import PatchStream

ALL = AugmentationConfig(
    vertical_flip=0.5,
    horizontal_flip=0.5,
    rotation_degrees=20,
    contrast=0.1,
    scaling=0.1,
    translation=0.1,
    noise_std=0.1,
)


# Of the slices to fit: each file so many.
FILES = (5, 1, 2, 4, 1, 5)


@pytest.fixture
def many_files_dir(small_data_dir, tmp_path, monkeypatch):
    """The same data in several files, of which three are read by turns."""
    monkeypatch.setattr(example_files, "_INTERLEAVED_FILES", 3)
    copy = shutil.copytree(small_data_dir, tmp_path / "data")
    folder = copy / "tfds_wmh/slices/1.0.0"
    (whole,) = folder.glob("*-train.tfrecord*")
    records = tf.data.TFRecordDataset(str(whole)).as_numpy_iterator()
    for number, length in enumerate(FILES):
        name = whole.name.replace("00000-of-00001", f"{number:05}-of-00006")
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for _ in range(length):
                writer.write(next(records))
    whole.unlink()
    description = folder / "dataset_info.json"
    info = json.loads(description.read_text())
    (train,) = (s for s in info["splits"] if s["name"] == "train")
    train["shardLengths"] = [str(length) for length in FILES]
    description.write_text(json.dumps(info))
    return copy


def arrays(stream):
    # From the middle of a pass into the next one.
    return [
        [tensor.numpy() for tensor in tf.nest.flatten(batch)]
        for batch in stream.batches(1, 4)
    ]


def assert_parts_are_the_whole(make_stream, batch, count):
    whole = arrays(make_stream(None))
    parts = [
        arrays(make_stream(BatchShare(batch, index, count)))
        for index in range(count)
    ]
    assert {len(part) for part in parts} == {3}
    for step, expected in enumerate(whole):
        for kind in range(len(expected)):
            pieces = [part[step][kind] for part in parts]
            assert {len(piece) for piece in pieces} == {batch // count}
            np.testing.assert_array_equal(
                np.concatenate(pieces), expected[kind]
            )


@pytest.mark.parametrize(
    ("batch", "count", "augment_on"),
    # Chunks of 1 for parts of 2; of 9 for parts of 3, which all make.
    [(8, 4, "host"), (9, 3, "host"), (9, 3, "device")],
)
def test_the_parts_of_a_slice_batch_are_the_batch(
    small_data, batch, count, augment_on
):
    records = small_data.select("train")

    def make(share):
        return TrainingStream(
            small_data, records, batch, 5, ALL, share, augment_on
        )

    assert_parts_are_the_whole(make, batch, count)


@pytest.mark.parametrize("subjects", [None, ("a", "c")])
def test_the_parts_are_the_batch_whatever_the_files(many_files_dir, subjects):
    data = open_prepared_data(many_files_dir)
    records = data.select("train", subjects)

    def make(share):
        return TrainingStream(data, records, 4, 5, ALL, share)

    assert_parts_are_the_whole(make, 4, 2)


def damage(folder, images):
    """Flips a bit of each image where it lies in its file."""
    for path in folder.glob("tfds_wmh/slices/1.0.0/*train.tfrecord*"):
        content = bytearray(path.read_bytes())
        for image in images:
            if (place := content.find(image)) >= 0:
                content[place + len(image) // 2] ^= 1
        path.write_bytes(content)


def test_a_process_reads_nothing_of_the_parts_of_others(many_files_dir):
    def read(share):
        data = open_prepared_data(many_files_dir)
        records = data.select("train")
        plain = AugmentationConfig()
        stream = TrainingStream(data, records, 8, 5, plain, share)
        return [
            image.astype(np.float16).tobytes()
            for batch, _ in stream.batches(0, 2)
            for image in batch.numpy()
        ]

    everything, own = read(None), read(BatchShare(8, 1, 2))
    assert (len(everything), len(own)) == (16, 8)
    assert len(set(everything)) == 16
    damage(many_files_dir, set(everything) - set(own))
    with pytest.raises(tf.errors.DataLossError):
        read(None)
    with pytest.raises(tf.errors.DataLossError):
        read(BatchShare(8, 0, 2))
    assert read(BatchShare(8, 1, 2)) == own
    damage(many_files_dir, own[:1])
    with pytest.raises(tf.errors.DataLossError):
        read(BatchShare(8, 1, 2))


def test_files_that_are_not_those_described_are_refused(many_files_dir):
    files = sorted(many_files_dir.glob("tfds_wmh/slices/1.0.0/*train*"))
    shutil.copy(files[0], files[1])
    data = open_prepared_data(many_files_dir)
    with pytest.raises(UserError, match="hold 22 examples, but 18"):
        data.index_slices(data.select("train"))


@pytest.mark.parametrize(
    ("size", "augment_on"),
    [((8, 12), "host"), ((4, 8, 12), "host"), ((8, 12), "device")],
)
def test_the_parts_of_a_patch_batch_are_the_batch(
    small_data, tmp_path, size, augment_on
):
    records = small_data.select("train")
    store = open_patch_store(tmp_path / "patches", small_data, records, "key")

    def make(share):
        return PatchStream(
            store,
            records,
            size,
            6,
            3,
            0.5,
            0.25,
            ALL,
            share=share,
            augment_on=augment_on,
        )

    assert_parts_are_the_whole(make, 6, 3)


def test_only_the_chunks_of_a_part_are_made():
    shares = [BatchShare(32, index, 4) for index in range(4)]
    assert [(s.first, s.stop) for s in shares] == [
        (0, 8),
        (8, 16),
        (16, 24),
        (24, 32),
    ]
    assert [list(s.chunks) for s in shares] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert all(len(s.needed) == 8 for s in shares)
    assert share_of(32, ProcessGroup(3, 4)) == shares[3]
