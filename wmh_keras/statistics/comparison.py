"""Tests between models that were measured on the same subjects."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class PairTest:
    """Two models on one score; differences are first minus second.

    Attributes:
        first, second: names.
        mean_difference: over the subjects, with its bootstrap interval.
        ci_low, ci_high: 95 %.
        wilcoxon_p: two-sided signed-rank test; 1 where all are equal.
        holm_p: the same, adjusted over the pairs within this score.
        rank_biserial: matched-pairs rank-biserial correlation, -1 to 1.
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
            the paper.
        eta_squared: its effect size.
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

    Args:
        values: by model, (n,) one value a subject in the same order; NaN
            where there is none.
        seed: of the bootstrap.
    """
    raise NotImplementedError
