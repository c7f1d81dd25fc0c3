"""What one score amounts to over a group of subjects."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95
NUM_RESAMPLES = 10_000
_RESAMPLES_AT_ONCE = 500


@dataclasses.dataclass(frozen=True)
class Summary:
    """One score over subjects.

    Attributes:
        mean, sd, median: over the subjects that have a value; `sd` is the
            sample standard deviation (n - 1).
        q1, q3: lower and upper quartile, linearly interpolated (method 7 of
            Hyndman and Fan 1996).
        ci_low, ci_high: bootstrap interval of the mean, 95 %.
        n: subjects that have a value.
        n_nan: subjects that have none, and are left out of all the rest.
    """

    mean: float
    sd: float
    median: float
    q1: float
    q3: float
    ci_low: float
    ci_high: float
    n: int
    n_nan: int


def summarize(values: Sequence[float], *, seed: int = 0) -> Summary:
    """Mean, spread and bootstrap interval of one value per subject.

    Args:
        values: one number per subject; NaN where a subject has none.
        seed: of the bootstrap. The same values and seed give the same
            interval, whatever else is summarised.

    Returns:
        The summary. Without any value all numbers are NaN; with one value
        standard deviation and interval are NaN, for one subject has none,
        and the quartiles are that value.

    Raises:
        ValueError: infinite values, or not one-dimensional.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ValueError(f"values: expected one axis, received {array.shape}")
    if np.isinf(array).any():
        raise ValueError("values: expected finite numbers or NaN, received inf")
    known = array[~np.isnan(array)]
    q1, q3 = (
        np.percentile(known, (25, 75)) if known.size else (math.nan, math.nan)
    )
    low, high = bootstrap_interval(known, seed=seed)
    return Summary(
        mean=float(known.mean()) if known.size else math.nan,
        sd=float(known.std(ddof=1)) if known.size > 1 else math.nan,
        median=float(np.median(known)) if known.size else math.nan,
        q1=float(q1),
        q3=float(q3),
        ci_low=low,
        ci_high=high,
        n=int(known.size),
        n_nan=int(array.size - known.size),
    )


def bootstrap_interval(
    values: np.ndarray,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over subjects.

    Subjects are drawn with replacement, as many as there are; the interval
    holds the middle `confidence` of the means (Efron and Tibshirani 1993,
    chapter 13).

    Args:
        values: (n,) finite, one per subject.
        seed: of the draws.
        num_resamples: how often to draw.
        confidence: the share inside the interval, between 0 and 1.

    Returns:
        Lower and upper bound; NaN and NaN for fewer than two subjects.
    """
    if not 0 < confidence < 1:
        raise ValueError(
            f"confidence: expected between 0 and 1, received {confidence}"
        )
    if len(values) < 2:
        return math.nan, math.nan
    # Sorted, so that the interval does not depend on the order of subjects.
    ordered = np.sort(values)
    generator = np.random.default_rng(seed)
    means = []
    for start in range(0, num_resamples, _RESAMPLES_AT_ONCE):
        number = min(_RESAMPLES_AT_ONCE, num_resamples - start)
        drawn = generator.integers(len(ordered), size=(number, len(ordered)))
        means.append(ordered[drawn].mean(axis=1))
    outside = (1 - confidence) / 2 * 100
    low, high = np.percentile(np.concatenate(means), [outside, 100 - outside])
    return float(low), float(high)
