"""One volume: hand-made lesions, grids and orientations."""

import math

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.size_classes import SizeRule
from data_prep.volume import Volume
from wmh_keras.evaluation.patient import as_counted, evaluate_patient
from wmh_keras.evaluation.results import COLUMNS
from wmh_keras.evaluation.rows import patient_rows
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.volume_key import VolumeKey

KEY = VolumeKey("01", "1", "2", "north")


def volume(data, spacing=(1.0, 1.0, 5.0)):
    return Volume(np.asarray(data, np.uint8), np.diag([*spacing, 1.0]))


@pytest.fixture
def masks():
    """A reference and a prediction of three lesions each, and label 2."""
    reference = np.zeros((20, 16, 8), np.uint8)
    prediction = reference.copy()
    reference[2:6, 2:6, 2] = 1  # 16 voxels, half found
    prediction[2:6, 2:4, 2] = 1
    reference[10:12, 2:4, 4] = 1  # 4 voxels, wholly found
    prediction[10:12, 2:4, 4] = 1
    reference[15, 12, 6] = 1  # missed
    prediction[2, 12, 6] = 1  # wrong
    reference[10:14, 10:14, 1] = 2
    prediction[10:14, 10:14, 1] = 1
    return volume(reference), prediction


def row_of(*arguments, **options):
    return dict(
        next(patient_rows(evaluate_patient(KEY, *arguments, **options)))
    )


def test_the_columns_are_the_ones_that_are_promised():
    assert (
        ",".join(COLUMNS)
        == "subject_id,session,run,site,dice,precision,recall,accuracy,auc,"
        "average_precision,"
        "lesion_recall,lesion_precision,lesion_dice,lesion_accuracy,"
        "challenge_dsc,challenge_h95_mm,challenge_avd_percent,"
        "challenge_lesion_recall,challenge_lesion_f1,reference_volume_ml,"
        "predicted_volume_ml,reference_lesions,predicted_lesions,tp,fp,fn,tn"
    )


def test_a_row_by_hand(masks):
    row = row_of(*masks)
    assert tuple(row) == COLUMNS
    assert (row["subject_id"], row["site"]) == ("01", "north")
    assert row["dice"] == 2 * 12 / (21 + 13) == row["challenge_dsc"]
    assert row["precision"] == 12 / 13
    assert row["recall"] == 12 / 21
    assert row["accuracy"] == 1 - 10 / (20 * 16 * 8 - 16)
    assert math.isnan(row["auc"])
    assert math.isnan(row["average_precision"])
    assert row["lesion_recall"] == row["lesion_precision"] == 2 / 3
    assert row["lesion_accuracy"] == 2 / 4
    assert row["challenge_lesion_recall"] == 2 / 3
    assert row["challenge_avd_percent"] == pytest.approx(800 / 21)
    assert row["reference_volume_ml"] == pytest.approx(21 * 5 / 1000)
    assert row["predicted_volume_ml"] == pytest.approx(13 * 5 / 1000)
    assert (row["reference_lesions"], row["predicted_lesions"]) == (3, 3)
    assert (row["tp"], row["fp"], row["fn"]) == (12, 1, 9)
    assert row["tn"] == 20 * 16 * 8 - 16 - 12 - 1 - 9


def test_size_classes_by_hand(masks):
    """Reference 80, 20 and 5 mm³; predicted 40, 20 and 5 mm³."""
    rules = Rules(SizeRule("mm3", 20, 50))
    classes = evaluate_patient(KEY, *masks, rules=rules).classes
    assert list(classes) == ["small", "medium", "large"]
    small, medium, large = classes.values()
    assert (small.reference_lesions, small.found_lesions) == (1, 0)
    assert (small.predicted_lesions, small.matched_lesions) == (1, 0)
    assert (small.dice_within, small.dice) == (0, 0)
    assert medium.reference_lesions == medium.found_lesions == 1
    assert medium.predicted_lesions == medium.matched_lesions == 2
    assert medium.dice_within == medium.dice == 1
    assert medium.reference_volume_ml == pytest.approx(0.020)
    assert medium.predicted_volume_ml == pytest.approx(0.060)
    assert (large.reference_lesions, large.predicted_lesions) == (1, 0)
    assert large.found_lesions == 1
    assert large.dice_within == large.dice == 2 * 8 / (8 + 16)
    assert large.lesion_recall == 1
    assert math.isnan(large.lesion_precision)


