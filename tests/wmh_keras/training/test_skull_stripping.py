import numpy as np
import pytest

from wmh_keras.training.skull_stripping import is_skull_stripped

SIDE = 128
AIR = np.array([-5.0])


def make_volume(scalp=False, noise=0.0):
    """Brains of 40 pixels' radius; a scalp begins 5 pixels further out."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[:SIDE, :SIDE]
    radius = np.hypot(y - SIDE / 2, x - SIDE / 2)
    radius = np.broadcast_to(radius, (6, SIDE, SIDE))
    image = AIR[0] + noise * np.abs(rng.normal(size=radius.shape))
    brain = rng.normal(scale=0.5, size=radius.shape)
    image = np.where(radius < 40, brain, image)
    if scalp:
        image = np.where((radius >= 40) & (radius < 45), -4.7, image)
        image = np.where((radius >= 45) & (radius < 49), 3.0, image)
    return image[..., None].astype(np.float32)


def test_a_brain_alone_is_stripped():
    assert is_skull_stripped(make_volume(), AIR)


def test_it_is_whatever_the_intensities_are_scaled_by():
    assert is_skull_stripped(0.01 * make_volume() + 2, 0.01 * AIR + 2)


def test_an_empty_slice_and_ventricles_make_no_difference():
    volume = make_volume()
    volume[0] = AIR
    volume[:, 60:70, 60:66] = AIR
    assert is_skull_stripped(volume, AIR)


def test_a_head_in_constant_air_is_not_stripped():
    assert not is_skull_stripped(make_volume(scalp=True), AIR)


@pytest.mark.parametrize("scalp", [False, True])
def test_nothing_is_stripped_where_the_air_is_noisy(scalp):
    assert not is_skull_stripped(make_volume(scalp, noise=0.3), AIR)


def test_a_constant_volume_is_not_stripped():
    assert not is_skull_stripped(np.full((4, 32, 32, 1), -5.0), AIR)
    assert not is_skull_stripped(np.zeros((4, 32, 32, 1)), AIR)
