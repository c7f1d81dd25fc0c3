"""The plan of the files is what TFDS's own writer does."""

import pytest
import tensorflow as tf
from tensorflow_datasets.core import file_adapters, naming, writer

from tfds_wmh.record_files import (
    FilePlan,
    SliceSharding,
    slice_sharding,
    volume_file_lengths,
)
from tfds_wmh.record_writing import AsTheyAre

KEYS = [f"sub-{n:02d}/{index:05d}" for n in range(9) for index in range(20)]
MIB = 2**20


@pytest.mark.parametrize(("image_mib", "num_files"), [(0.1, 1), (4, 8)])
def test_slices_go_where_tfds_writes_them(tmp_path, image_mib, num_files):
    sharding = SliceSharding(image_bytes=int(image_mib * MIB))
    template = naming.ShardedFileTemplate(
        split="train",
        dataset_name="x",
        data_dir=tmp_path,
        filetype_suffix="tfrecord",
    )
    own = writer.Writer(
        serializer=AsTheyAre({}),
        filename_template=template,
        hash_salt="train",
        disable_shuffling=False,
        example_writer=writer.ExampleWriter(file_adapters.FileFormat.TFRECORD),
        shard_config=sharding,
    )
    for key in KEYS:
        own.write(key, key.encode())
    lengths, _ = own.finalize()

    plan = FilePlan.shuffled(KEYS[::-1], sharding, "train")
    assert list(plan.lengths) == lengths
    assert len(lengths) == num_files
    placed = [[] for _ in lengths]
    for key in KEYS:
        index, sort_key = plan.place(key)
        placed[index].append((sort_key, key))
    for index, records in enumerate(placed):
        path = template.sharded_filepath(
            shard_index=index, num_shards=num_files
        )
        written = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        expected = [key.encode() for _, key in sorted(records)]
        assert list(written) == expected


def test_volumes_stay_in_order():
    keys = [f"sub-{n:02d}" for n in range(33)]
    plan = FilePlan.in_order(keys)
    assert plan.lengths == tuple(volume_file_lengths(33)) == (11, 11, 11)
    assert [plan.place(key) for key in keys] == [
        (n // 11, key) for n, key in enumerate(keys)
    ]
    assert volume_file_lengths(1) == [1]
    assert volume_file_lengths(17) == [8, 9]


def test_the_number_of_files_follows_from_the_images():
    sharding = slice_sharding(side=384, channels=1)
    # 1,000 slices of 0.28 MiB: four files of at least 64 MiB.
    assert sharding.get_number_shards(0, 1000) == 4
    assert sharding.get_number_shards(10**12, 1000) == 4
    assert slice_sharding(384, 2).get_number_shards(0, 1000) == 8
