"""Agreement of two or more measurements of the same quantity."""

import dataclasses
import math

import numpy as np
from scipy import stats

from wmh_keras.statistics.summary import CONFIDENCE

_LIMITS = 1.96
_TAIL = (1 - CONFIDENCE) / 2


@dataclasses.dataclass(frozen=True)
class BlandAltman:
    """How far two measurements of the same subjects lie apart.

    Differences are other minus reference, in the unit of the measurements.
    The intervals are of 95 %.

    Attributes:
        n: subjects.
        mean_difference: the bias; NaN without subjects.
        sd: of the differences (n - 1); NaN for fewer than two subjects, as
            all that follows.
        lower_limit, upper_limit: mean difference -/+ 1.96 SD.
        mean_ci_low, mean_ci_high: interval of the bias.
        lower_ci_low, lower_ci_high: interval of the lower limit.
        upper_ci_low, upper_ci_high: interval of the upper limit.
    """

    n: int
    mean_difference: float
    sd: float
    lower_limit: float
    upper_limit: float
    mean_ci_low: float
    mean_ci_high: float
    lower_ci_low: float
    lower_ci_high: float
    upper_ci_low: float
    upper_ci_high: float


@dataclasses.dataclass(frozen=True)
class Icc:
    """An intraclass correlation.

    Attributes:
        value: at most 1; may be negative.
        ci_low, ci_high: 95 %.
        n: subjects.
    """

    value: float
    ci_low: float
    ci_high: float
    n: int


@dataclasses.dataclass(frozen=True)
class Correlation:
    """How far two measurements rise together.

    Attributes:
        n: subjects.
        pearson_r: -1 to 1.
        ci_low, ci_high: of Pearson's r, 95 %.
        spearman_rho: Pearson's r of the ranks, ties averaged.
    """

    n: int
    pearson_r: float
    ci_low: float
    ci_high: float
    spearman_rho: float


def bland_altman(reference: np.ndarray, other: np.ndarray) -> BlandAltman:
    """Bias and limits of agreement.

    The limits are those of Bland and Altman, Lancet 1986;1:307-310. A bias
    has the standard error SD / sqrt(n), a limit SD sqrt(1 / n +
    1.96² / (2 (n - 1))), which their 1986 paper rounds to SD sqrt(3 / n) (the
    same, Stat Methods Med Res 1999;8:135-160, section 2.3); both intervals
    are by Student's t with n - 1 degrees of freedom.

    Args:
        reference: (n,) finite.
        other: (n,) finite, in the same unit and order.

    Returns:
        Other minus reference; NaN where too few subjects are there.

    Raises:
        ValueError: not one finite value each for the same subjects.
    """
    reference, other = _paired(reference, other)
    difference = other - reference
    n = len(difference)
    if n < 2:
        mean = float(difference[0]) if n else math.nan
        return BlandAltman(n, mean, *[math.nan] * 9)
    mean = float(difference.mean())
    sd = float(difference.std(ddof=1))
    lower, upper = mean - _LIMITS * sd, mean + _LIMITS * sd
    t = float(stats.t.ppf(1 - _TAIL, n - 1))
    of_mean = t * sd / math.sqrt(n)
    of_limit = t * sd * math.sqrt(1 / n + _LIMITS**2 / (2 * (n - 1)))
    return BlandAltman(
        n=n,
        mean_difference=mean,
        sd=sd,
        lower_limit=lower,
        upper_limit=upper,
        mean_ci_low=mean - of_mean,
        mean_ci_high=mean + of_mean,
        lower_ci_low=lower - of_limit,
        lower_ci_high=lower + of_limit,
        upper_ci_low=upper - of_limit,
        upper_ci_high=upper + of_limit,
    )


