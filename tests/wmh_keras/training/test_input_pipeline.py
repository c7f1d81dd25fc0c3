import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from data_prep.errors import UserError
from wmh_keras.training import input_pipeline
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.input_pipeline import TrainingStream

BATCH = 4
AUGMENTATION = AugmentationConfig(
    vertical_flip=0.5, rotation_degrees=10, contrast=0.1, noise_std=0.1
)


@pytest.fixture(scope="module")
def records(small_data):
    return small_data.select("train")


@pytest.fixture(scope="module")
def make_stream(small_data, records):
    def make(seed=5, augmentation=None, batch=BATCH, chosen=records):
        return TrainingStream(
            small_data,
            chosen,
            batch,
            seed,
            augmentation or AugmentationConfig(),
        )

    return make


def keys_of(dataset):
    """The bytes of every slice of an unaugmented stream, in order."""
    images = [image for batch, _ in dataset for image in batch.numpy()]
    return [image.astype(np.float16).tobytes() for image in images]


def stored_keys(data, records):
    return [e["image"].numpy().tobytes() for e in data.slices(records)]


def test_batches_are_what_the_network_takes(make_stream):
    (element,) = make_stream().batches(0, 1)
    image, mask = (part.numpy() for part in element)
    assert image.shape == mask.shape == (BATCH, 32, 32, 1)
    assert image.dtype == mask.dtype == np.float32
    assert set(np.unique(mask)) <= {0, 1, 2}


def test_a_pass_has_every_slice_once_but_for_those_left_over(
    make_stream, small_data, records
):
    stored = stored_keys(small_data, records)
    assert len(set(stored)) == 18
    stream = make_stream()
    assert stream.batches_per_pass == 4
    seen = keys_of(stream.batches(0, 4))
    assert len(seen) == len(set(seen)) == 16
    assert set(seen) <= set(stored)


def test_only_the_chosen_subjects_are_fitted(make_stream, small_data, records):
    chosen = [r for r in records if r.subject_id in ("a", "c")]
    seen = keys_of(make_stream(chosen=chosen).batches(0, 9))
    assert set(seen) == set(stored_keys(small_data, chosen))


def test_passes_differ_in_order_and_in_what_is_left_over(make_stream):
    stream = make_stream()
    first = keys_of(stream.batches(0, 4))
    second = keys_of(stream.batches(4, 8))
    assert first != second
    assert set(first) != set(second)


def test_the_seed_decides_order_and_augmentation(make_stream):
    def images(**arguments):
        stream = make_stream(**arguments)
        return np.stack([x.numpy() for x, _ in stream.batches(0, 6)])

    one = images(seed=5, augmentation=AUGMENTATION)
    again = images(seed=5, augmentation=AUGMENTATION)
    other = images(seed=6, augmentation=AUGMENTATION)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("first", [1, 4, 6])
def test_going_on_gives_the_same_batches_as_an_unbroken_stream(
    make_stream, first
):
    stream = make_stream(augmentation=AUGMENTATION)
    unbroken = itertools.islice(stream.batches(0, 10), first, None)
    pairs = zip(unbroken, stream.batches(first, 10), strict=True)
    for (x, y), (x2, y2) in pairs:
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


def test_the_same_slice_is_augmented_anew_in_each_pass(make_stream):
    noisy = make_stream(augmentation=AugmentationConfig(noise_std=0.1))
    clean = make_stream()
    noise = [
        a.numpy() - b.numpy()
        for (a, _), (b, _) in zip(
            noisy.batches(0, 8), clean.batches(0, 8), strict=True
        )
    ]
    flat = np.stack(noise).reshape(32, -1)
    correlation = np.corrcoef(flat) - np.eye(32)
    assert np.abs(correlation).max() < 0.2


def test_the_number_of_batches_is_known(make_stream):
    assert make_stream().batches(3, 10).cardinality() == 7


@pytest.mark.parametrize(("room", "slices"), [(7, 7), (1, BATCH), (99, 18)])
def test_memory_holds_so_many_slices_however_many_there_are(
    make_stream, monkeypatch, room, slices
):
    monkeypatch.setattr(input_pipeline, "SHUFFLE_BYTES", room * 3 * 32**2)
    stream = make_stream()
    assert stream._buffer_size() == slices
    seen = keys_of(stream.batches(0, stream.batches_per_pass))
    assert len(set(seen)) == 16


def test_a_batch_larger_than_the_data_is_explained(make_stream):
    with pytest.raises(UserError, match=r"at most the 18 slices.* 19"):
        make_stream(batch=19).batches(0, 1)


def test_the_device_gets_the_same_slices_and_changes(make_stream):
    config = dataclasses.replace(AUGMENTATION, noise_std=0.0)
    host = make_stream(augmentation=config)
    device = dataclasses.replace(host, augment_on="device")
    assert host.device_augmentation is None
    pairs = zip(host.batches(2, 6), device.batches(2, 6), strict=True)
    for (image, mask), batch in pairs:
        assert [part.dtype for part in batch[:2]] == [tf.float16, tf.uint8]
        batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
        new_image, new_mask = device.device_augmentation.apply(*batch)
        np.testing.assert_allclose(new_image, image, atol=1e-4)
        np.testing.assert_array_equal(new_mask, mask)
