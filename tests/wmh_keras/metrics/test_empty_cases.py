"""Every row of the table of empty cases, for every score."""

import math

import numpy as np
import pytest

from wmh_keras.metrics import (
    challenge,
    curves,
    lesion,
    pixel,
    size_class_scores,
)

NAN = math.nan
SHAPE = (6, 6, 4)
# score: (both empty, reference empty, prediction empty)
TABLE = {
    "dice": (1, 0, 0),
    "lesion_dice": (1, 0, 0),
    "lesion_accuracy": (1, 0, 0),
    "precision": (1, 0, NAN),
    "lesion_precision": (1, 0, NAN),
    "recall": (1, NAN, 0),
    "lesion_recall": (1, NAN, 0),
    "challenge_dsc": (1, 0, 0),
    "challenge_h95_mm": (0, NAN, NAN),
    "challenge_avd_percent": (0, NAN, 100),
    "challenge_lesion_recall": (1, NAN, 0),
    "challenge_lesion_f1": (1, 0, 0),
}


def all_scores(reference, prediction):
    counts = pixel.count_pixels(reference, prediction)
    lesions = lesion.lesion_scores(reference, prediction)
    official = challenge.challenge_scores(reference, prediction, (1, 1, 3))
    return {
        "dice": pixel.dice(counts),
        "precision": pixel.precision(counts),
        "recall": pixel.recall(counts),
        "lesion_dice": lesions.dice,
        "lesion_accuracy": lesions.accuracy,
        "lesion_precision": lesions.precision,
        "lesion_recall": lesions.recall,
        "challenge_dsc": official.dsc,
        "challenge_h95_mm": official.h95_mm,
        "challenge_avd_percent": official.avd_percent,
        "challenge_lesion_recall": official.lesion_recall,
        "challenge_lesion_f1": official.lesion_f1,
    }


def masks(case, other_pathology):
    reference = np.zeros(SHAPE, np.uint8)
    prediction = np.zeros(SHAPE, np.uint8)
    if case == 2:
        reference[1:3, 1:3, 1] = 1
    if case == 1:
        prediction[1:3, 1:3, 1] = 1
    if other_pathology:
        # Prediction on label 2 does not make a prediction.
        reference[4, 4, 3] = 2
        prediction[4, 4, 3] = 1
    return reference, prediction


@pytest.mark.parametrize("other_pathology", [False, True])
@pytest.mark.parametrize("case", [0, 1, 2])
def test_every_score_follows_the_table(case, other_pathology):
    scores = all_scores(*masks(case, other_pathology))
    assert scores.keys() == TABLE.keys()
    for name, value in scores.items():
        np.testing.assert_equal(value, TABLE[name][case], err_msg=name)


@pytest.mark.parametrize("case", [0, 1, 2])
def test_accuracy_is_always_defined(case):
    reference, prediction = masks(case, other_pathology=False)
    counts = pixel.count_pixels(reference, prediction)
    wrong = 4 if case else 0
    assert pixel.accuracy(counts) == 1 - wrong / reference.size


def test_accuracy_is_defined_where_label_2_is_everywhere():
    reference = np.full(SHAPE, 2, np.uint8)
    counts = pixel.count_pixels(reference, np.ones(SHAPE, np.uint8))
    assert counts == pixel.PixelCounts(0, 0, 0, 0)
    assert pixel.accuracy(counts) == 1


def test_auc_needs_both_classes_and_no_prediction():
    empty = np.zeros(SHAPE, np.uint8)
    probability = np.linspace(0, 1, empty.size).reshape(SHAPE)
    full = np.ones(SHAPE, np.uint8)
    assert math.isnan(curves.score_curves(empty, probability).auc)
    assert math.isnan(curves.score_curves(full, probability).auc)
    # An empty prediction still has probabilities, all of them equal here.
    reference, _ = masks(2, other_pathology=True)
    level = curves.score_curves(reference, np.zeros(SHAPE, np.float32))
    assert level.auc == 0.5


@pytest.mark.parametrize("case", [0, 1, 2])
def test_curves_follow_the_table(case):
    reference, prediction = masks(case, other_pathology=True)
    scores = curves.score_curves(reference, prediction.astype(np.float32))
    if case < 2:
        assert math.isnan(scores.auc)
        assert math.isnan(scores.average_precision)
    else:
        # Nothing predicted but label 2: every voxel ties.
        assert scores.auc == 0.5
        assert scores.average_precision == 4 / (reference.size - 1)


@pytest.mark.parametrize("other_pathology", [False, True])
@pytest.mark.parametrize("case", [0, 1, 2])
def test_classes_follow_the_table(case, other_pathology):
    matching = lesion.match_lesions(*masks(case, other_pathology))
    first, second = size_class_scores.score_classes(
        matching,
        np.zeros(matching.reference.count, int),
        np.zeros(matching.predicted.count, int),
        num_classes=2,
    )
    for name in ("dice", "lesion_recall", "lesion_precision", "lesion_dice"):
        row = TABLE[name]
        np.testing.assert_equal(getattr(first, name), row[case], err_msg=name)
        assert getattr(second, name) == 1  # empty in both
    np.testing.assert_equal(first.dice_within, 0 if case == 2 else NAN)
    assert math.isnan(second.dice_within)


def test_both_wrong_but_not_empty_gives_zero():
    reference, prediction = masks(2, False)[0], masks(0, False)[1]
    prediction[5, 5, 0] = 1
    scores = all_scores(reference, prediction)
    for name in TABLE:
        if name not in ("challenge_h95_mm", "challenge_avd_percent"):
            assert scores[name] == 0, name
    assert scores["challenge_avd_percent"] == 75  # 1 voxel against 4
