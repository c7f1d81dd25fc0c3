import math

import numpy as np
import pytest

from wmh_keras.training.config import LOSSES
from wmh_keras.training.losses import (
    CrossEntropyAndDice,
    FocalTversky,
    PixelAccuracy,
    PixelDice,
    SoftDice,
    VoxelCrossEntropy,
    make_loss,
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


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_soft_dice_by_hand():
    # Voxels: lesion 2.0, none -1.0, left out 3.0, none 0.5.
    p = [sigmoid(2.0), sigmoid(-1.0), sigmoid(0.5)]
    squares = sum(x**2 for x in p)
    expected = 1 - (2 * p[0] + 1) / (squares + 1 + 1)
    assert float(SoftDice()(LABELS, LOGITS)) == pytest.approx(expected, 1e-6)
    squares += sigmoid(3.0) ** 2
    expected = 1 - (2 * p[0] + 1) / (squares + 1 + 1)
    loss = SoftDice("background")(LABELS, LOGITS)
    assert float(loss) == pytest.approx(expected, 1e-6)


def test_the_sum_is_of_cross_entropy_and_dice():
    expected = float(VoxelCrossEntropy()(LABELS, LOGITS)) + float(
        SoftDice()(LABELS, LOGITS)
    )
    loss = CrossEntropyAndDice()(LABELS, LOGITS)
    assert float(loss) == pytest.approx(expected, 1e-6)


def test_focal_tversky_by_hand():
    p = [sigmoid(2.0), sigmoid(-1.0), sigmoid(0.5)]
    missed, too_much = 1 - p[0], p[1] + p[2]
    index = (p[0] + 1) / (p[0] + 0.7 * missed + 0.3 * too_much + 1)
    expected = (1 - index) ** 0.75
    assert float(FocalTversky()(LABELS, LOGITS)) == pytest.approx(
        expected, 1e-5
    )


def test_missing_a_lesion_costs_more_than_seeing_one_too_many():
    labels = grid([1] * 8 + [0] * 8)
    missed = grid([-9.0] * 4 + [9.0] * 4 + [-9.0] * 8)
    too_much = grid([9.0] * 12 + [-9.0] * 4)
    loss = FocalTversky()
    assert float(loss(labels, missed)) > float(loss(labels, too_much))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_defined_where_there_is_no_lesion(name):
    loss = make_loss(name, "ignore")
    nothing, much = grid([-40.0] * 20), grid([40.0] * 20)
    assert float(loss(grid([0] * 20), nothing)) < 1e-4
    assert float(loss(grid([0] * 20), much)) > 0.8
    for labels in (grid([2] * 20), grid([0] * 20), grid([1] * 20)):
        for logits in (nothing, much, grid([0.0] * 20)):
            assert np.isfinite(float(loss(labels, logits)))
    # All voxels left out: a loss like that of nothing predicted.
    assert float(loss(grid([2] * 20), much)) < 1e-4


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("logit", [-40.0, 0.0, 40.0])
def test_slopes_are_finite_and_point_the_right_way(name, logit):
    import jax

    loss = make_loss(name, "ignore")
    labels = grid([1, 0, 2, 0])
    slope = jax.grad(lambda x: loss.call(labels, x))(grid([logit] * 4))
    slope = np.asarray(slope).ravel()
    assert np.isfinite(slope).all()
    assert slope[0] <= 0
    assert slope[1] >= 0
    assert slope[2] == 0
    if logit == 0:
        assert slope[0] < 0 < slope[1]


@pytest.mark.parametrize("name", LOSSES)
def test_slices_and_3d_patches_and_half_precision_give_the_same(name):
    import keras

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 2, 4, 4, 1)).astype(np.float32)
    logits = rng.normal(size=labels.shape).astype(np.float32)
    loss = make_loss(name, "ignore")
    value = float(loss(labels, logits))
    flat = loss(labels.reshape(4, 8, 4, 1), logits.reshape(4, 8, 4, 1))
    assert float(flat) == pytest.approx(value, 1e-6)
    half = loss(labels, keras.ops.cast(logits, "bfloat16"))
    assert half.dtype == "float32"
    assert float(half) == pytest.approx(value, 0.02)
