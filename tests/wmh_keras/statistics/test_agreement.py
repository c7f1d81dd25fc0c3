import math

import numpy as np
import pytest

from wmh_keras.statistics.agreement import bland_altman, correlation, icc_a1

# Peak expiratory flow by two meters, first readings: Bland and Altman 1986.
WRIGHT, MINI = np.array(
    [
        [494, 512], [395, 430], [516, 520], [434, 428], [476, 500], [557, 600],
        [413, 364], [442, 380], [650, 658], [433, 445], [417, 432], [656, 626],
        [267, 260], [478, 477], [178, 259], [423, 350], [427, 451],
    ]
).T  # fmt: skip
# Six targets, four judges: Shrout and Fleiss 1979, table 2.
JUDGES = np.array(
    [
        [9, 2, 5, 8],
        [6, 1, 3, 2],
        [8, 4, 6, 8],
        [7, 1, 2, 6],
        [10, 5, 6, 9],
        [6, 2, 4, 7],
    ]
)


def test_bland_altman_as_published():
    result = bland_altman(MINI, WRIGHT)
    assert result.n == 17
    assert result.mean_difference == pytest.approx(-2.1, abs=0.05)
    assert result.sd == pytest.approx(38.8, abs=0.05)
    # The paper takes 2 in place of 1.96, and 3 / n for the limits' variance.
    assert result.mean_ci_low == pytest.approx(-22.0, abs=0.1)
    assert result.mean_ci_high == pytest.approx(17.8, abs=0.1)
    shift = 0.04 * result.sd
    assert result.lower_limit == pytest.approx(-79.7 + shift, abs=0.1)
    assert result.upper_limit == pytest.approx(75.5 - shift, abs=0.1)
    assert result.lower_ci_low == pytest.approx(-114.3 + shift, abs=0.5)
    assert result.lower_ci_high == pytest.approx(-45.1 + shift, abs=0.5)
    assert result.upper_ci_low == pytest.approx(40.9 - shift, abs=0.5)
    assert result.upper_ci_high == pytest.approx(110.1 - shift, abs=0.5)


def test_bland_altman_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    results = [
        bland_altman(np.zeros(25), rng.normal(3, 2, 25)) for _ in range(600)
    ]
    upper = 3 + 1.96 * 2
    of_mean = np.mean([r.mean_ci_low < 3 < r.mean_ci_high for r in results])
    of_limit = np.mean(
        [r.upper_ci_low < upper < r.upper_ci_high for r in results]
    )
    assert 0.92 < of_mean < 0.975
    assert 0.92 < of_limit < 0.975


def test_bland_altman_is_other_minus_reference():
    result = bland_altman(np.array([1.0, 2, 3]), np.array([2.0, 3, 4]))
    assert result.mean_difference == 1
    assert result.sd == 0
    assert (result.lower_limit, result.upper_limit) == (1, 1)
    assert (result.upper_ci_low, result.upper_ci_high) == (1, 1)


def test_bland_altman_with_too_few():
    one = bland_altman(np.array([1.0]), np.array([3.0]))
    assert one.mean_difference == 2
    assert math.isnan(one.sd)
    assert math.isnan(one.upper_ci_high)
    none = bland_altman(np.array([]), np.array([]))
    assert none.n == 0
    assert math.isnan(none.mean_difference)


def test_icc_as_published():
    """Value: Shrout and Fleiss 1979; interval: ICC() of R's psych."""
    result = icc_a1(JUDGES)
    assert result.value == pytest.approx(0.29, abs=0.005)
    assert result.ci_low == pytest.approx(0.019, abs=0.0005)
    assert result.ci_high == pytest.approx(0.761, abs=0.0005)
    assert result.n == 6


def test_icc_by_hand():
    """Two subjects, two raters one apart: MSR 4, MSC 1, MSE 0."""
    result = icc_a1(np.array([[1, 2], [3, 4]]))
    assert result.value == pytest.approx(4 / (4 + 2 / 2 * 1))


def test_icc_of_perfect_agreement():
    result = icc_a1(np.array([[1, 1], [2, 2], [5, 5]]))
    assert (result.value, result.ci_low, result.ci_high) == (1, 1, 1)


@pytest.mark.parametrize(
    "ratings",
    [
        np.full((5, 2), 3.0),
        np.array([[1.0, 2.0]]),
        np.array([[1.0], [2.0]]),
        np.empty((0, 2)),
    ],
)
def test_icc_that_is_not_defined(ratings):
    result = icc_a1(ratings)
    assert math.isnan(result.value)
    assert math.isnan(result.ci_low)
    assert result.n == len(ratings)


def test_icc_of_subjects_that_are_all_alike_but_noise():
    """No error where the mean squares are extreme."""
    for ratings in ([[1, 2], [2, 1]], [[1, 2], [1, 2]], [[1, 1], [1, 2]]):
        result = icc_a1(np.array(ratings))
        assert math.isnan(result.value) or result.value <= 0.5


def test_correlation_by_hand():
    x = np.array([1.0, 2, 3, 4])
    result = correlation(x, np.array([1.0, 3, 2, 4]))
    assert result.pearson_r == pytest.approx(0.8)
    assert result.spearman_rho == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert result.ci_low == pytest.approx(math.tanh(math.atanh(0.8) - 1.959964))


def test_perfect_correlation():
    x = np.array([1.0, 2, 3, 4, 5])
    up, down = correlation(x, 2 * x), correlation(x, -(x**3))
    assert up.pearson_r == pytest.approx(1)
    assert up.ci_low == pytest.approx(1)
    assert down.spearman_rho == pytest.approx(-1)


def test_correlation_that_is_not_defined():
    constant = correlation(np.ones(5), np.arange(5.0))
    assert math.isnan(constant.pearson_r)
    assert math.isnan(constant.spearman_rho)
    three = correlation(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]))
    assert three.pearson_r == pytest.approx(0.5)
    assert math.isnan(three.ci_low)
    assert math.isnan(correlation(np.array([]), np.array([])).pearson_r)


def test_misuse():
    with pytest.raises(ValueError, match="same length"):
        bland_altman(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="finite"):
        correlation(np.array([1.0, math.nan]), np.zeros(2))
    with pytest.raises(ValueError, match="finite"):
        icc_a1(np.array([[1.0, math.nan], [1, 2]]))
    with pytest.raises(ValueError, match="shape"):
        icc_a1(np.zeros(4))
