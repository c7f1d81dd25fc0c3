import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.head_to_head import (
    LOWER_IS_BETTER,
    VOLUME_ERROR,
    compare_evaluations,
)
from wmh_keras.evaluation.results import (
    ClassScores,
    EvaluationResults,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.metrics.pixel import PixelCounts

NAN = math.nan
RULES = {
    "size": {"unit": "mm3", "small_below": 20.0, "large_above": 150.0},
    "lesion_overlap": 0.4,
    "lesion_precision": "same",
    "min_lesion_mm3": 0.0,
}


def volume(subject, dice, *, session="", counts=None, classes=None, **scores):
    fields = {f.name: 0.5 for f in dataclasses.fields(PatientScores)}
    fields |= {"reference_volume_ml": 2.0, "reference_lesions": 3}
    class_fields = {f.name: 0 for f in dataclasses.fields(ClassScores)}
    return PatientResult(
        key=VolumeKey(subject, session),
        scores=PatientScores(**(fields | {"dice": dice} | scores)),
        counts=counts or PixelCounts(5, 5, 5, 85),
        classes={
            name: ClassScores(**(class_fields | (classes or {}).get(name, {})))
            for name in SIZE_CLASSES
        },
    )


def evaluation(name, volumes, **rules):
    return EvaluationResults(
        name=name,
        folder=Path("runs") / name,
        summary={
            "evaluated": {"rules": RULES | rules},
            "bootstrap": {"seed": 3},
        },
        volumes=tuple(volumes),
    )


def dices(name, values):
    return evaluation(
        name, [volume(f"p{i}", value) for i, value in enumerate(values)]
    )


def test_means_best_and_tests():
    result = compare_evaluations(
        [dices("a", [0.2, 0.4, 0.9]), dices("b", [0.1, 0.2, 0.6])]
    )
    assert result.models == ("a", "b")
    assert result.subjects == ("p0", "p1", "p2")
    dice = result.scores["dice"]
    assert dice.higher_is_better
    assert dice.best == ("a",)
    assert dice.summaries["a"].mean == pytest.approx(0.5)
    assert dice.comparison.n == 3
    (pair,) = dice.comparison.pairs
    assert pair.mean_difference == pytest.approx(0.2)
    assert pair.wilcoxon_p == pytest.approx(2 / 8)


def test_only_common_patients_decide_who_is_best():
    """Without p2, its worst one, model b would be ahead by its mean."""
    result = compare_evaluations(
        [dices("a", [0.6, 0.5, 0.1]), dices("b", [0.5, 0.4, NAN])]
    ).scores["dice"]
    assert result.summaries["a"].mean < result.summaries["b"].mean
    assert result.best == ("a",)
    assert result.comparison.n == 2
    assert result.missing_volumes == {"a": 0, "b": 1}
    assert result.summaries["b"].n_nan == 1


def test_lower_is_better_for_distances_and_volume_errors():
    names = ("challenge_h95_mm", "challenge_avd_percent")
    near = [volume(f"p{i}", 1, **dict.fromkeys(names, 2.0)) for i in range(3)]
    far = [volume(f"p{i}", 1, **dict.fromkeys(names, 9.0)) for i in range(3)]
    scores = compare_evaluations(
        [evaluation("far", far), evaluation("near", near)]
    ).scores
    assert {n for n in scores if not scores[n].higher_is_better} == (
        LOWER_IS_BETTER
    )
    for name in names:
        assert scores[name].best == ("near",)


def test_volume_error_has_no_sign():
    over = [volume(f"p{i}", 1, predicted_volume_ml=2.5) for i in range(2)]
    under = [volume(f"p{i}", 1, predicted_volume_ml=1.0) for i in range(2)]
    score = compare_evaluations(
        [evaluation("over", over), evaluation("under", under)]
    ).scores[VOLUME_ERROR]
    assert score.comparison.means == {"over": 0.5, "under": 1.0}
    assert score.best == ("over",)


def test_exact_ties_are_all_best():
    """In binary the sums of 0.1, 0.2, 0.3 and of 0.3, 0.2, 0.1 differ."""
    values = [0.1, 0.2, 0.3]
    assert np.mean(values) != np.mean(values[::-1])
    result = compare_evaluations(
        [dices("a", values), dices("b", values[::-1]), dices("c", [0.1] * 3)]
    ).scores["dice"]
    assert result.best == ("a", "b")


def test_volumes_of_a_subject_are_averaged_and_paired():
    """A scan that one model has no value on counts for neither."""
    a = [volume("p0", 0.8), volume("p0", 0.2, session="2"), volume("p1", 0.5)]
    b = [volume("p0", 0.6), volume("p0", NAN, session="2"), volume("p1", 0.4)]
    result = compare_evaluations(
        [evaluation("a", a), evaluation("b", b)]
    ).scores["dice"]
    assert result.comparison.n == 2
    assert result.comparison.means["a"] == pytest.approx((0.8 + 0.5) / 2)
    assert result.summaries["a"].mean == pytest.approx((0.5 + 0.5) / 2)
    assert result.missing_volumes == {"a": 0, "b": 1}


def test_the_order_of_rows_does_not_matter():
    values = np.random.default_rng(0).random(6)
    a, b = dices("a", values), dices("b", values**2)
    turned = dataclasses.replace(b, volumes=b.volumes[::-1])
    first = compare_evaluations([a, b])
    second = compare_evaluations([a, turned])
    assert repr(first.scores) == repr(second.scores)


def test_scores_within_classes():
    some = {
        "large": {"reference_lesions": 1, "dice_within": 0.9},
        "small": {"reference_lesions": 1, "dice_within": NAN},
    }
    rows = [volume(f"p{i}", 1, classes=some) for i in range(2)]
    scores = compare_evaluations(
        [evaluation("a", rows), evaluation("b", rows)]
    ).scores
    assert scores["dice_within_large"].comparison.means["a"] == 0.9
    assert scores["dice_within_small"].comparison is None
    assert scores["dice_within_small"].best == ()
    assert scores["dice_within_small"].missing_volumes == {"a": 2, "b": 2}
    assert "lesion_recall_medium" in scores


def test_a_class_is_compared_on_the_patients_who_have_it():
    # Where p1 has no small lesion, predicting none gives Dice 1 by policy.
    has, lacks = {"reference_lesions": 2}, {"reference_lesions": 0}
    careful, blind = [
        evaluation(
            name,
            [
                volume("p0", 1, classes={"small": has | {"dice": first}}),
                volume("p1", 1, classes={"small": lacks | {"dice": second}}),
                volume("p2", 1, classes={"small": has | {"dice": third}}),
            ],
        )
        for name, first, second, third in (
            ("careful", 0.4, 0, 0.6),
            ("blind", 0.0, 1, 0.1),
        )
    ]
    result = compare_evaluations([careful, blind]).scores["dice_small"]
    assert result.best == ("careful",)
    assert result.comparison.n == 2
    assert result.summaries["careful"].mean == pytest.approx(0.5)
    assert result.summaries["blind"].n_nan == 0
    assert result.missing_volumes == {"careful": 0, "blind": 0}


def test_one_common_patient_has_a_best_but_no_test():
    result = compare_evaluations(
        [dices("a", [0.6, 0.5]), dices("b", [0.5, NAN])]
    ).scores["dice"]
    assert result.best == ("a",)
    assert result.comparison is None


def test_other_volumes_are_named_with_their_counts():
    a = dices("a", [0.5] * 14)
    b = dices("b", [0.5] * 3)
    with pytest.raises(UserError) as caught:
        compare_evaluations([a, b])
    text = str(caught.value)
    assert "only in a (runs/a), 11 of 14 volumes: subject p3;" in text
    assert "subject p12; and 1 more" in text
    assert "only in b" not in text
    with pytest.raises(UserError, match=r"only in c .*, 1 of 1 .*session 2"):
        compare_evaluations(
            [b, evaluation("c", [volume("p0", 1, session="2")])]
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"reference_lesions": 4},
        {"reference_volume_ml": 2.001},
        {"counts": PixelCounts(5, 5, 6, 84)},
        # More of the reference is label 2.
        {"counts": PixelCounts(5, 5, 5, 80)},
    ],
)
def test_other_references_are_named(changed):
    a = evaluation("a", [volume("p0", 1), volume("p1", 1)])
    b = evaluation("b", [volume("p0", 1), volume("p1", 1, **changed)])
    with pytest.raises(UserError, match=r"1 of 2 volumes\n  subject p1 \("):
        compare_evaluations([a, b])


