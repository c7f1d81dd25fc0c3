import math

import numpy as np
import pytest

from wmh_keras.statistics.comparison import (
    cohens_dz,
    compare_models,
    eta_squared,
    holm,
    rank_biserial,
    wilcoxon_p,
)

# Hollander and Wolfe 1973, depression before and after; R's ?wilcox.test.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_wilcoxon_as_published():
    """V = 40 of 45, one-sided p = 0.01953 in R's documentation."""
    assert wilcoxon_p(BEFORE - AFTER) == pytest.approx(2 * 0.01953, abs=1e-5)
    assert rank_biserial(BEFORE - AFTER) == pytest.approx((40 - 5) / 45)


def test_wilcoxon_is_the_share_of_sign_patterns():
    """Five differences of one sign: 2 of the 32 patterns are as extreme."""
    differences = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert wilcoxon_p(differences) == pytest.approx(2 / 32)
    assert rank_biserial(-differences) == -1


def test_zeros_are_left_out():
    differences = np.array([0.1, -0.2, 0.3, 0.5, 0.7, 0.8])
    padded = np.concatenate([differences, np.zeros(4)])
    assert wilcoxon_p(padded) == wilcoxon_p(differences)
    assert rank_biserial(padded) == rank_biserial(differences)


def test_equal_on_paper_is_a_tie():
    """0.3 - 0.2 and 0.2 - 0.1 are not the same number in binary."""
    differences = np.array([0.3 - 0.2, -(0.2 - 0.1), 0.1 + 0.2 - 0.3])
    assert differences[0] != -differences[1]
    assert rank_biserial(differences) == 0
    assert wilcoxon_p(differences) == 1


def test_models_that_are_all_alike():
    values = np.array([0.2, 0.5, 0.9, 0.4])
    result = compare_models({"a": values, "b": values.copy(), "c": values})
    assert result.n == 4
    for pair in result.pairs:
        assert pair.wilcoxon_p == pair.holm_p == pair.tukey_p == 1
        assert pair.rank_biserial == pair.mean_difference == 0
        assert (pair.ci_low, pair.ci_high) == (0, 0)
        assert math.isnan(pair.cohens_dz)
    assert result.anova_p == 1
    assert result.eta_squared == pytest.approx(0, abs=1e-12)


def test_anova_by_hand():
    """Means 1, 2, 6 (grand 3): between 2 × 14, within 3 × 2 × 0.25."""
    groups = {
        "a": np.array([0.5, 1.5]),
        "b": np.array([1.5, 2.5]),
        "c": np.array([5.5, 6.5]),
    }
    result = compare_models(groups)
    assert result.means == {"a": 1, "b": 2, "c": 6}
    assert result.anova_f == pytest.approx((28 / 2) / (1.5 / 3))
    assert result.eta_squared == pytest.approx(28 / 29.5)
    assert [(p.first, p.second) for p in result.pairs] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert result.pairs[1].mean_difference == -5


def test_pairing_sees_what_independent_tests_do_not():
    rng = np.random.default_rng(2)
    hard = rng.random(40)
    result = compare_models({"a": hard, "b": hard - 0.02 + 0.01 * hard})
    (pair,) = result.pairs
    assert pair.holm_p < 1e-6
    assert pair.tukey_p > 0.5
    assert 0 < pair.ci_low < pair.mean_difference < pair.ci_high


def test_only_common_subjects_count():
    nan = math.nan
    result = compare_models(
        {
            "a": np.array([1.0, nan, 3.0, 5.0, 9.0]),
            "b": np.array([2.0, 4.0, nan, 3.0, 8.0]),
        }
    )
    assert result.n == 3
    assert result.means == {"a": 5, "b": pytest.approx(13 / 3)}


def test_constant_models_that_differ():
    result = compare_models({"a": np.ones(6), "b": np.zeros(6)})
    (pair,) = result.pairs
    assert math.isnan(result.anova_f)
    assert math.isnan(pair.tukey_p)
    assert math.isnan(pair.cohens_dz)
    assert result.eta_squared == 1
    assert pair.wilcoxon_p == pytest.approx(2 / 64)
    assert pair.rank_biserial == 1


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_subjects(n):
    result = compare_models({"a": np.ones(n), "b": np.zeros(n)})
    (pair,) = result.pairs
    assert result.n == n
    assert math.isnan(result.means["a"]) == (n == 0)
    for number in (
        result.anova_p,
        result.eta_squared,
        pair.ci_low,
        pair.wilcoxon_p,
        pair.holm_p,
        pair.rank_biserial,
        pair.cohens_dz,
        pair.tukey_p,
    ):
        assert math.isnan(number)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([]) == []
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[0] == 0.02
    assert math.isnan(adjusted[1])
    assert adjusted[2] == 0.04


def test_effect_sizes_by_hand():
    assert cohens_dz(np.array([1.0, 3.0])) == pytest.approx(2 / math.sqrt(2))
    assert rank_biserial(np.array([1.0, -2.0, 3.0])) == pytest.approx(2 / 6)
    assert eta_squared(np.array([[1.0, 3.0], [1.0, 3.0]])) == 1


def test_the_seed_decides_the_interval():
    rng = np.random.default_rng(0)
    values = {"a": rng.random(20), "b": rng.random(20)}
    first = compare_models(values, seed=1)
    assert compare_models(values, seed=1) == first
    assert compare_models(values, seed=2).pairs[0].ci_low != (
        first.pairs[0].ci_low
    )


def test_misuse():
    with pytest.raises(ValueError, match="two models"):
        compare_models({"a": np.ones(3)})
    with pytest.raises(ValueError, match="shapes"):
        compare_models({"a": np.ones(3), "b": np.ones(2)})
    with pytest.raises(ValueError, match="inf"):
        compare_models({"a": np.ones(1), "b": np.array([math.inf])})
