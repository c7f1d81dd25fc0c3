import numpy as np
import pytest

from wmh_keras.metrics import challenge, curves, labels, lesion, pixel

MASK = np.zeros((4, 4, 3), np.uint8)
SCORES = [
    pixel.count_pixels,
    lesion.match_lesions,
    lesion.lesion_scores,
    lambda r, p: challenge.challenge_scores(r, p, (1, 1, 1)),
    lambda r, p: challenge.hausdorff95_mm(r, p, (1, 1, 1)),
]


def with_voxel(value, dtype):
    mask = MASK.astype(dtype)
    mask[1, 1, 1] = value
    return mask


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (with_voxel(255, np.uint8), "0 to 255"),
        (with_voxel(2, np.uint8), "0 to 2"),
        (with_voxel(-1, np.int16), "-1 to 0"),
        (with_voxel(0.7, np.float32), "probabilities"),
        (with_voxel(np.nan, np.float32), "NaN"),
        (MASK.astype(np.complex64), "complex64"),
        (MASK[:3], "shape"),
    ],
)
def test_a_prediction_that_is_no_mask_is_refused(score, prediction, message):
    with pytest.raises(ValueError, match=f"prediction.*{message}"):
        score(MASK, prediction)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [3, 255])
def test_a_reference_with_other_labels_is_refused(score, value):
    with pytest.raises(ValueError, match=f"reference.*0 to {value}"):
        score(with_voxel(value, np.uint8), MASK)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.float64])
def test_every_number_type_gives_the_same(dtype):
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 2 if dtype is bool else 3, (5, 6, 4))
    prediction = rng.integers(0, 2, (5, 6, 4))
    expected = pixel.count_pixels(reference, prediction)
    received = pixel.count_pixels(
        reference.astype(dtype), prediction.astype(dtype)
    )
    assert received == expected


def test_label_2_is_taken_out_of_both_and_inputs_stay_as_they_are():
    reference = np.array([0, 1, 2, 0, 1, 2], np.uint8).reshape(1, 6, 1)
    prediction = np.array([0, 0, 0, 1, 1, 1], np.uint8).reshape(1, 6, 1)
    before = reference.copy(), prediction.copy()
    wmh, predicted = labels.leave_out_label_2(reference, prediction)
    assert wmh.ravel().tolist() == [0, 1, 0, 0, 1, 0]
    assert predicted.ravel().tolist() == [0, 0, 0, 1, 1, 0]
    for array, old in zip((reference, prediction), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        (with_voxel(1.5, np.float32), "0.0 to 1.5"),
        (with_voxel(-0.1, np.float32), "-0.1"),
        (with_voxel(np.nan, np.float32), "NaN"),
        (MASK.astype(np.complex64), "complex64"),
        (MASK[:3].astype(np.float32), "shape"),
    ],
)
def test_what_is_no_probability_is_refused(probability, message):
    with pytest.raises(ValueError, match=message):
        curves.score_curves(MASK, probability)