def test_rounded_spacings_are_the_same_reference():
    a = evaluation("a", [volume("p0", 1)])
    b = evaluation("b", [volume("p0", 1, reference_volume_ml=2.000001)])
    assert compare_evaluations([a, b]).subjects == ("p0",)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"lesion_overlap": 0.5}, "lesion_overlap: a has 0.4, b has 0.5"),
        ({"lesion_precision": "any"}, "b has any"),
        ({"size": RULES["size"] | {"unit": "voxels"}}, "b has unit voxels"),
    ],
)
def test_other_rules_are_named(rules, words):
    rows = [volume("p0", 1)]
    with pytest.raises(UserError, match=words):
        compare_evaluations(
            [evaluation("a", rows), evaluation("b", rows, **rules)]
        )


def test_the_smallest_lesion_that_is_kept_belongs_to_the_model():
    rows = [volume("p0", 1)]
    other = evaluation("b", rows, min_lesion_mm3=5.0)
    assert compare_evaluations([evaluation("a", rows), other]).models == (
        "a",
        "b",
    )


def test_names_are_told_apart():
    with pytest.raises(UserError, match="'a' 2 times"):
        compare_evaluations([dices("a", [1]), dices("a", [1])])


def test_a_volume_twice():
    rows = [volume("p0", 1), volume("p0", 1)]
    with pytest.raises(UserError, match="subject p0 more than once"):
        compare_evaluations([evaluation("a", rows), evaluation("b", rows)])


def test_one_evaluation_is_misuse():
    with pytest.raises(ValueError, match="two"):
        compare_evaluations([dices("a", [1])])