def test_lesions_by_hand(masks):
    reference, prediction = masks
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    affine[:3, 3] = -10, 0, 7
    head = np.zeros(reference.shape, np.float32)
    head[4:17, 2:14] = 100  # its middle is at voxel 10: x = 0 mm
    flair = Volume(head, affine)
    lesions = evaluate_patient(
        KEY, flair.with_data(reference.data), prediction, flair=flair
    ).lesions
    assert [(found.mask, found.id) for found in lesions] == [
        ("reference", 1),
        ("reference", 2),
        ("reference", 3),
        ("predicted", 1),
        ("predicted", 2),
        ("predicted", 3),
    ]
    first, second, third = lesions[:3]
    assert first.centroid_mm == pytest.approx((3.5 - 10, 3.5, 2 * 5 + 7))
    assert (first.voxels, first.size) == (16, 80)
    assert first.volume_mm3 == pytest.approx(80)
    assert (first.size_class, first.side) == ("medium", "left")
    assert (first.overlap, first.found, first.touches) == (0.5, True, (1,))
    # x = 0 and 1 mm: half of it is not beyond the middle.
    assert (second.side, second.overlap) == ("both", 1)
    assert (third.side, third.found, third.touches) == ("right", False, ())
    assert third.size_class == "small"
    assert lesions[3].overlap == 1, "the smaller prediction lies within"
    assert lesions[5].found is False


def test_without_an_image_the_sides_are_open(masks):
    lesions = evaluate_patient(KEY, *masks).lesions
    assert {lesion.side for lesion in lesions} == {""}


def test_lesions_that_touch_several(masks):
    reference = np.zeros((20, 16, 8), np.uint8)
    reference[2:4, 2, 2] = reference[6:12, 2, 2] = 1
    prediction = np.zeros_like(reference)
    prediction[2:12, 2, 2] = 1
    lesions = evaluate_patient(KEY, volume(reference), prediction).lesions
    assert [found.voxels for found in lesions] == [6, 2, 10]
    assert [found.touches for found in lesions] == [(1,), (1,), (1, 2)]
    assert lesions[2].overlap == 0.8


@pytest.mark.parametrize(
    ("rules", "recall", "precision"),
    [
        (Rules(), 2 / 3, 2 / 3),
        (Rules(lesion_overlap=0.5), 2 / 3, 2 / 3),
        (Rules(lesion_overlap=0.51), 1 / 3, 2 / 3),
        (Rules(lesion_overlap=1.0), 1 / 3, 2 / 3),
    ],
)
def test_the_overlap_that_finds_a_lesion(masks, rules, recall, precision):
    scores = evaluate_patient(KEY, *masks, rules=rules).scores
    assert (scores.lesion_recall, scores.lesion_precision) == (
        recall,
        precision,
    )
    assert scores.challenge_lesion_recall == 2 / 3, "always any overlap"


