"""Agreement of raters who grade the same patients."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class TestResult:
    """A test: its statistic, degrees of freedom, p value and n.

    Attributes:
        statistic: chi-squared.
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
    kendall_test: TestResult
    friedman: TestResult
    exact: float
    within_one: float
    kappa: Mapping[tuple[str, str], float]
    pair_exact: Mapping[tuple[str, str], float]


def rater_agreement(
    grades: np.ndarray, raters: tuple[str, ...]
) -> RaterAgreement:
    """All measures at once.

    Args:
        grades: (subjects, raters) integers, complete.
        raters: names of the columns.
    """
    raise NotImplementedError
