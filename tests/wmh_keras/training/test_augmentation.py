import math

import numpy as np
import pytest
import tensorflow as tf

from wmh_keras.training.augmentation import (
    augment,
    project,
    random_matrices,
    transform,
)
from wmh_keras.training.augmentation_config import (
    AugmentationConfig,
)

SEED = (3, 14)
EVERYTHING = AugmentationConfig(
    vertical_flip=0.5,
    horizontal_flip=0.5,
    rotation_degrees=20,
    contrast=0.2,
    scaling=0.2,
    translation=0.1,
    noise_std=0.05,
)


def make_batch(count=6, side=16, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(count, side, side, 2)).astype(np.float32)
    mask = rng.integers(0, 3, (count, side, side)).astype(np.uint8)
    return image, mask


def run(image, mask, config, seed=SEED):
    image, mask = augment(
        tf.constant(image), tf.constant(mask), tf.constant(seed), config
    )
    return image.numpy(), mask.numpy()


def matrices_of(config, count=200, size=(16, 16), seed=SEED):
    return random_matrices(
        tf.constant(count), tf.constant(size), tf.constant(seed), config
    ).numpy()


def apply_to_all(matrix, image, mask, padding="zero"):
    matrices = np.tile(np.float32(matrix), (len(image), 1))
    image, mask = transform(
        tf.constant(image), tf.constant(mask), tf.constant(matrices), padding
    )
    return image.numpy(), mask.numpy()


@pytest.mark.parametrize(
    "config",
    [
        AugmentationConfig(),
        AugmentationConfig(
            rotation_degrees=20,
            contrast=0.2,
            scaling=0.2,
            translation=0.1,
            noise_std=0.1,
            probability=0.0,
        ),
    ],
)
def test_off_is_the_identity_to_the_bit(config):
    image, mask = make_batch()
    new_image, new_mask = run(image, mask, config)
    assert new_image.tobytes() == image.tobytes()
    assert new_mask.tobytes() == mask.tobytes()


@pytest.mark.parametrize(
    ("name", "axis"), [("vertical_flip", 1), ("horizontal_flip", 2)]
)
def test_a_flip_turns_its_axis_exactly(name, axis):
    image, mask = make_batch()
    new_image, new_mask = run(image, mask, AugmentationConfig(**{name: 1.0}))
    np.testing.assert_array_equal(new_image, np.flip(image, axis))
    np.testing.assert_array_equal(new_mask, np.flip(mask, axis))


@pytest.mark.parametrize(
    ("name", "axis"), [("vertical_flip", 1), ("horizontal_flip", 2)]
)
def test_a_flip_comes_with_its_probability(name, axis):
    image, mask = make_batch(count=400, side=4)
    new_image, new_mask = run(image, mask, AugmentationConfig(**{name: 0.25}))
    flipped = (new_image == np.flip(image, axis)).all(axis=(1, 2, 3))
    same = (new_image == image).all(axis=(1, 2, 3))
    assert (flipped ^ same).all()
    assert 0.15 < flipped.mean() < 0.35
    np.testing.assert_array_equal(
        new_mask[flipped], np.flip(mask, axis)[flipped]
    )
    np.testing.assert_array_equal(new_mask[same], mask[same])


def test_a_rotation_by_a_right_angle_by_hand():
    image, mask = make_batch()
    # Output (x, y) shows input (y, 15 - x), as np.rot90 against the clock
    # does with its first axis pointing down.
    new_image, new_mask = apply_to_all([0, -1, 15, 1, 0, 0, 0, 0], image, mask)
    np.testing.assert_array_equal(new_image, np.rot90(image, -1, (2, 1)))
    np.testing.assert_array_equal(new_mask, np.rot90(mask, -1, (2, 1)))


