import math

import pytest

from data_prep.size_classes import SizeRule
from wmh_keras.evaluation.cohort import summarize_cohort
from wmh_keras.evaluation.results import SCORE_COLUMNS
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.table import format_summary


def lines_of(results, rules=None):
    text = format_summary(summarize_cohort(results), rules or Rules())
    return {line.split()[0]: line for line in text.splitlines() if line}


def test_every_score_and_how_many_have_none(make_result):
    lines = lines_of(
        [
            make_result("a", auc=math.nan, dice=0.25),
            make_result("b", auc=math.nan, challenge_h95_mm=math.nan),
        ]
    )
    assert set(SCORE_COLUMNS) <= set(lines)
    assert lines["dice"].split()[1] == "0.3750"
    assert lines["auc"].split()[1:] == ["-"] * 5 + ["0", "2"]
    assert "subjects 2, volumes 2" in lines["subjects"]
    assert "not defined on 1 of 2 volumes" in lines["H95"]


def test_size_classes_with_their_limits(make_result):
    classes = {
        "small": {
            "reference_lesions": 4,
            "found_lesions": 3,
            "predicted_lesions": 8,
            "matched_lesions": 2,
            "dice_within": 0.125,
            "dice": 0.0625,
        }
    }
    rules = Rules(SizeRule("px_2d", 5, 9.5), 0.3, "any")
    lines = lines_of([make_result("a", classes=classes)], rules)
    assert lines["small,"].startswith("small, below 5 pixels (2-D) ")
    numbers = " ".join(lines["small,"].split()[5:])
    assert numbers == "3 of 4 0.7500 2 of 8 0.2500 0.1250 0.0625 1"
    assert lines["large,"].startswith("large, above 9.5 pixels (2-D) ")
    assert lines["medium"].split()[-3:] == ["-", "-", "0"]
    assert "found: 30 %" in lines["found:"]
    assert "right: a voxel" in lines["found:"]


def test_sites_only_where_there_are_several(make_result):
    one = [make_result("a", site="n"), make_result("b", site="n")]
    assert "site" not in lines_of(one)
    lines = lines_of([*one, make_result("c", dice=0.75)])
    assert lines["n"].split()[1:4] == ["2", "2", "0.5000"]
    assert lines["(not"].split()[2:5] == ["1", "1", "0.7500"]


def test_the_agreement_of_volumes(make_result):
    lines = lines_of(
        [
            make_result("a", reference_volume_ml=1.0, predicted_volume_ml=2.0),
            make_result("b", reference_volume_ml=3.0, predicted_volume_ml=4.0),
        ]
    )
    assert "mean 1.0000 ml" in lines["predicted"]
    assert "1.0000 to 1.0000 ml" in lines["predicted"]
    assert "2 subjects" in lines["ICC(A,1)"]


def test_one_subject_has_no_limits_of_agreement(make_result):
    lines = lines_of([make_result("a")])
    assert lines["predicted"].endswith(
        "limits of agreement need two subjects or more"
    )


@pytest.mark.parametrize("unit", ["mm3", "voxels", "mm2_2d", "px_2d"])
def test_it_stays_within_a_hundred_columns(make_result, unit):
    results = [
        make_result(
            name,
            site=f"hospital {name}",
            reference_volume_ml=1234.5 * number,
            predicted_volume_ml=987.6,
            challenge_h95_mm=math.nan,
        )
        for number, name in enumerate("abc")
    ]
    text = format_summary(
        summarize_cohort(results), Rules(SizeRule(unit, 12.5, 1234.5))
    )
    assert max(map(len, text.splitlines())) <= 100
