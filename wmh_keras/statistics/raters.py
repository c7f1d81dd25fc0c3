"""Agreement of raters who grade the same patients."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class ChiSquaredTest:
    """A test: its statistic, degrees of freedom, p value and n.

    Attributes:
        statistic: chi-squared; NaN where the test is not defined.
        dof: degrees of freedom.
        p: 0 to 1; NaN where the test is not defined.
        n: subjects behind it.
    """

    statistic: float
    dof: int
    p: float
    n: int


@dataclasses.dataclass(frozen=True)
class RaterAgreement:
    """How far raters agree, over the subjects that all of them graded.

    NaN stands for what is not defined: anything with one rater or without
    subjects, and what needs grades that differ.

    Attributes:
        n: those subjects.
        kendall_w: concordance over subjects, with tie correction, 0 to 1.
        kendall_test: its chi-squared test.
        friedman: whether raters differ in level.
        exact: share of subjects to whom all raters gave one grade.
        within_one: share whose grades lie within one of each other.
        kappa: quadratic-weighted, by pair of raters (a, b), a before b.
        pair_exact: exact agreement by pair.
    """

    n: int
    kendall_w: float
    kendall_test: ChiSquaredTest
    friedman: ChiSquaredTest
    exact: float
    within_one: float
    kappa: Mapping[tuple[str, str], float]
    pair_exact: Mapping[tuple[str, str], float]


def rater_agreement(
    grades: np.ndarray, raters: Sequence[str]
) -> RaterAgreement:
    """All measures at once.

    Args:
        grades: (subjects, raters) integers, complete; there may be no
            subject.
        raters: names of the columns, each once.

    Raises:
        ValueError: not a table of integers with a column a rater.
    """
    grades, raters = np.asarray(grades), tuple(raters)
    if grades.ndim != 2 or grades.shape[1] != len(raters):
        raise ValueError(
            f"grades: expected (subjects, {len(raters)} raters), received the "
            f"shape {grades.shape}"
        )
    if grades.size and not np.issubdtype(grades.dtype, np.integer):
        raise ValueError(f"grades: expected integers, received {grades.dtype}")
    if not raters or len(set(raters)) != len(raters):
        raise ValueError(f"raters: expected each name once, received {raters}")
    grades = grades.astype(np.int64)
    kendall_w, kendall_test = kendall_concordance(grades)
    pairs = [
        ((raters[a], raters[b]), grades[:, a], grades[:, b])
        for a, b in itertools.combinations(range(len(raters)), 2)
    ]
    return RaterAgreement(
        n=len(grades),
        kendall_w=kendall_w,
        kendall_test=kendall_test,
        friedman=friedman_test(grades),
        exact=agreement_rate(grades, within=0),
        within_one=agreement_rate(grades, within=1),
        kappa={pair: quadratic_kappa(a, b) for pair, a, b in pairs},
        pair_exact={
            pair: agreement_rate(np.stack([a, b], axis=1), within=0)
            for pair, a, b in pairs
        },
    )


def kendall_concordance(ratings: np.ndarray) -> tuple[float, ChiSquaredTest]:
    """Kendall's W: whether the raters put the subjects in the same order.

    The raters are the judges, the subjects the objects that they rank. With m
    judges, n objects and rank sums R, W = 12 Σ (R - mean R)² /
    (m² (n³ - n) - m Σ (t³ - t)), t being the sizes of a judge's groups of
    ties; χ² = m (n - 1) W with n - 1 degrees of freedom (Siegel and Castellan
    1988, section 9.4; `kendall(..., correct = TRUE)` of R's irr). The χ²
    approximation is rough for fewer than eight subjects.

    W of the transposed table (subjects judge the raters) tells something
    else, whether raters differ in level, see `friedman_test`: W = 0.006 with
    p = 0.605 in Shan et al. (2021) can only be that one, for 90 × (3 - 1) × W
    = 1.005 has p = 0.605 with 2 degrees of freedom, and W = 0.0056.

    Args:
        ratings: (subjects, raters), complete.

    Returns:
        W, 0 to 1, and its test. Both are NaN for fewer than two raters or
        subjects, or where no rater tells subjects apart.
    """
    num_objects, num_judges = ratings.shape
    w = _concordance(ratings)
    return w, _test(
        num_judges * (num_objects - 1) * w, num_objects - 1, num_objects
    )


def friedman_test(ratings: np.ndarray) -> ChiSquaredTest:
    """Whether raters differ in level, the subjects being the blocks.

    Friedman's χ² with tie correction is n (k - 1) W for the W of n subjects
    who "rank" k raters (Siegel and Castellan 1988, sections 7.2 and 9.4).

    Args:
        ratings: (subjects, raters), complete.

    Returns:
        The test with k - 1 degrees of freedom; NaN for fewer than two raters
        or subjects, or where every subject got one grade from all its raters.
    """
    num_blocks, num_raters = ratings.shape
    w = _concordance(ratings.T)
    return _test(num_blocks * (num_raters - 1) * w, num_raters - 1, num_blocks)


def quadratic_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968).

    1 - Σ w O / Σ w E with w = (i - j)², O the observed and E the expected
    table of two raters: a ratio of mean squared differences, over the same
    subjects and over all pairs of subjects.

    Args:
        first: (n,) grades of one rater.
        second: (n,) grades of the other.

    Returns:
        At most 1; NaN without subjects, or where both give one same grade to
        all.
    """
    first = np.asarray(first, np.float64)
    second = np.asarray(second, np.float64)
    expected = ((first[:, None] - second[None, :]) ** 2).sum()
    if expected == 0:
        return math.nan
    observed = ((first - second) ** 2).sum() * len(first)
    return float(1 - observed / expected)


def agreement_rate(grades: np.ndarray, *, within: int) -> float:
    """Share of subjects whose grades lie within some of each other.

    Args:
        grades: (subjects, raters) integers.
        within: largest difference between two raters that still agrees.

    Returns:
        0 to 1; NaN for one rater or without subjects.
    """
    if grades.shape[0] == 0 or grades.shape[1] < 2:
        return math.nan
    return float((np.ptp(grades, axis=1) <= within).mean())


def _concordance(ratings: np.ndarray) -> float:
    """W of (objects, judges) with tie correction, or NaN."""
    n, m = ratings.shape
    if n < 2 or m < 2:
        return math.nan
    ranks = stats.rankdata(ratings, axis=0)
    ties = 0
    for judge in ratings.T:
        sizes = np.unique(judge, return_counts=True)[1].astype(np.float64)
        ties += float((sizes**3 - sizes).sum())
    possible = m**2 * (n**3 - n) - m * ties
    if possible == 0:
        return math.nan
    sums = ranks.sum(axis=1)
    return float(12 * ((sums - sums.mean()) ** 2).sum() / possible)


def _test(statistic: float, dof: int, n: int) -> ChiSquaredTest:
    if math.isnan(statistic):
        return ChiSquaredTest(math.nan, max(dof, 0), math.nan, n)
    return ChiSquaredTest(
        statistic, dof, float(stats.chi2.sf(statistic, dof)), n
    )
