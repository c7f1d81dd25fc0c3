"""Numbers as journals print them. NaN and None are an en dash."""

import math
from collections.abc import Mapping
from typing import Any

from wmh_keras.statistics.summary import Summary

UNKNOWN = "–"
_NUMBERS = ("mean", "sd", "median", "q1", "q3", "ci_low", "ci_high")
# What summary.json says of a score, as columns of a table's CSV.
SUMMARY_COLUMNS = (*_NUMBERS, "n", "n_nan", "nan_volumes")
_SIGNIFICANT = 0.05
# Scores up to 1 have as many decimals or more; what has a unit and goes on
# beyond 1 (ml, mm, %) has fewer.
_SCORE_DECIMALS = 3
# What differs from 1 by less is 1, computed in another order.
_ROUNDING = 1e-12


def known(value: object) -> float:
    """A number of a JSON file, in which null stands for NaN."""
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def summary_from(block: Mapping[str, Any]) -> Summary:
    """The summary of a score out of summary.json."""
    numbers = {name: known(block[name]) for name in _NUMBERS}
    return Summary(**numbers, n=int(block["n"]), n_nan=int(block["n_nan"]))


def number(value: float, decimals: int = 3) -> str:
    """A number with a fixed number of decimals, never "-0.000".

    A score just below 1 is not printed as if nothing were wrong: 0.99998 with
    four decimals is "> 0.9999". Numbers with one or two decimals, which may
    have a unit, are rounded as usual.
    """
    if not math.isfinite(value):
        return UNKNOWN
    # Adding 0 turns the -0.0 of rounding into 0.0.
    rounded = round(value, decimals) + 0.0
    if decimals >= _SCORE_DECIMALS and rounded == 1 and value < 1 - _ROUNDING:
        return f"> {1 - 10**-decimals:.{decimals}f}"
    return f"{rounded:.{decimals}f}"


def percent(share: float, decimals: int = 1) -> str:
    """A share of 0 to 1 as percent."""
    if not math.isfinite(share):
        return UNKNOWN
    return f"{number(100 * share, decimals)} %"


def part_of(part: float, whole: float) -> str:
    """Such as "12/16 (75.0 %)"; "0/0" where there is none."""
    if not whole:
        return f"{part:g}/{whole:g}"
    return f"{part:,.0f}/{whole:,.0f} ({percent(part / whole)})"


def p_value(p: float) -> str:
    """A p value: "< 0.001", else three decimals.

    A value below 0.05 that rounds to 0.050 gets a fourth one, so that it is
    seen on which side it lies.
    """
    if not math.isfinite(p):
        return UNKNOWN
    if p < 0.001:
        return "< 0.001"
    if p > 0.999:
        return "> 0.999"
    if p < _SIGNIFICANT and f"{p:.3f}" == "0.050":
        # Cut, not rounded: 0.04999 is not 0.0500.
        return f"{math.floor(p * 10_000) / 10_000:.4f}"
    return f"{p:.3f}"


def p_equals(p: float) -> str:
    """A p value in a sentence: "p < 0.001", "p = 0.012"."""
    text = p_value(p)
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def interval(low: float, high: float, decimals: int = 3) -> str:
    """Such as "[0.648, 0.801]"."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return UNKNOWN
    return f"[{number(low, decimals)}, {number(high, decimals)}]"


def mean_sd(summary: Summary, decimals: int = 3) -> str:
    """Such as "0.711 ± 0.120"; without ± for a single value."""
    text = number(summary.mean, decimals)
    if math.isfinite(summary.sd):
        text += f" ± {number(summary.sd, decimals)}"
    return text


def mean_sd_interval(summary: Summary, decimals: int = 3) -> str:
    """The mean ± SD, and on a second line its interval."""
    text = mean_sd(summary, decimals)
    if math.isfinite(summary.ci_low):
        text += f"\n{interval(summary.ci_low, summary.ci_high, decimals)}"
    return text


def plural(count: int, noun: str) -> str:
    """Such as "1 patient", "1,156 patients"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def joined(texts: list[str]) -> str:
    """Texts as a sentence has them: "a, b and c"."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
