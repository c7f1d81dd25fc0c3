import numpy as np
import pytest
import tensorflow as tf

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
            store, records, size, 6, 3, 0.5, 0.25, ALL, share, augment_on
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
