import math

import pytest

from wmh_keras.reporting.tables import formats
from wmh_keras.statistics.summary import summarize


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.001, "0.001"),
        (0.0123, "0.012"),
        (0.04999, "0.0499"),
        (0.05, "0.050"),
        (0.0504, "0.050"),
        (0.605, "0.605"),
        (0.9995, "> 0.999"),
        (1.0, "> 0.999"),
        (math.nan, "–"),
    ],
)
def test_p_values_are_printed_as_in_journals(p, text):
    assert formats.p_value(p) == text


def test_p_in_a_sentence():
    assert formats.p_equals(0.0001) == "p < 0.001"
    assert formats.p_equals(0.605) == "p = 0.605"


def test_numbers():
    assert formats.number(-0.0001) == "0.000"
    assert formats.number(0.71149, 3) == "0.711"
    assert formats.number(math.nan) == "–"
    assert formats.percent(84 / 90) == "93.3 %"
    assert formats.part_of(84, 90) == "84/90 (93.3 %)"
    assert formats.part_of(0, 0) == "0/0"
    assert formats.interval(math.nan, 1) == "–"
    assert formats.known(None) != formats.known(None)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.99998, 4, "> 0.9999"),
        (0.99994, 4, "0.9999"),
        (0.9996, 3, "> 0.999"),
        (0.9994, 3, "0.999"),
        (1.0, 4, "1.0000"),
        (1 - 1e-15, 4, "1.0000"),  # 1, but for rounding
        (1.00002, 4, "1.0000"),
        (-0.99998, 4, "-1.0000"),
        (0.998, 2, "1.00"),  # millilitres
        (0.97, 1, "1.0"),
    ],
)
def test_a_score_below_1_is_not_printed_as_1(value, decimals, text):
    assert formats.number(value, decimals) == text


def test_a_mean_below_1_with_spread_and_interval():
    summary = summarize([0.99999, 0.9999, 0.99999])
    mean, bounds = formats.mean_sd_interval(summary, 4).split("\n")
    assert mean == "> 0.9999 ± 0.0001"
    assert bounds == "[0.9999, > 0.9999]"


def test_a_single_value_has_no_spread():
    summary = summarize([0.5])
    assert formats.mean_sd_interval(summary) == "0.500"
    assert formats.mean_sd(summarize([])) == "–"


def test_words():
    assert formats.plural(1, "patient") == "1 patient"
    assert formats.plural(1156, "patient") == "1,156 patients"
    assert formats.joined(["a"]) == "a"
    assert formats.joined(list("abc")) == "a, b and c"
