"""Tests between models that were measured on the same subjects."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from wmh_keras.statistics.summary import bootstrap_interval

# Differences that are equal on paper must be ties in the ranks too: in binary
# 0.3 - 0.2 and 0.2 - 0.1 are not.
_DECIMALS = 12


@dataclasses.dataclass(frozen=True)
class PairTest:
    """Two models on one score; differences are first minus second.

    Attributes:
        first, second: names.
        mean_difference: over the subjects, with its bootstrap interval.
        ci_low, ci_high: 95 %.
        wilcoxon_p: two-sided signed-rank test; 1 where all are equal.
        holm_p: the same, adjusted over the pairs within this score.
        rank_biserial: matched-pairs rank-biserial correlation, -1 to 1; 0
            where all are equal.
        cohens_dz: mean difference over its SD; NaN where the SD is 0.
        tukey_p: Tukey's HSD after the one-way ANOVA, as in the paper.
    """

    first: str
    second: str
    mean_difference: float
    ci_low: float
    ci_high: float
    wilcoxon_p: float
    holm_p: float
    rank_biserial: float
    cohens_dz: float
    tukey_p: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All models on one score.

    Attributes:
        n: subjects on which every model has a value.
        means: by model, over those subjects.
        anova_f, anova_p: one-way ANOVA, groups taken as independent, as in
            the paper; NaN where no model's values differ among subjects.
        eta_squared: its effect size, the share of the variance that lies
            between the models; NaN where no value differs.
        pairs: every pair of models.
    """

    n: int
    means: Mapping[str, float]
    anova_f: float
    anova_p: float
    eta_squared: float
    pairs: tuple[PairTest, ...]


def compare_models(
    values: Mapping[str, np.ndarray], *, seed: int = 0
) -> Comparison:
    """Tests the models against each other.

    The paired tests (Wilcoxon with Holm) are the primary ones, since every
    model is measured on the same subjects; ANOVA and Tukey's HSD take the
    models for independent groups and are here because the paper reports them.

    Args:
        values: by model, (n,) one value a subject in the same order; NaN
            where there is none. At least two models.
        seed: of the bootstrap.

    Returns:
        The tests over the subjects on which every model has a value. With
        fewer than two of those, all tests are NaN.

    Raises:
        ValueError: fewer than two models, other lengths, infinite values.
    """
    names = tuple(values)
    table = _common_rows(values)
    means = table.mean(axis=0) if len(table) else np.full(len(names), math.nan)
    pairs = list(itertools.combinations(range(len(names)), 2))
    f, p, tukey = _independent_tests(table)
    paired = [table[:, a] - table[:, b] for a, b in pairs]
    raw = [wilcoxon_p(difference) for difference in paired]
    tests = [
        PairTest(
            names[a],
            names[b],
            float(difference.mean()) if difference.size else math.nan,
            *bootstrap_interval(difference, seed=seed),
            wilcoxon_p=p_value,
            holm_p=adjusted,
            rank_biserial=rank_biserial(difference),
            cohens_dz=cohens_dz(difference),
            tukey_p=float(tukey[a, b]),
        )
        for (a, b), difference, p_value, adjusted in zip(
            pairs, paired, raw, holm(raw), strict=True
        )
    ]
    return Comparison(
        n=len(table),
        means=dict(zip(names, map(float, means), strict=True)),
        anova_f=f,
        anova_p=p,
        eta_squared=eta_squared(table),
        pairs=tuple(tests),
    )


def wilcoxon_p(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test.

    Differences of zero are left out before ranking (Wilcoxon 1945), as R and
    SPSS do; Pratt's variant would rank them. Up to 50 subjects (13 with ties
    in the differences) the p value is exact, else it is the normal
    approximation with tie and without continuity correction, as
    `scipy.stats.wilcoxon` has it.

    Args:
        differences: (n,) finite.

    Returns:
        1 where all are 0; NaN for fewer than two.
    """
    if len(differences) < 2:
        return math.nan
    differences = _without_zeros(differences)
    if not differences.size:
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def rank_biserial(differences: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014).

    The sum of the ranks in favour of the first less that in favour of the
    second, as a share of all; zeros are left out as in `wilcoxon_p`.

    Args:
        differences: (n,) finite.

    Returns:
        -1 to 1; 0 where all are 0, NaN for fewer than two.
    """
    if len(differences) < 2:
        return math.nan
    differences = _without_zeros(differences)
    if not differences.size:
        return 0.0
    ranks = stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def cohens_dz(differences: np.ndarray) -> float:
    """Mean difference over the SD of the differences (Cohen 1988, d_z).

    Args:
        differences: (n,) finite.

    Returns:
        The effect size; NaN for fewer than two, or where all are equal.
    """
    if len(differences) < 2 or np.ptp(np.round(differences, _DECIMALS)) == 0:
        return math.nan
    return float(differences.mean() / differences.std(ddof=1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p values for their number (Holm 1979, step-down Bonferroni).

    Args:
        p_values: 0 to 1; NaN is a test that was not done, which stays NaN and
            does not count.

    Returns:
        Adjusted p values in the same order, at most 1.
    """
    adjusted = [math.nan] * len(p_values)
    order = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    order.sort(key=lambda i: p_values[i])
    largest = 0.0
    for done, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - done) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def eta_squared(table: np.ndarray) -> float:
    """Share of the variance that lies between the columns.

    Sum of squares between over total (Cohen 1988, section 8.2).

    Args:
        table: (subjects, models) finite.

    Returns:
        0 to 1; NaN for fewer than two subjects, or where no value differs.
    """
    if len(table) < 2 or np.ptp(table) == 0:
        return math.nan
    between = ((table.mean(axis=0) - table.mean()) ** 2).sum() * len(table)
    return float(between / ((table - table.mean()) ** 2).sum())


def _without_zeros(differences: np.ndarray) -> np.ndarray:
    rounded = np.round(differences, _DECIMALS)
    return rounded[rounded != 0]


def _common_rows(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """(subjects with a value in every model, models) float64."""
    if len(values) < 2:
        raise ValueError(f"values: expected two models, received {len(values)}")
    columns = [np.asarray(column, np.float64) for column in values.values()]
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or columns[0].ndim != 1:
        raise ValueError(
            "values: expected one value a subject for every model, received "
            f"the shapes {[column.shape for column in columns]}"
        )
    table = np.stack(columns, axis=1)
    if np.isinf(table).any():
        raise ValueError("values: expected finite numbers or NaN, received inf")
    return table[~np.isnan(table).any(axis=1)]


def _independent_tests(
    table: np.ndarray,
) -> tuple[float, float, np.ndarray]:
    """F and p of the one-way ANOVA, and Tukey's p values as a matrix."""
    num_models = table.shape[1]
    if len(table) < 2 or not np.ptp(table, axis=0).any():
        return math.nan, math.nan, np.full((num_models,) * 2, math.nan)
    anova = stats.f_oneway(*table.T)
    tukey = stats.tukey_hsd(*table.T)
    return float(anova.statistic), float(anova.pvalue), tukey.pvalue
