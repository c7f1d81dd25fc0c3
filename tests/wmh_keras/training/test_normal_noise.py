import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from wmh_keras.training.normal_noise import standard_normal


def draw(shape, seed=(1, 2)):
    return standard_normal(tf.constant(shape), tf.constant(seed)).numpy()


def test_the_numbers_are_normally_distributed():
    values = draw([300, 1000])
    # Kolmogorov and Smirnov's distance of so many is below 0.0036 in 99.9 %.
    assert scipy.stats.kstest(values.ravel(), "norm").statistic < 0.0036
    assert values.mean() == pytest.approx(0, abs=0.006)
    assert values.std() == pytest.approx(1, abs=0.005)
    assert scipy.stats.kurtosis(values.ravel()) == pytest.approx(0, abs=0.03)
    # 0.27 % lie beyond three deviations.
    assert (abs(values) > 3).mean() == pytest.approx(0.0027, abs=0.0004)
    assert 4 < abs(values).max() < 4.4


def test_neighbours_and_rows_are_independent():
    values = draw([8, 40_000])
    # Two halves of one random number are neighbours.
    neighbours = values[:, :-1].ravel(), values[:, 1:].ravel()
    assert np.corrcoef(*neighbours)[0, 1] == pytest.approx(0, abs=0.01)
    rows = np.corrcoef(values) - np.eye(8)
    assert abs(rows).max() < 0.03


def test_the_seed_decides():
    np.testing.assert_array_equal(draw([5, 3]), draw([5, 3]))
    assert not np.isin(draw([5, 3]), draw([5, 3], (1, 3))).any()


@pytest.mark.parametrize("shape", [[7], [3, 5, 1], [0, 4]])
def test_any_shape(shape):
    values = draw(shape)
    assert values.dtype == np.float32
    assert values.shape == tuple(shape)
