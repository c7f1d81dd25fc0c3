import itertools
import math

import numpy as np
import pytest

from wmh_keras.statistics.summary import bootstrap_interval, summarize


def test_by_hand():
    summary = summarize([1.0, 3.0, math.nan, 8.0])
    assert summary.mean == 4
    assert summary.sd == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    assert summary.median == 3
    assert (summary.n, summary.n_nan) == (3, 1)
    assert (summary.q1, summary.q3) == (2, 5.5)
    assert 1 <= summary.ci_low < 4 < summary.ci_high <= 8


def test_none_and_one():
    empty = summarize([math.nan, math.nan])
    assert (empty.n, empty.n_nan) == (0, 2)
    assert math.isnan(empty.mean)
    assert math.isnan(empty.ci_low)
    assert math.isnan(empty.q1)
    one = summarize([0.7])
    assert one.mean == one.median == one.q1 == one.q3 == 0.7
    assert math.isnan(one.sd)
    assert math.isnan(one.ci_high)
    assert summarize([]).n == 0


def test_equal_values_have_no_spread():
    summary = summarize([0.5] * 6)
    assert summary.sd == 0
    assert (summary.ci_low, summary.ci_high) == (0.5, 0.5)


def test_interval_against_all_resamples():
    """With three subjects all 27 resamples can be listed."""
    values = np.array([0.0, 1.0, 5.0])
    means = [np.mean(v) for v in itertools.product(values, repeat=3)]
    low, high = bootstrap_interval(values, num_resamples=40_000, confidence=0.8)
    assert low == pytest.approx(np.percentile(means, 10))
    assert high == pytest.approx(np.percentile(means, 90))


def test_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for repeat in range(300):
        low, high = bootstrap_interval(
            rng.normal(2, 1, 40), seed=repeat, num_resamples=500
        )
        hits += low <= 2 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_the_seed_decides_and_the_order_does_not():
    values = np.random.default_rng(1).random(30)
    first = bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values[::-1], seed=3) == first
    assert bootstrap_interval(values, seed=4) != first


def test_misuse():
    with pytest.raises(ValueError, match="inf"):
        summarize([1.0, math.inf])
    with pytest.raises(ValueError, match="one axis"):
        summarize(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval(np.zeros(3), confidence=95)
