import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from wmh_keras.training.augmentation import augment
from wmh_keras.training.augmentation_appearance import (
    add_bias_field,
    add_ghosts,
    blur,
    change_gamma,
)
from wmh_keras.training.augmentation_config import AugmentationConfig

SEED = tf.constant((3, 14))


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 24, 20, 2)).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["gamma", "bias_field", "blur_px", "motion_ghosts"]
)
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


@pytest.mark.parametrize("sharpening", [0, 1])
def test_blur_is_a_mix_with_a_gaussian(image, sharpening):
    config = AugmentationConfig(blur_px=1.5, sharpening=sharpening)
    changed = blur(image, SEED, config).numpy()
    shares = []
    for before, after in zip(image, changed, strict=True):
        smooth = scipy.ndimage.gaussian_filter(
            before, (1.5, 1.5, 0), mode="reflect", radius=(5, 5, 0)
        )
        towards = smooth - before
        share = (towards * (after - before)).sum() / (towards**2).sum()
        np.testing.assert_allclose(after, before + share * towards, atol=1e-5)
        shares.append(share)
    assert -sharpening <= min(shares) < max(shares) <= 1
    assert (min(shares) < 0) == bool(sharpening)


def test_ghosts_keep_the_mean_and_the_darkest_at_the_least(image):
    config = AugmentationConfig(motion_ghosts=0.8)
    changed = add_ghosts(image, SEED, config).numpy()
    assert (np.abs(changed - image).max((1, 2, 3)) > 0.01).all()
    np.testing.assert_allclose(
        changed.mean((1, 2)), image.mean((1, 2)), atol=1e-4
    )
    assert (changed.min((1, 2)) >= image.min((1, 2)) - 1e-4).all()


def test_a_ghost_is_a_weaker_copy_at_a_usual_distance_along_one_axis():
    """A single bright pixel: what else is bright is its ghosts."""
    side, count = 48, 200
    image = np.full((count, side, side, 1), -2, np.float32)
    image[:, 10, 20] = 8
    config = AugmentationConfig(motion_ghosts=0.5)
    signal = add_ghosts(image, SEED, config).numpy()[..., 0] + 2
    along, steps = set(), []
    for one in signal:
        ys, xs = np.nonzero(one > 1e-3)
        assert len(ys) in (1, 2, 3)
        dy, dx = np.abs(ys - 10).max(), np.abs(xs - 20).max()
        assert dy == 0 or dx == 0
        along.add("y" if dy else "x" if dx else "none")
        shifts = {int(n) % side for n in (*(ys - 10), *(xs - 20))} - {0}
        steps.append(min(shifts, default=0))
        assert {side - n for n in shifts} == shifts
        # Half of the weight on either side, all of it where they meet.
        ghosts = one.copy()
        ghosts[10, 20] = 0
        assert ghosts.sum() <= 0.5 * one[10, 20] * 1.001
    assert along >= {"x", "y"}
    usual = np.isin(steps, [24, 16, 12]).mean()
    assert usual > 0.6
    assert len(set(steps)) > 10


def test_ghosts_darken_tissue_as_often_as_they_brighten_it():
    """A bright pixel whose weak ghosts lie on tissue."""
    image = np.full((400, 24, 24, 1), 1, np.float32)
    image[:, 0, 0] = 0
    image[:, 10, 13] = 21
    config = AugmentationConfig(motion_ghosts=0.04)
    changed = add_ghosts(image, SEED, config).numpy()[..., 0]
    changed[:, 10, 13] = changed[:, 0, 0] = np.median(changed, (1, 2))
    change = changed.reshape(400, -1) - np.median(changed, (1, 2))[:, None]
    strongest = np.argmax(np.abs(change), axis=1)
    change = change[np.arange(400), strongest]
    assert 0.4 < np.mean(change > 0) < 0.6
    assert 0.2 < np.abs(change).max() < 0.85


def test_a_constant_slice_has_no_ghosts():
    image = np.full((4, 8, 6, 1), 2.5, np.float32)
    changed = add_ghosts(image, SEED, AugmentationConfig(motion_ghosts=1.0))
    np.testing.assert_allclose(changed, image, atol=1e-6)


def test_without_ghosts_the_other_changes_are_as_before(image):
    """With a weight that rounds to nothing the other draws are the same."""
    mask = np.zeros((6, 24, 20), np.uint8)
    strengths = {"gamma": 0.5, "bias_field": 0.2, "blur_px": 1.0}
    without, _ = augment(image, mask, SEED, AugmentationConfig(**strengths))
    with_, _ = augment(
        image, mask, SEED, AugmentationConfig(**strengths, motion_ghosts=1e-9)
    )
    np.testing.assert_allclose(with_, without, atol=1e-4)
