import math
import statistics

import numpy as np
import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation.cohort import summarize_cohort

NAN = math.nan


def test_a_subject_counts_once_whatever_its_scans(make_result):
    summary = summarize_cohort(
        [
            make_result("a", "1", dice=0.2),
            make_result("a", "2", dice=0.4),
            make_result("b", dice=0.9),
        ]
    )
    dice = summary.scores["dice"]
    assert dice.mean == pytest.approx((0.3 + 0.9) / 2)
    assert dice.sd == pytest.approx(statistics.stdev([0.3, 0.9]))
    # Of two values, a quarter of the way from each to the other.
    assert (dice.q1, dice.q3) == pytest.approx((0.45, 0.75))
    assert dice.n == summary.num_subjects == 2
    assert summary.num_volumes == 3


def test_nan_is_left_out_and_counted(make_result):
    summary = summarize_cohort(
        [
            make_result("a", "1", challenge_h95_mm=NAN),
            make_result("a", "2", challenge_h95_mm=4.0),
            make_result("b", challenge_h95_mm=NAN),
            make_result("c", challenge_h95_mm=8.0),
        ]
    )
    h95 = summary.scores["challenge_h95_mm"]
    assert (h95.mean, h95.n, h95.n_nan) == (6, 2, 1)
    assert summary.nan_volumes["challenge_h95_mm"] == 2
    assert summary.nan_volumes["dice"] == 0


def test_pooled_dice_and_dice_of_the_means(make_result):
    summary = summarize_cohort(
        [
            make_result("a", counts=(90, 10, 10, 0), precision=0.9, recall=0.9),
            make_result(
                "b", counts=(0, 5, 5, 0), precision=0.678, recall=0.394
            ),
        ]
    )
    assert summary.pooled_dice == 180 / 210
    # The paper's own numbers: 0.789 and 0.647 give 0.711.
    assert summary.dice_of_means == pytest.approx(0.711, abs=5e-4)


def test_dice_of_means_without_values(make_result):
    nothing = [make_result("a", precision=NAN, recall=0.0)]
    assert math.isnan(summarize_cohort(nothing).dice_of_means)
    zero = [make_result("a", precision=0.0, recall=0.0)]
    assert summarize_cohort(zero).dice_of_means == 0


def test_sites_are_groups_of_their_own_and_none_is_one_too(make_result):
    summary = summarize_cohort(
        [
            make_result("a", "1", site="south", dice=0.2),
            make_result("a", "2", site="south", dice=0.4),
            make_result("b", site="north", dice=0.9, counts=(2, 1, 1, 9)),
            make_result("c", dice=0.1),
        ]
    )
    assert list(summary.sites) == ["", "north", "south"]
    south = summary.sites["south"]
    assert (south.num_subjects, south.num_volumes) == (1, 2)
    assert south.scores["dice"].mean == pytest.approx(0.3)
    assert summary.sites["north"].pooled_dice == 4 / 6
    assert summary.sites[""].scores["dice"].n == 1


def test_size_classes_over_lesions_and_over_patients(make_result):
    def small(reference, found, predicted, matched, within, dice):
        return {
            "small": {
                "reference_lesions": reference,
                "found_lesions": found,
                "predicted_lesions": predicted,
                "matched_lesions": matched,
                "reference_volume_ml": reference / 8,
                "dice_within": within,
                "dice": dice,
                "lesion_recall": found / reference if reference else NAN,
            }
        }

    summary = summarize_cohort(
        [
            make_result("a", "1", classes=small(8, 2, 1, 1, 0.2, 0.3)),
            # This scan of the same subject has none, and one false lesion.
            make_result("a", "2", classes=small(0, 0, 1, 0, NAN, 0.0)),
            make_result("b", classes=small(2, 2, 3, 1, 0.8, 0.7)),
            make_result("c", classes=small(0, 0, 0, 0, NAN, 1.0)),
        ]
    ).classes["small"]
    assert (summary.reference_lesions, summary.found_lesions) == (10, 4)
    assert (summary.predicted_lesions, summary.matched_lesions) == (5, 2)
    assert summary.pooled_recall == 4 / 10
    assert summary.pooled_precision == 2 / 5
    assert summary.reference_volume_ml == 10 / 8
    assert summary.patients_with == 2
    recall = summary.scores["lesion_recall"]
    assert (recall.mean, recall.n, recall.n_nan) == (0.625, 2, 1)
    # Over all: a has the mean of its scans, c the Dice of two empty masks.
    assert summary.scores["dice"].mean == pytest.approx((0.15 + 0.7 + 1) / 3)
    assert summary.scores_with["dice"].mean == pytest.approx(0.5)
    assert summary.scores_with["dice"].n == 2
    assert summary.scores_with["dice_within"].mean == pytest.approx(0.5)


def test_a_class_that_nobody_has(make_result):
    large = summarize_cohort([make_result("a")]).classes["large"]
    assert math.isnan(large.pooled_recall)
    assert math.isnan(large.pooled_precision)
    assert large.patients_with == 0
    assert large.scores_with["dice"].n == 0
    assert large.scores["dice"].n == 1


def test_volumes_are_compared_by_subject(make_result):
    def scan(subject, session, reference, predicted):
        return make_result(
            subject,
            session,
            reference_volume_ml=reference,
            predicted_volume_ml=predicted,
        )

    agreement = summarize_cohort(
        [
            scan("a", "1", 1.0, 2.0),
            scan("a", "2", 3.0, 4.0),
            scan("b", "", 10.0, 11.0),
            scan("c", "", 20.0, 24.0),
        ]
    ).volume_agreement
    assert agreement.n == 3
    # Differences 1, 1 and 4 ml.
    assert agreement.bland_altman.mean_difference == pytest.approx(2)
    assert agreement.bland_altman.upper_limit == pytest.approx(
        2 + 1.96 * math.sqrt(3)
    )
    expected = np.corrcoef([2, 10, 20], [3, 11, 24])[0, 1]
    assert agreement.correlation.pearson_r == pytest.approx(expected)
    assert 0.9 < agreement.icc_a1.value < 1


def test_one_subject_has_no_spread_and_no_agreement(make_result):
    summary = summarize_cohort([make_result("a", curve=0.5)])
    assert math.isnan(summary.volume_agreement.icc_a1.value)
    assert math.isnan(summary.volume_agreement.bland_altman.sd)
    assert np.isnan(summary.mean_curves["roc"].sd).all()
    assert (summary.mean_curves["roc"].mean == 0.5).all()


def test_curves_are_averaged_by_subject(make_result):
    curves = summarize_cohort(
        [
            make_result("a", "1", curve=0.2),
            make_result("a", "2", curve=0.4),
            make_result("b", curve=0.9),
            make_result("c"),
        ]
    ).mean_curves
    for curve in curves.values():
        assert curve.mean == pytest.approx(np.full(len(curve.x), 0.6))
        assert curve.sd == pytest.approx(
            np.full(len(curve.x), statistics.stdev([0.3, 0.9]))
        )
        assert curve.n == 2
    assert summarize_cohort([make_result("a")]).mean_curves is None


def test_the_same_scan_twice_is_refused(make_result):
    with pytest.raises(UserError, match="subject a, session 1"):
        summarize_cohort([make_result("a", "1"), make_result("a", "1")])


def test_no_results():
    with pytest.raises(UserError, match="no volume"):
        summarize_cohort([])