def test_the_precision_rule(masks):
    reference, _ = masks
    prediction = np.zeros(reference.shape, np.uint8)
    prediction[5:15, 5, 2] = 1  # one voxel of ten is reference
    options = {
        name: evaluate_patient(
            KEY, reference, prediction, rules=Rules(lesion_precision=name)
        )
        for name in ("same", "any")
    }
    assert options["same"].scores.lesion_precision == 0
    assert options["any"].scores.lesion_precision == 1
    assert options["any"].classes["medium"].matched_lesions == 1
    assert options["any"].lesions[-1].found
    for result in options.values():
        assert result.scores.lesion_recall == 0
        assert result.scores.challenge_lesion_recall == 1 / 3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_2d_units_count_components_within_axial_slices(order):
    reference = np.zeros((20, 16, 8), np.uint8)
    reference[2:5, 2:4, 1:4] = 1  # 3 slices of 6 pixels, one 3-D lesion
    reference[10, 10, 4] = reference[11, 11, 4] = 1  # joined by a corner
    reference[15, 5, 5] = reference[16, 6, 6] = 1  # over slices: two
    prediction = np.zeros_like(reference)
    prediction[2:5, 2:4, 1] = 1
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for stored, axis in enumerate(order):
        affine[axis, stored] = (1.0, 2.0, 5.0)[axis]
    stored = Volume(reference.transpose(order), affine)
    results = {
        unit: evaluate_patient(
            KEY,
            stored,
            prediction.transpose(order),
            rules=Rules(SizeRule(unit, 3, 8)),
        )
        for unit in ("px_2d", "mm2_2d", "voxels")
    }
    pixels, mm2, voxels = results.values()
    assert [found.size for found in pixels.lesions] == [6, 6, 6, 2, 1, 1, 6]
    assert [found.size for found in mm2.lesions] == [12, 12, 12, 4, 2, 2, 12]
    assert [found.size for found in voxels.lesions] == [18, 2, 2, 6]
    assert pixels.lesions[0].volume_mm3 == pytest.approx(60)
    assert pixels.scores.lesion_recall == 1 / 6
    assert voxels.scores.lesion_recall == 0
    assert pixels.classes["medium"].found_lesions == 1
    assert pixels.classes["small"].reference_lesions == 3
    assert mm2.classes["large"].reference_lesions == 3
    for result in results.values():
        assert result.scores.challenge_lesion_recall == 1 / 3


def test_curves_and_both_areas(masks):
    reference, prediction = masks
    probability = prediction * np.float32(0.75)
    result = evaluate_patient(KEY, reference, prediction, probability)
    false_alarm = 1 / (20 * 16 * 8 - 16 - 21)
    # Two corners: all that is predicted, then everything.
    recall = 12 / 21
    assert result.scores.auc == pytest.approx(
        1 - false_alarm * recall / 2 - (1 - recall) * (1 + false_alarm) / 2
    )
    assert result.scores.average_precision == pytest.approx(
        recall * 12 / 13 + (1 - recall) * 21 / (20 * 16 * 8 - 16)
    )
    assert result.curves.tpr[-1] == 1
    assert result.curves.precision[50] == 12 / 13


def test_empty_masks(masks):
    reference, prediction = masks
    nothing = np.zeros_like(prediction)
    other = reference.with_data(np.where(reference.data == 2, 2, 0))
    probability = prediction.astype(np.float32)
    both = evaluate_patient(KEY, other, nothing, probability)
    assert both.scores.dice == both.scores.lesion_precision == 1
    assert both.scores.challenge_h95_mm == 0
    assert math.isnan(both.scores.auc)
    assert math.isnan(both.scores.average_precision)
    assert both.curves is None
    assert both.lesions == ()
    assert both.classes["small"].dice == 1
    assert math.isnan(both.classes["small"].dice_within)
    missed = evaluate_patient(KEY, reference, nothing, probability)
    assert missed.scores.dice == missed.scores.recall == 0
    assert math.isnan(missed.scores.precision)
    assert math.isnan(missed.scores.challenge_h95_mm)
    assert missed.scores.auc > 0.5
    assert missed.curves is not None
    assert len(missed.lesions) == 3
    false = evaluate_patient(KEY, other, prediction)
    assert false.scores.precision == 0
    assert math.isnan(false.scores.recall)
    assert not any(lesion.found for lesion in false.lesions)


