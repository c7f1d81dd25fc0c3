import numpy as np
import pytest

from wmh_keras.training.thick_slices import ThickSlices, thicken


def counts(config, spacing_mm, number=400):
    draw = np.random.default_rng(0)
    return [config.draw(spacing_mm, draw) for _ in range(number)]


def test_none_by_default():
    assert set(counts(ThickSlices(), 1.0)) == {1}


def test_thin_slices_become_as_thick_as_asked_for():
    assert set(counts(ThickSlices(1.0, 5, 8), 1.0)) == {5, 6, 7, 8}
    assert set(counts(ThickSlices(1.0, 6, 6), 3.0)) == {2}


def test_thick_slices_stay_as_they_are():
    assert set(counts(ThickSlices(1.0, 5, 8), 6.5)) == {1}
    assert set(counts(ThickSlices(1.0, 5, 8), 20.0)) == {1}


def test_the_share_is_kept():
    thick = np.array(counts(ThickSlices(0.3, 5, 8), 1.0, 4000)) > 1
    assert thick.mean() == pytest.approx(0.3, abs=0.03)


def test_the_image_is_the_mean_and_the_label_that_of_the_half():
    image = np.zeros((4, 1, 3, 1), np.float16)
    image[1] = 8
    mask = np.zeros((4, 1, 3), np.uint8)
    mask[:2, 0, 0] = 1  # half
    mask[:1, 0, 1] = 1  # a quarter
    mask[:3, 0, 2] = 2
    thick, labels = thicken(image, mask)
    assert thick.shape == (1, 1, 3, 1)
    assert thick.dtype == np.float32
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(thick, 2)
    np.testing.assert_array_equal(labels, [[[1, 0, 2]]])


def test_what_shows_in_a_part_of_the_slices_may_be_a_lesion():
    mask = np.zeros((5, 1, 2), np.uint8)
    mask[:2, 0, 0] = 1
    mask[:1, 0, 1] = 1
    _, labels = thicken(np.zeros((5, 1, 2, 1)), mask, label_share=0.4)
    np.testing.assert_array_equal(labels, [[[1, 0]]])


def test_a_tie_is_a_lesion():
    mask = np.array([[[1]], [[2]]], np.uint8)
    _, labels = thicken(np.zeros((2, 1, 1, 1)), mask)
    assert labels.item() == 1