def icc_a1(ratings: np.ndarray) -> Icc:
    """ICC(A,1): two-way model, absolute agreement, a single measurement.

    McGraw and Wong, Psychological Methods 1996;1:30-46, tables 4 and 7: value
    (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n) of the mean squares
    of subjects R, columns C and the rest E, the interval by the F
    distribution with Satterthwaite's degrees of freedom. The same number as
    ICC(2,1) of Shrout and Fleiss 1979.

    Args:
        ratings: (n, k) finite; a row is a subject, a column a rater or
            method.

    Returns:
        The correlation. NaN where fewer than two subjects or columns are
        there, or no value differs from another.

    Raises:
        ValueError: not a table of finite numbers.
    """
    ratings = np.asarray(ratings, np.float64)
    if ratings.ndim != 2:
        raise ValueError(
            "ratings: expected (subjects, columns), "
            f"received the shape {ratings.shape}"
        )
    if not np.isfinite(ratings).all():
        raise ValueError("ratings: expected finite numbers in every place")
    n, k = ratings.shape
    if n < 2 or k < 2 or np.ptp(ratings) == 0:
        return Icc(math.nan, math.nan, math.nan, n)
    msr, msc, mse = _mean_squares(ratings)
    total = msr + (k - 1) * mse + k / n * (msc - mse)
    # Two subjects can have mean squares that cancel.
    value = (msr - mse) / total if total > 0 else math.nan
    return Icc(value, *_icc_interval(value, msr, msc, mse, n, k), n)


def correlation(x: np.ndarray, y: np.ndarray) -> Correlation:
    """Pearson's r with Fisher's z interval, and Spearman's rho.

    Fisher, Metron 1921;1:3-32: atanh(r) has the standard error
    1 / sqrt(n - 3).

    Args:
        x: (n,) finite.
        y: (n,) finite, in the same order.

    Returns:
        The correlations; NaN where one of the two does not vary, and the
        interval also for fewer than four subjects.

    Raises:
        ValueError: not one finite value each for the same subjects.
    """
    x, y = _paired(x, y)
    n = len(x)
    if n < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(n, math.nan, math.nan, math.nan, math.nan)
    r = _pearson(x, y)
    low = high = math.nan
    if n > 3:
        half = stats.norm.ppf(1 - _TAIL) / math.sqrt(n - 3)
        # A perfect correlation has no z; its interval is itself.
        low = high = r
        if abs(r) < 1:
            low = math.tanh(math.atanh(r) - half)
            high = math.tanh(math.atanh(r) + half)
    rho = _pearson(stats.rankdata(x), stats.rankdata(y))
    return Correlation(n, r, low, high, rho)


def _paired(
    first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    first = np.asarray(first, np.float64)
    second = np.asarray(second, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            "expected two rows of the same length, received the shapes "
            f"{first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("expected finite numbers in every place")
    return first, second


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def _mean_squares(ratings: np.ndarray) -> tuple[float, float, float]:
    """Of rows, columns and the rest of a two-way table without repeats."""
    n, k = ratings.shape
    mean = ratings.mean()
    rows = ratings.mean(axis=1, keepdims=True)
    columns = ratings.mean(axis=0, keepdims=True)
    rest = ratings - rows - columns + mean
    return (
        float(k * ((rows - mean) ** 2).sum() / (n - 1)),
        float(n * ((columns - mean) ** 2).sum() / (k - 1)),
        float((rest**2).sum() / ((n - 1) * (k - 1))),
    )


def _icc_interval(
    value: float, msr: float, msc: float, mse: float, n: int, k: int
) -> tuple[float, float]:
    if math.isnan(value):
        return math.nan, math.nan
    if value == 1:
        return 1.0, 1.0
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    spread = (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
    if spread == 0:
        return math.nan, math.nan
    dof = (a * msc + b * mse) ** 2 / spread
    f_low = float(stats.f.ppf(1 - _TAIL, n - 1, dof))
    f_high = float(stats.f.ppf(1 - _TAIL, dof, n - 1))
    others = k * msc + (k * n - k - n) * mse
    return (
        n * (msr - f_low * mse) / (f_low * others + n * msr),
        n * (f_high * msr - mse) / (others + n * f_high * msr),
    )