def test_small_predictions_are_removed_but_not_from_the_curve(masks):
    reference, prediction = masks
    probability = prediction.astype(np.float32)
    whole = evaluate_patient(KEY, reference, prediction, probability)
    # The wrong voxel is 5 mm³, the smallest true lesion 20 mm³.
    result = evaluate_patient(
        KEY,
        reference,
        prediction,
        probability,
        rules=Rules(min_lesion_mm3=20.0),
    )
    assert result.scores.predicted_lesions == 2
    assert result.scores.precision == 1
    assert result.scores.lesion_precision == 1
    assert result.scores.auc == whole.scores.auc
    assert [x.mask for x in result.lesions].count("predicted") == 2
    assert result.scores.reference_lesions == 3
    assert prediction[2, 12, 6] == 1, "the caller's mask is left as it was"


@pytest.mark.parametrize(
    ("axes", "flips"),
    [((0, 1, 2), (1, -1, 1)), ((2, 0, 1), (-1, 1, 1)), ((1, 2, 0), (1, 1, -1))],
)
def test_the_way_a_file_is_stored_does_not_matter(masks, axes, flips):
    reference, prediction = masks
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for stored, axis in enumerate(axes):
        affine[axis, stored] = reference.spacing_mm[axis] * flips[stored]
    order = tuple(slice(None, None, flip) for flip in flips)
    stored_reference = Volume(
        np.ascontiguousarray(reference.data.transpose(axes)[order]), affine
    )
    stored_prediction = prediction.transpose(axes)[order]
    expected = row_of(reference, prediction)
    for name, value in row_of(stored_reference, stored_prediction).items():
        np.testing.assert_equal(value, expected[name], err_msg=name)


def test_units_other_than_mm(masks):
    reference, prediction = masks
    in_metres = Volume(
        reference.data,
        np.diag([0.001, 0.001, 0.005, 1.0]),
        space_unit="meter",
    )
    one = evaluate_patient(KEY, reference, prediction).scores
    other = evaluate_patient(KEY, in_metres, prediction).scores
    assert other.challenge_h95_mm == pytest.approx(one.challenge_h95_mm)
    assert other.reference_volume_ml == pytest.approx(one.reference_volume_ml)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": np.zeros((3, 3, 3), np.uint8)}, "shape"),
        ({"prediction": np.full((20, 16, 8), 255, np.uint8)}, "0 to 1"),
        ({"probability": np.full((20, 16, 8), np.nan)}, "NaN"),
        ({"probability": np.full((20, 16, 8), 1.5)}, "0 to 1"),
    ],
)
@pytest.mark.parametrize("min_lesion_mm3", [0.0, 10.0])
def test_what_cannot_be_scored_names_the_subject(
    masks, change, message, min_lesion_mm3
):
    arguments = {"prediction": masks[1], **change}
    with pytest.raises(UserError, match=f"subject 01, session 1.*{message}"):
        evaluate_patient(
            KEY,
            masks[0],
            **arguments,
            rules=Rules(min_lesion_mm3=min_lesion_mm3),
        )


def test_an_image_on_another_grid_is_refused(masks):
    reference, prediction = masks
    flair = Volume(
        np.ones(reference.shape, np.float32), np.diag([2.0, 1.0, 5.0, 1.0])
    )
    with pytest.raises(UserError, match=r"subject 01.*another grid"):
        evaluate_patient(KEY, reference, prediction, flair=flair)


def test_small_lesions_are_judged_before_label_2_cuts_them(masks):
    reference, _ = masks
    prediction = np.zeros(reference.shape, np.uint8)
    prediction[9:13, 11, 1] = 1  # 20 mm³, one voxel of it outside label 2
    counted = as_counted(reference, prediction, Rules(min_lesion_mm3=20.0))
    assert counted.sum() == 1
    counted = as_counted(reference, prediction, Rules(min_lesion_mm3=21.0))
    assert counted.sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lesion_overlap": 0.0}, "lesion_overlap"),
        ({"lesion_overlap": 1.1}, "lesion_overlap"),
        ({"lesion_overlap": math.nan}, "lesion_overlap"),
        ({"lesion_precision": "all"}, "lesion_precision"),
        ({"min_lesion_mm3": -1.0}, "min_lesion_mm3"),
    ],
)
def test_rules_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        Rules(**change)
