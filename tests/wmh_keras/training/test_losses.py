import math

import numpy as np
import pytest

from wmh_keras.training.losses import (
    PixelAccuracy,
    PixelDice,
    VoxelCrossEntropy,
)


def grid(values):
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


LABELS = grid([1, 0, 2, 0])
LOGITS = grid([2.0, -1.0, 3.0, 0.5])


def softplus(x):
    return math.log1p(math.exp(x))


def test_label_2_weighs_nothing():
    loss = VoxelCrossEntropy()(LABELS, LOGITS)
    expected = (softplus(-2.0) + softplus(-1.0) + softplus(0.5)) / 3
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_label_2_as_background():
    loss = VoxelCrossEntropy("background")(LABELS, LOGITS)
    expected = (
        softplus(-2.0) + softplus(-1.0) + softplus(3.0) + softplus(0.5)
    ) / 4
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_the_mean_is_over_the_voxels_of_the_whole_batch():
    # One slice has one voxel that counts, the other three.
    labels = np.concatenate([grid([0, 2, 2, 2]), grid([0, 0, 0, 2])])
    logits = np.concatenate([grid([4.0] * 4), grid([-4.0] * 4)])
    loss = VoxelCrossEntropy()(labels, logits)
    expected = (softplus(4.0) + 3 * softplus(-4.0)) / 4
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_a_batch_without_a_voxel_that_counts_has_loss_0():
    assert float(VoxelCrossEntropy()(grid([2, 2]), grid([5.0, -5.0]))) == 0


def test_sure_and_wrong_stays_finite():
    loss = VoxelCrossEntropy()(grid([1, 0]), grid([-1000.0, 1000.0]))
    assert float(loss) == pytest.approx(1000.0)


def test_metrics_pool_counts_over_batches():
    accuracy, dice = PixelAccuracy(), PixelDice()
    for metric in (accuracy, dice):
        metric.update_state(LABELS, LOGITS)  # TP, TN, left out, FP
        metric.update_state(grid([1, 1, 0, 2]), grid([0.0, -1, -1, 1]))
    # TP 2 (a logit of 0 is probability 0.5), FP 1, FN 1, TN 2.
    assert float(accuracy.result()) == pytest.approx(4 / 6)
    assert float(dice.result()) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    for metric in (accuracy, dice):
        metric.reset_state()
    dice.update_state(grid([1]), grid([-1.0]))
    assert float(dice.result()) == 0


def test_dice_of_nothing_at_all_is_1():
    dice = PixelDice()
    dice.update_state(grid([0, 2]), grid([-1.0, 1.0]))
    assert float(dice.result()) == 1