def test_a_rotation_is_one_about_the_centre_within_its_limit():
    matrices = matrices_of(AugmentationConfig(rotation_degrees=20))
    a0, a1, a2, b0, b1, b2, *rest = matrices.T
    assert not np.any(rest)
    angles = np.degrees(np.arctan2(b0, a0))
    assert np.abs(angles).max() <= 20
    assert angles.min() < -15
    assert angles.max() > 15
    np.testing.assert_allclose(a0**2 + b0**2, 1, atol=1e-6)
    np.testing.assert_allclose([a1, b1], [-b0, a0], atol=1e-6)
    centre = 7.5
    np.testing.assert_allclose(
        [a0 * centre + a1 * centre + a2, b0 * centre + b1 * centre + b2],
        centre,
        atol=1e-5,
    )


def test_scaling_enlarges_about_the_centre_within_its_limit():
    matrices = matrices_of(AugmentationConfig(scaling=0.2), size=(16, 20))
    a0, a1, a2, b0, b1, b2 = matrices.T[:6]
    assert not np.any([a1, b0])
    np.testing.assert_allclose(a0, b1)
    zoom = 1 / a0
    assert 0.8 <= zoom.min() < 0.85
    assert 1.15 < zoom.max() <= 1.2
    np.testing.assert_allclose(a0 * 9.5 + a2, 9.5, atol=1e-5)
    np.testing.assert_allclose(b1 * 7.5 + b2, 7.5, atol=1e-5)


def test_scaling_by_two_by_hand():
    image = np.zeros((1, 4, 4, 1), np.float32)
    mask = np.zeros((1, 4, 4), np.uint8)
    image[0, 1:3, 1:3], mask[0, 1:3, 1:3] = 1, 2
    matrix = [0.5, 0, 0.75, 0, 0.5, 0.75, 0, 0]
    new_image, new_mask = apply_to_all(matrix, image, mask)
    np.testing.assert_array_equal(new_mask, np.full((1, 4, 4), 2))
    # The corner shows input (0.75, 0.75): bilinear, 0.75 of 1 in each axis.
    assert new_image[0, 0, 0, 0] == 0.75 * 0.75
    assert new_image[0, 1, 1, 0] == 1


def test_a_translation_shifts_both_axes_within_its_limit():
    matrices = matrices_of(AugmentationConfig(translation=0.25), size=(16, 32))
    a0, a1, a2, b0, b1, b2 = matrices.T[:6]
    np.testing.assert_allclose([a0, b1], 1)
    assert not np.any([a1, b0])
    for shift, limit in ((a2, 8), (b2, 4)):
        assert 0.8 * limit < np.abs(shift).max() <= limit
        assert shift.min() < 0 < shift.max()
    assert abs(np.corrcoef(a2, b2)[0, 1]) < 0.3


@pytest.mark.parametrize(("padding", "fill"), [("zero", 0), ("background", -2)])
def test_what_comes_in_from_outside_looks_like_the_padding(padding, fill):
    image = np.full((1, 8, 8, 1), -2, np.float32)
    image[0, 3:5, 3:5] = 4
    mask = np.ones((1, 8, 8), np.uint8)
    # Three to the right: output x shows input x - 3.
    matrix = [1, 0, -3, 0, 1, 0, 0, 0]
    new_image, new_mask = apply_to_all(matrix, image, mask, padding)
    np.testing.assert_array_equal(new_image[0, :, :3], fill)
    np.testing.assert_array_equal(new_image[0, :, 3:], image[0, :, :5])
    np.testing.assert_array_equal(new_mask[0, :, :3], 0)
    np.testing.assert_array_equal(new_mask[0, :, 3:], 1)


def test_contrast_multiplies_each_slice_by_its_own_factor():
    image, mask = make_batch(count=100)
    new_image, new_mask = run(image, mask, AugmentationConfig(contrast=0.2))
    ratio = new_image / image
    factor = np.median(ratio, axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(
        ratio, np.broadcast_to(factor, ratio.shape), 1e-5
    )
    assert 0.8 <= factor.min() < 0.85
    assert 1.15 < factor.max() <= 1.2
    np.testing.assert_array_equal(new_mask, mask)


def test_noise_is_gaussian_with_its_standard_deviation():
    image, mask = make_batch(count=20, side=32)
    new_image, new_mask = run(image, mask, AugmentationConfig(noise_std=0.3))
    noise = new_image - image
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.3) < 0.01
    assert abs((np.abs(noise) < 0.3).mean() - 0.683) < 0.01
    assert len(np.unique(noise[:, 0, 0, 0])) == 20
    np.testing.assert_array_equal(new_mask, mask)


