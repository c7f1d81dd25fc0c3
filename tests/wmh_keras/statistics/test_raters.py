import math

import numpy as np
import pytest

from wmh_keras.statistics.raters import (
    agreement_rate,
    friedman_test,
    kendall_concordance,
    quadratic_kappa,
    rater_agreement,
)

# The data set "anxiety" of R's package irr: 20 subjects, three raters.
ANXIETY = np.array(
    [
        [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
        [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
        [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
    ]
).T


def test_kendall_as_published():
    """kendall(anxiety, correct = TRUE) of irr."""
    w, test = kendall_concordance(ANXIETY)
    assert w == pytest.approx(0.539657, abs=1e-6)
    assert test.statistic == pytest.approx(30.7604, abs=1e-4)
    assert test.dof == 19
    assert test.p == pytest.approx(0.042883, abs=1e-6)
    assert test.n == 20


def test_kappa_as_published():
    """kappa2(anxiety[, 1:2], "squared") of irr."""
    kappa = quadratic_kappa(ANXIETY[:, 0], ANXIETY[:, 1])
    assert kappa == pytest.approx(0.297, abs=5e-4)


def test_raters_who_agree_on_the_order_but_not_on_the_level():
    """What tells W over patients from Friedman over raters."""
    patients = np.array([1, 1, 2, 2, 3, 3, 2, 1])
    grades = np.stack([patients, patients + 1], axis=1)
    result = rater_agreement(grades, ("strict", "mild"))
    assert result.kendall_w == pytest.approx(1)
    assert result.friedman.statistic == pytest.approx(8)
    assert result.friedman.dof == 1
    assert result.friedman.p < 0.01
    assert result.exact == 0
    assert result.within_one == 1


def test_raters_who_agree_on_the_level_but_not_on_the_order():
    grades = np.array([[1, 4], [4, 1], [2, 3], [3, 2]])
    result = rater_agreement(grades, ("a", "b"))
    assert result.kendall_w == 0
    assert result.kendall_test.p == 1
    assert result.friedman.statistic == 0
    assert result.kappa["a", "b"] == pytest.approx(-1)


def test_the_paper_printed_the_transposed_table():
    """W = 0.006 with p = 0.605: 90 patients as judges of three raters.

    χ² = 90 × 2 × W with two degrees of freedom, where p = exp(-χ² / 2).
    """
    w = -2 * math.log(0.605) / (90 * 2)
    assert round(w, 3) == 0.006
    # Three raters who agree on the patients, and on the level too.
    rng = np.random.default_rng(5)
    quality = rng.integers(1, 5, 90)[:, None]
    grades = np.clip(quality + rng.integers(-1, 2, (90, 3)), 1, 4)
    over_patients, test = kendall_concordance(grades)
    assert over_patients > 0.7
    assert (test.dof, test.n) == (89, 90)
    assert test.p < 0.001
    transposed, swapped = kendall_concordance(grades.T)
    assert transposed < 0.05
    assert swapped.dof == 2
    assert swapped.statistic == pytest.approx(90 * 2 * transposed)
    assert swapped.p == pytest.approx(math.exp(-swapped.statistic / 2))
    friedman = friedman_test(grades)
    assert friedman.p == swapped.p
    assert (friedman.dof, friedman.n) == (2, 90)


def test_kendall_without_ties_by_hand():
    """Siegel's formula: rank sums 5, 4, 9, 12 of three judges."""
    ratings = np.array([[1, 2, 2], [2, 1, 1], [3, 3, 3], [4, 4, 4]])
    sums = np.array([5, 4, 9, 12])
    w, _ = kendall_concordance(ratings)
    spread = ((sums - 7.5) ** 2).sum()
    assert w == pytest.approx(12 * spread / (9 * (64 - 4)))


def test_all_grades_equal():
    result = rater_agreement(np.full((6, 3), 4), ("a", "b", "c"))
    assert math.isnan(result.kendall_w)
    assert math.isnan(result.kendall_test.p)
    assert math.isnan(result.friedman.p)
    assert math.isnan(result.kappa["a", "c"])
    assert result.exact == result.within_one == 1
    assert list(result.kappa) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_one_rater_and_no_subject():
    one = rater_agreement(np.array([[1], [2], [4]]), ("a",))
    assert math.isnan(one.kendall_w)
    assert math.isnan(one.friedman.statistic)
    assert math.isnan(one.exact)
    assert one.kappa == {}
    none = rater_agreement(np.empty((0, 2), int), ("a", "b"))
    assert none.n == 0
    assert math.isnan(none.kendall_w)
    assert math.isnan(none.within_one)
    assert math.isnan(none.kappa["a", "b"])
    assert none.kendall_test.dof == 0


def test_one_subject():
    result = rater_agreement(np.array([[2, 3]]), ("a", "b"))
    assert math.isnan(result.kendall_w)
    assert math.isnan(result.friedman.p)
    assert result.within_one == 1


def test_kappa_by_hand():
    """Squared differences 1 of 4 observed; 10 of 16 pairs expected."""
    first, second = np.array([1, 1, 2, 2]), np.array([1, 2, 2, 2])
    assert quadratic_kappa(first, second) == pytest.approx(1 - (1 / 4) / 0.5)
    assert quadratic_kappa(np.array([1, 1]), np.array([2, 2])) == 0


def test_agreement_within():
    grades = np.array([[1, 1, 1], [1, 2, 2], [1, 2, 3], [4, 4, 4]])
    assert agreement_rate(grades, within=0) == 0.5
    assert agreement_rate(grades, within=1) == 0.75
    assert agreement_rate(grades, within=2) == 1


def test_misuse():
    with pytest.raises(ValueError, match="integers"):
        rater_agreement(np.array([[1.5, 2.0]]), ("a", "b"))
    with pytest.raises(ValueError, match="3 raters"):
        rater_agreement(np.array([[1, 2]]), ("a", "b", "c"))
    with pytest.raises(ValueError, match="once"):
        rater_agreement(np.array([[1, 2]]), ("a", "a"))
