import dataclasses

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from wmh_keras.training.augmentation import (
    augment,
    random_matrices,
)
from wmh_keras.training.augmentation_3d import augment_3d, random_positions
from wmh_keras.training.augmentation_config import (
    AugmentationConfig,
)

SEED = (3, 14)


def make_batch(count=6, shape=(5, 12, 16), channels=2):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(count, *shape, channels)).astype(np.float32)
    mask = rng.integers(0, 3, (count, *shape)).astype(np.uint8)
    return image, mask


def run(image, mask, config, seed=SEED):
    image, mask = augment_3d(
        tf.constant(image), tf.constant(mask), tf.constant(seed), config
    )
    return image.numpy(), mask.numpy()


def geometry_of(config, shape, count=300):
    matrices = random_matrices(
        tf.constant(count),
        tf.constant(shape[1:]),
        tf.random.split(tf.constant(SEED), 3)[0],
        config,
    )
    positions = random_positions(
        tf.constant(shape[0]),
        matrices,
        tf.random.split(tf.constant(SEED), 3)[0],
        config,
    )
    return matrices.numpy(), positions.numpy()


def test_off_is_the_identity_to_the_bit():
    image, mask = make_batch()
    new_image, new_mask = run(image, mask, AugmentationConfig())
    assert new_image.tobytes() == image.tobytes()
    assert new_mask.tobytes() == mask.tobytes()


def test_the_translation_along_z_may_be_another():
    image, mask = make_batch()
    image[:] = np.arange(5)[None, :, None, None, None]
    config = AugmentationConfig(translation=0.2, probability=1.0)
    still, _ = run(image, mask, dataclasses.replace(config, translation_z=0.0))
    # What is shifted in the plane leaves the middle of such slices as it is.
    np.testing.assert_allclose(still[:, :, 6, 8], image[:, :, 6, 8], atol=1e-6)
    moved, _ = run(image, mask, config)
    assert np.abs(moved - image)[:, 2, 6, 8].max() > 0.5


@pytest.mark.parametrize(
    ("name", "axis"), [("vertical_flip", 2), ("horizontal_flip", 3)]
)
def test_a_flip_turns_its_axis_exactly(name, axis):
    image, mask = make_batch()
    new_image, new_mask = run(image, mask, AugmentationConfig(**{name: 1.0}))
    np.testing.assert_array_equal(new_image, np.flip(image, axis))
    np.testing.assert_array_equal(new_mask, np.flip(mask, axis))


def test_a_patch_of_one_slice_moves_as_that_slice():
    image, mask = make_batch(shape=(1, 12, 16))
    config = AugmentationConfig(
        vertical_flip=0.5, horizontal_flip=0.5, rotation_degrees=30
    )
    new_image, new_mask = run(image, mask, config)
    expected, labels = augment(
        tf.constant(image[:, 0]),
        tf.constant(mask[:, 0]),
        tf.constant(SEED),
        config,
    )
    np.testing.assert_array_equal(new_image[:, 0], expected)
    np.testing.assert_array_equal(new_mask[:, 0], labels)


def test_it_is_one_trilinear_affine_as_scipy_does_it():
    shape = (7, 12, 16)
    image, mask = make_batch(4, shape, channels=1)
    config = AugmentationConfig(
        vertical_flip=0.5,
        horizontal_flip=0.5,
        rotation_degrees=25,
        scaling=0.2,
        translation=0.1,
    )
    new_image, new_mask = run(image, mask, config)
    matrices, positions = geometry_of(config, shape, 4)
    y, x = np.mgrid[: shape[1], : shape[2]]
    labels_differ = 0
    for index in range(4):
        a0, a1, a2, b0, b1, b2 = matrices[index, :6].astype(np.float64)
        z = np.broadcast_to(positions[index][:, None, None], shape)
        places = np.stack(
            [
                z,
                np.broadcast_to(b0 * x + b1 * y + b2, shape),
                np.broadcast_to(a0 * x + a1 * y + a2, shape),
            ]
        )
        padded = np.pad(image[index, ..., 0], 8)
        expected = scipy.ndimage.map_coordinates(padded, places + 8, order=1)
        np.testing.assert_allclose(
            new_image[index, ..., 0], expected, atol=1e-4
        )
        nearest = scipy.ndimage.map_coordinates(
            np.pad(mask[index], 8), places + 8, order=0
        )
        labels_differ += (new_mask[index] != nearest).sum()
    # Halfway between two voxels either is the nearest.
    assert labels_differ <= 0.002 * mask.size
    assert not np.array_equal(new_mask, mask)


def test_scaling_is_the_same_along_all_three_axes():
    shape = (9, 12, 16)
    matrices, positions = geometry_of(AugmentationConfig(scaling=0.2), shape)
    step = np.diff(positions, axis=1)
    np.testing.assert_allclose(
        step, np.broadcast_to(matrices[:, :1], step.shape), atol=1e-5
    )
    np.testing.assert_allclose(positions[:, 4], 4, atol=1e-5)
    assert 1 / 1.2 <= step.min() < 0.9
    assert 1.1 < step.max() <= 1 / 0.8 + 1e-5


def test_translation_along_z_is_a_share_of_the_depth():
    shape = (10, 12, 16)
    _, positions = geometry_of(AugmentationConfig(translation=0.2), shape)
    shift = positions[:, 0]
    np.testing.assert_allclose(
        positions - shift[:, None],
        np.tile(np.arange(10.0), (300, 1)),
        atol=1e-5,
    )
    assert 1.8 < np.abs(shift).max() <= 2
    assert shift.min() < 0 < shift.max()


def test_each_comes_with_the_common_probability():
    config = AugmentationConfig(translation=0.2, probability=0.25)
    _, positions = geometry_of(config, (10, 12, 16))
    assert 0.15 < (np.abs(positions[:, 0]) > 1e-6).mean() < 0.35


def test_what_comes_in_from_above_looks_like_the_padding():
    image = np.full((40, 4, 8, 8, 1), -2, np.float32)
    mask = np.ones((40, 4, 8, 8), np.uint8)
    for padding, fill in (("zero", 0.0), ("background", -2.0)):
        config = AugmentationConfig(translation=0.9, padding=padding)
        new_image, new_mask = run(image, mask, config)
        assert (new_mask == 0).any()
        np.testing.assert_allclose(new_image.max(), fill, atol=1e-5)
        np.testing.assert_allclose(new_image.min(), -2, atol=1e-5)


def test_contrast_is_one_factor_a_patch_and_noise_is_each_voxel_s():
    image, mask = make_batch(50)
    new_image, new_mask = run(image, mask, AugmentationConfig(contrast=0.2))
    ratio = (new_image / image).reshape(50, -1)
    np.testing.assert_allclose(
        ratio, np.broadcast_to(ratio[:, :1], ratio.shape), 1e-4
    )
    assert 0.8 <= ratio.min() < 0.9
    np.testing.assert_array_equal(new_mask, mask)
    noise = run(image, mask, AugmentationConfig(noise_std=0.3))[0] - image
    assert abs(noise.std() - 0.3) < 0.01
    assert (
        abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1]) < 0.05
    )


def test_the_seed_decides_everything():
    image, mask = make_batch()
    config = AugmentationConfig(
        vertical_flip=0.5, rotation_degrees=10, scaling=0.1, noise_std=0.1
    )
    first, again = run(image, mask, config), run(image, mask, config)
    other = run(image, mask, config, seed=(3, 15))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
