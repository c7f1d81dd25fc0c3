import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from wmh_keras.training.augmentation import augment
from wmh_keras.training.augmentation_appearance import (
    add_bias_field,
    blur,
    change_gamma,
)
from wmh_keras.training.augmentation_config import AugmentationConfig

SEED = tf.constant((3, 14))


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 24, 20, 2)).astype(np.float32)


@pytest.mark.parametrize("name", ["gamma", "bias_field", "blur_px"])
def test_the_probability_says_how_many_are_changed(name):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(300, 12, 12, 1)).astype(np.float32)
    mask = np.ones((300, 12, 12), np.uint8)
    config = AugmentationConfig(**{name: 0.5}, probability=0.3)
    changed, labels = augment(image, mask, SEED, config)
    again, _ = augment(image, mask, SEED, config)
    moved = np.abs(changed.numpy() - image).max((1, 2, 3)) > 0
    assert moved.mean() == pytest.approx(0.3, abs=0.08)
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_array_equal(labels, mask)


def test_gamma_keeps_order_mean_and_deviation(image):
    changed = change_gamma(image, SEED, AugmentationConfig(gamma=0.7)).numpy()
    assert np.abs(changed - image).max() > 0.1
    for axis in ("mean", "std"):
        np.testing.assert_allclose(
            getattr(changed, axis)((1, 2)),
            getattr(image, axis)((1, 2)),
            atol=1e-4,
        )
    order = image.reshape(6, -1, 2).argsort(axis=1)
    sorted_ = np.take_along_axis(changed.reshape(6, -1, 2), order, axis=1)
    assert (np.diff(sorted_, axis=1) >= -1e-5).all()


def test_gamma_of_a_constant_slice_leaves_it():
    image = np.full((4, 8, 8, 1), 2.5, np.float32)
    changed = change_gamma(image, SEED, AugmentationConfig(gamma=0.7))
    np.testing.assert_allclose(changed, image, atol=1e-5)


def test_the_bias_field_is_smooth_and_bounded_and_spares_the_darkest():
    image = np.ones((5, 32, 32, 1), np.float32)
    image[:, 0, 0] = -1.0  # no signal
    config = AugmentationConfig(bias_field=0.2)
    changed = add_bias_field(image, SEED, config).numpy()
    np.testing.assert_array_equal(changed[:, 0, 0], -1.0)
    field = (changed - image)[..., 0] / 2.0
    field[:, 0, 0] = field[:, 0, 1]
    # Bicubic interpolation overshoots its nodes a little.
    assert 0.05 < np.abs(field).max() < 0.25
    assert np.abs(np.diff(field, axis=1)).max() < 0.08
    assert np.abs(np.diff(field, axis=2)).max() < 0.08


def test_blur_is_a_mix_with_a_gaussian(image):
    changed = blur(image, SEED, AugmentationConfig(blur_px=1.5)).numpy()
    shares = []
    for before, after in zip(image, changed, strict=True):
        smooth = scipy.ndimage.gaussian_filter(
            before, (1.5, 1.5, 0), mode="reflect", radius=(5, 5, 0)
        )
        towards = smooth - before
        share = (towards * (after - before)).sum() / (towards**2).sum()
        np.testing.assert_allclose(after, before + share * towards, atol=1e-5)
        shares.append(share)
    assert 0 <= min(shares) < max(shares) <= 1
