"""The grid against the functions of prediction and evaluation, one by one."""

import numpy as np
import pytest

from data_prep.volume import Volume
from wmh_keras.calibration.grid import Grid, score_grid
from wmh_keras.evaluation.patient import as_counted
from wmh_keras.evaluation.rules import Rules
from wmh_keras.inference import postprocess
from wmh_keras.metrics import challenge, pixel

SPACING = (1.0, 2.0, 3.0)
GRID = Grid((0.45, 0.5, 0.55, 0.6, 0.9), (0.0, 12.0, 30.0, 60.0, 1000.0))


def smooth(rng, shape):
    """A random field with blobs of several voxels, 0 to 1."""
    field = rng.normal(size=shape)
    for axis in range(3):
        field = field + np.roll(field, 1, axis) + np.roll(field, -1, axis)
    field -= field.min()
    return (field / field.max()).astype(np.float32)


def volumes(seed):
    """A reference with labels 0/1/2 and probabilities that follow it."""
    rng = np.random.default_rng(seed)
    shape = (18, 16, 9)
    field = smooth(rng, shape)
    reference = (field > 0.68).astype(np.uint8)
    reference[smooth(rng, shape) > 0.72] = 2
    noisy = 0.7 * field + 0.3 * smooth(rng, shape)
    return reference, np.asfortranarray(noisy.astype(np.float32))


def score_directly(reference, probability, threshold, size):
    """Prediction's mask, and the metrics on whole volumes."""
    affine = np.diag([*SPACING, 1.0])
    volume = Volume(data=reference, affine=affine)
    mask = postprocess.threshold_probability(probability, threshold)
    mask = postprocess.remove_small_lesions(mask, volume.voxel_mm3, size)
    counted = as_counted(volume, mask, Rules(min_lesion_mm3=size))
    official = challenge.challenge_scores(reference, counted, SPACING)
    dice = pixel.dice(pixel.count_pixels(reference, counted))
    assert official.dsc == dice
    return dice, official.lesion_f1


@pytest.mark.parametrize("seed", range(4))
def test_every_cell_is_what_evaluation_gives(seed):
    reference, probability = volumes(seed)
    assert (reference == 2).any()
    scores = score_grid(reference, probability, 6.0, GRID)
    expected = np.array(
        [
            [
                score_directly(reference, probability, threshold, size)
                for size in GRID.min_lesion_sizes_mm3
            ]
            for threshold in GRID.thresholds
        ]
    )
    np.testing.assert_array_equal(scores.dice, expected[..., 0])
    np.testing.assert_array_equal(scores.lesion_f1, expected[..., 1])
    # The cells do differ, by both.
    assert len(np.unique(scores.dice)) > 8
    assert len(np.unique(scores.lesion_f1)) > 8
    np.testing.assert_array_equal(scores.dice_and_f1, expected.sum(axis=-1) / 2)


def test_by_hand():
    """Two lesions of 2 and 1 voxels of 2 mm³; the second is missed by half."""
    reference = np.zeros((9, 5, 3), np.uint8)
    reference[1:3, 1, 1] = 1
    reference[6, 3, 1] = 1
    probability = np.zeros(reference.shape, np.float32)
    probability[1:3, 1, 1] = 0.9
    probability[6, 3, 1] = 0.4
    probability[8, 0, 2] = 0.4  # false
    scores = score_grid(
        reference, probability, 2.0, Grid((0.4, 0.5), (0.0, 3.0, 5.0))
    )
    # 3 voxels of 3 with one false; 2 of 3; 2 of 3; nothing left.
    np.testing.assert_allclose(
        scores.dice, [[6 / 7, 4 / 5, 0], [4 / 5, 4 / 5, 0]]
    )
    # Recall 2/2 and precision 2/3; 1/2 and 1/1; nothing left.
    np.testing.assert_allclose(
        scores.lesion_f1, [[0.8, 2 / 3, 0], [2 / 3, 2 / 3, 0]]
    )


def test_a_lesion_across_label_2_is_as_large_as_it_was():
    """Label 2 cuts a lesion of 5 voxels into 2 and 2; both stay, or none."""
    reference = np.zeros((7, 3, 3), np.uint8)
    reference[3, 1, 1] = 2
    reference[1, 1, 1] = 1
    probability = np.zeros(reference.shape, np.float32)
    probability[1:6, 1, 1] = 1
    scores = score_grid(reference, probability, 1.0, Grid((0.5,), (5.0, 6.0)))
    np.testing.assert_allclose(scores.dice, [[2 / 5, 0]])
    # One of the two parts is right.
    np.testing.assert_allclose(scores.lesion_f1, [[2 / 3, 0]])


@pytest.mark.parametrize(
    ("with_reference", "with_prediction", "value"),
    [(False, False, 1), (True, False, 0), (False, True, 0)],
)
def test_empty_cases(with_reference, with_prediction, value):
    reference = np.zeros((4, 4, 4), np.uint8)
    reference[1, 1, 1] = with_reference
    probability = np.zeros(reference.shape, np.float32)
    probability[2, 2, 2] = with_prediction
    # Of 30 mm³, so that no minimum size removes it.
    scores = score_grid(reference, probability, 30.0, Grid())
    expected = np.full((17, 6), float(value))
    np.testing.assert_array_equal(scores.dice, expected)
    np.testing.assert_array_equal(scores.lesion_f1, expected)


def test_what_is_removed_leaves_an_empty_mask():
    probability = np.zeros((4, 4, 4), np.float32)
    probability[2, 2, 2] = 1
    reference = np.zeros(probability.shape, np.uint8)
    scores = score_grid(reference, probability, 1.0, Grid((0.5,), (1.0, 2.0)))
    np.testing.assert_array_equal(scores.dice, [[0, 1]])
    np.testing.assert_array_equal(scores.lesion_f1, [[0, 1]])


def test_the_grid_by_default():
    grid = Grid()
    assert grid.thresholds[0] == 0.1
    assert grid.thresholds[1] == 0.15
    assert grid.thresholds[-1] == 0.9
    assert grid.shape == (17, 6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"thresholds": ()}, "thresholds: expected rising .* none"),
        ({"thresholds": (0.5, 0.4)}, "rising"),
        ({"thresholds": (0.5, 0.5)}, "each once"),
        ({"thresholds": (0.0, 0.5)}, "threshold: expected above 0"),
        ({"min_lesion_sizes_mm3": (-1.0,)}, "min_lesion_mm3: expected 0"),
    ],
)
def test_no_such_grid(values, message):
    with pytest.raises(ValueError, match=message):
        Grid(**values)


def test_shapes_and_labels_are_checked():
    empty = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="probability: expected"):
        score_grid(empty, np.zeros((4, 4, 5), np.float32), 1.0, Grid())
    with pytest.raises(ValueError, match="reference: expected"):
        score_grid(empty + 255, np.zeros((4, 4, 4), np.float32), 1.0, Grid())
