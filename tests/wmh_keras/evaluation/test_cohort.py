import math

import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation.cohort import summarize_cohort
from wmh_keras.evaluation.patient import (
    SCORE_COLUMNS,
    PatientResult,
    PatientScores,
    VolumeKey,
)
from wmh_keras.evaluation.table import format_summary
from wmh_keras.metrics.pixel import PixelCounts


def result(subject, session="", counts=(1, 1, 1, 1), **scores):
    values = dict.fromkeys(SCORE_COLUMNS, 0.5) | scores
    return PatientResult(
        VolumeKey(subject, session),
        PatientScores(**values),
        PixelCounts(*counts),
    )


def test_a_subject_counts_once_whatever_its_scans():
    summary = summarize_cohort(
        [
            result("a", "1", dice=0.2),
            result("a", "2", dice=0.4),
            result("b", dice=0.9),
        ]
    )
    assert summary.scores["dice"].mean == pytest.approx((0.3 + 0.9) / 2)
    assert summary.scores["dice"].n == summary.num_subjects == 2
    assert summary.num_volumes == 3


def test_nan_is_left_out_and_counted():
    nan = math.nan
    summary = summarize_cohort(
        [
            result("a", "1", challenge_h95_mm=nan),
            result("a", "2", challenge_h95_mm=4.0),
            result("b", challenge_h95_mm=nan),
            result("c", challenge_h95_mm=8.0),
        ]
    )
    h95 = summary.scores["challenge_h95_mm"]
    assert (h95.mean, h95.n, h95.n_nan) == (6, 2, 1)
    assert summary.nan_volumes["challenge_h95_mm"] == 2
    assert summary.nan_volumes["dice"] == 0


def test_pooled_dice_and_dice_of_the_means():
    summary = summarize_cohort(
        [
            result("a", counts=(90, 10, 10, 0), precision=0.9, recall=0.9),
            result("b", counts=(0, 5, 5, 0), precision=0.678, recall=0.394),
        ]
    )
    assert summary.pooled_dice == 180 / 210
    # The paper's own numbers: 0.789 and 0.647 give 0.711.
    assert summary.dice_of_means == pytest.approx(0.711, abs=5e-4)


def test_dice_of_means_without_values():
    nothing = [result("a", precision=math.nan, recall=0.0)]
    assert math.isnan(summarize_cohort(nothing).dice_of_means)
    zero = [result("a", precision=0.0, recall=0.0)]
    assert summarize_cohort(zero).dice_of_means == 0


def test_the_same_scan_twice_is_refused():
    with pytest.raises(UserError, match="subject a, session 1"):
        summarize_cohort([result("a", "1"), result("a", "1")])


def test_no_results():
    with pytest.raises(UserError, match="no volume"):
        summarize_cohort([])


def test_the_table_shows_every_score_and_how_many_have_none():
    text = format_summary(
        summarize_cohort(
            [result("a", auc=math.nan, dice=0.25), result("b", auc=math.nan)]
        )
    )
    lines = {
        line.split()[0]: line.split() for line in text.splitlines() if line
    }
    assert set(SCORE_COLUMNS) <= set(lines)
    assert lines["dice"][1] == "0.3750"
    assert lines["auc"][1:] == ["-", "-", "-", "-", "0", "2"]
    assert "subjects 2, volumes 2" in text
