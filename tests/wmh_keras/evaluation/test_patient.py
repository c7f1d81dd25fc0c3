"""One volume: hand-made lesions, grids and orientations."""

import math

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.volume import Volume
from wmh_keras.evaluation.patient import (
    COLUMNS,
    VolumeKey,
    evaluate_patient,
)

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


def test_the_columns_are_the_ones_that_are_promised():
    assert (
        ",".join(COLUMNS)
        == "subject_id,session,run,site,dice,precision,recall,accuracy,auc,"
        "lesion_recall,lesion_precision,lesion_dice,lesion_accuracy,"
        "challenge_dsc,challenge_h95_mm,challenge_avd_percent,"
        "challenge_lesion_recall,challenge_lesion_f1,reference_volume_ml,"
        "predicted_volume_ml,reference_lesions,predicted_lesions"
    )


def test_a_row_by_hand(masks):
    row = evaluate_patient(KEY, *masks).to_row()
    assert tuple(row) == COLUMNS
    assert (row["subject_id"], row["site"]) == ("01", "north")
    assert row["dice"] == 2 * 12 / (21 + 13) == row["challenge_dsc"]
    assert row["precision"] == 12 / 13
    assert row["recall"] == 12 / 21
    assert row["accuracy"] == 1 - 10 / (20 * 16 * 8 - 16)
    assert math.isnan(row["auc"])
    assert row["lesion_recall"] == row["lesion_precision"] == 2 / 3
    assert row["lesion_accuracy"] == 2 / 4
    assert row["challenge_lesion_recall"] == 2 / 3
    assert row["challenge_avd_percent"] == pytest.approx(800 / 21)
    assert row["reference_volume_ml"] == pytest.approx(21 * 5 / 1000)
    assert row["predicted_volume_ml"] == pytest.approx(13 * 5 / 1000)
    assert (row["reference_lesions"], row["predicted_lesions"]) == (3, 3)


def test_small_predictions_are_removed_but_not_from_the_curve(masks):
    reference, prediction = masks
    probability = prediction.astype(np.float32)
    whole = evaluate_patient(KEY, reference, prediction, probability)
    # The wrong voxel is 5 mm³, the smallest true lesion 20 mm³.
    result = evaluate_patient(
        KEY, reference, prediction, probability, min_lesion_mm3=20.0
    )
    assert result.scores.predicted_lesions == 2
    assert result.scores.precision == 1
    assert result.scores.lesion_precision == 1
    assert result.scores.auc == whole.scores.auc
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
    expected = evaluate_patient(KEY, reference, prediction).to_row()
    received = evaluate_patient(KEY, stored_reference, stored_prediction)
    for name, value in received.to_row().items():
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
            KEY, masks[0], **arguments, min_lesion_mm3=min_lesion_mm3
        )
