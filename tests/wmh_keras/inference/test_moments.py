import numpy as np
import pytest

from wmh_keras.inference.moments import Moments


def moments_of(arrays):
    moments = Moments()
    for array in arrays:
        moments.add(array)
    return moments


def test_mean_and_population_sd():
    values = np.random.default_rng(0).uniform(size=(5, 7, 3)).astype(np.float32)
    before = values.copy()
    moments = moments_of(values)
    assert moments.count == 5
    assert moments.mean.dtype == np.float32
    np.testing.assert_allclose(moments.mean, values.mean(0), atol=1e-6)
    np.testing.assert_allclose(
        moments.standard_deviation(), values.std(0), atol=1e-6
    )
    np.testing.assert_array_equal(values, before)


def test_an_array_may_come_plane_by_plane():
    values = np.random.default_rng(1).uniform(size=(4, 5, 3, 2))
    whole, parts = Moments(), Moments()
    for array in values.astype(np.float32):
        whole.add(array)
        parts.add(iter(array))
    np.testing.assert_array_equal(parts.mean, whole.mean)
    np.testing.assert_array_equal(
        parts.standard_deviation(), whole.standard_deviation()
    )


@pytest.mark.parametrize("length", [2, 4])
def test_an_array_of_another_length_is_refused(length):
    moments = moments_of([np.zeros((3, 2), np.float32)])
    with pytest.raises(ValueError, match="argument 2"):
        moments.add(iter(np.zeros((length, 2), np.float32)))


def test_the_largest_disagreement_is_one_half():
    moments = moments_of([np.zeros(3, np.float32), np.ones(3, np.float32)])
    assert (moments.standard_deviation() == 0.5).all()


def test_equal_arrays_are_their_own_mean():
    value = np.float32([0.1, 1 / 3, 0.7])
    moments = moments_of([value] * 7)
    np.testing.assert_array_equal(moments.mean, value)
    assert (moments.standard_deviation() == 0).all()


def test_one_array_has_no_deviation():
    assert Moments().mean is None
    assert moments_of([np.ones(2)]).standard_deviation() is None