@pytest.mark.parametrize(
    "name",
    ["rotation_degrees", "scaling", "translation", "contrast", "noise_std"],
)
def test_each_comes_with_the_common_probability(name):
    value = 20.0 if name == "rotation_degrees" else 0.3
    config = AugmentationConfig(**{name: value}, probability=0.25)
    image, mask = make_batch(count=400, side=8)
    new_image, _ = run(image, mask, config)
    changed = (new_image != image).any(axis=(1, 2, 3))
    assert 0.15 < changed.mean() < 0.35


def test_image_and_mask_move_together_and_labels_stay():
    y, x = np.mgrid[:64, :64]
    labels = np.zeros((64, 64), np.uint8)
    labels[(y - 20) ** 2 + (x - 30) ** 2 < 100] = 1
    labels[(y - 45) ** 2 + (x - 25) ** 2 < 64] = 2
    mask = np.tile(labels, (16, 1, 1))
    image = mask[..., None].astype(np.float32)
    config = AugmentationConfig(
        vertical_flip=0.5,
        horizontal_flip=0.5,
        rotation_degrees=40,
        scaling=0.2,
        translation=0.1,
    )
    new_image, new_mask = run(image, mask, config)
    assert set(np.unique(new_mask)) == {0, 1, 2}
    assert (new_mask != mask).any(axis=(1, 2)).all()
    # They may differ where the bilinear image crosses an edge, nowhere else:
    # at a corner of label 2, a quarter of 2 where the nearest is 2.
    difference = np.abs(new_image[..., 0] - new_mask)
    assert difference.max() <= 1.5
    assert (difference > 0.5 + 1e-3).mean() < 0.01


@pytest.mark.parametrize("labelled", [(), (1, 4), range(6)])
def test_masks_without_a_label_stay_empty_and_others_move(labelled):
    image, mask = make_batch()
    empty = [i for i in range(6) if i not in labelled]
    mask[empty] = 0
    matrices = matrices_of(AugmentationConfig(rotation_degrees=40), 6)
    _, new_mask = (
        part.numpy()
        for part in transform(
            tf.constant(image), tf.constant(mask), tf.constant(matrices)
        )
    )
    whole = project(mask[..., None], matrices, "NEAREST")[..., 0]
    assert new_mask.dtype == mask.dtype
    np.testing.assert_array_equal(new_mask, whole)
    assert not new_mask[empty].any()


def test_slices_without_noise_are_left_alone_to_the_bit():
    image, mask = make_batch(count=40, side=8)
    config = AugmentationConfig(noise_std=0.3, probability=0.5)
    new_image, _ = run(image, mask, config)
    noise = (new_image - image).reshape(40, -1)
    noisy = noise.any(axis=1)
    assert 10 < noisy.sum() < 30
    assert new_image[~noisy].tobytes() == image[~noisy].tobytes()
    # Each has noise of its own.
    correlation = np.corrcoef(noise[noisy]) - np.eye(noisy.sum())
    assert np.abs(correlation).max() < 0.45
    assert abs(noise[noisy].std() - 0.3) < 0.02


def test_the_seed_decides_everything():
    image, mask = make_batch()
    first = run(image, mask, EVERYTHING)
    again = run(image, mask, EVERYTHING)
    other = run(image, mask, EVERYTHING, seed=(3, 15))
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_the_draws_do_not_depend_on_each_other():
    config = AugmentationConfig(
        vertical_flip=0.5, horizontal_flip=0.5, rotation_degrees=20
    )
    a0, _, _, b0, b1, _ = matrices_of(config, count=1000).T[:6]
    flip_x, flip_y = np.sign(a0), np.sign(b1)
    angle = np.arcsin(np.clip(b0 * flip_y, -1, 1))
    table = np.corrcoef([flip_x, flip_y, angle])
    assert np.abs(table[~np.eye(3, dtype=bool)]).max() < 4 / math.sqrt(1000)
