import itertools
import math

import numpy as np
import pytest

from wmh_keras.metrics import curves


def count_pairs(reference, probability):
    """The definition: over all pairs of a positive and a negative."""
    positive = probability[reference == 1].ravel().tolist()
    negative = probability[reference == 0].ravel().tolist()
    won = sum(
        (p > n) + 0.5 * (p == n)
        for p, n in itertools.product(positive, negative)
    )
    return won / (len(positive) * len(negative))


def area(reference, probability):
    return curves.score_curves(reference, probability).auc


def test_by_hand():
    reference = np.array([1, 0, 1, 0, 2], np.uint8).reshape(5, 1, 1)
    probability = np.array([0.9, 0.5, 0.5, 0.1, 1.0]).reshape(5, 1, 1)
    # Pairs: 0.9 beats both; 0.5 ties with 0.5 and beats 0.1.
    assert area(reference, probability) == 3.5 / 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("levels", [2, 3, 10, 10_000])
def test_against_all_pairs(levels, dtype):
    rng = np.random.default_rng(levels)
    for _ in range(5):
        reference = rng.choice(3, (6, 7, 5), p=(0.8, 0.15, 0.05))
        chance = rng.integers(0, levels, reference.shape) / (levels - 1)
        probability = (0.7 * chance + 0.3 * (reference == 1)).astype(dtype)
        assert area(reference, probability) == pytest.approx(
            count_pairs(reference, probability), abs=1e-12
        )


def test_perfect_reversed_and_constant():
    reference = (np.arange(60) % 5 == 0).astype(np.uint8).reshape(3, 4, 5)
    assert area(reference, reference.astype(np.float32)) == 1
    assert area(reference, 1.0 - reference) == 0
    assert area(reference, np.full((3, 4, 5), 0.3)) == 0.5


def test_many_voxels_do_not_overflow():
    reference = np.zeros((200, 200, 100), np.uint8)
    reference[:100] = 1  # 2e6 × 2e6 pairs, four times 2**40
    probability = reference.astype(np.float32)
    probability[100:, :, :25] = 1  # a quarter of the background ties
    assert area(reference, probability) == 1 - 0.25 / 2


def plain_points(reference, probability):
    """(TP, FP) at every threshold, from the highest; plain loops."""
    known = reference != 2
    points = []
    for threshold in sorted(set(probability[known].tolist()), reverse=True):
        predicted = (probability >= threshold) & known
        points.append(
            (
                int((predicted & (reference == 1)).sum()),
                int((predicted & (reference == 0)).sum()),
            )
        )
    return points


def plain_tpr(points, rate):
    """The highest point of the polyline at a false positive rate."""
    positives, negatives = points[-1]
    best = 0.0
    for (t0, f0), (t1, f1) in itertools.pairwise([(0, 0), *points]):
        x0, x1 = f0 / negatives, f1 / negatives
        if x0 <= rate <= x1:
            share = (rate - x0) / (x1 - x0) if x1 > x0 else 1.0
            best = max(best, (t0 + share * (t1 - t0)) / positives)
    return best


@pytest.mark.parametrize("levels", [2, 5, 40, None])
def test_every_point_against_plain_loops(make_scan, levels):
    for seed in range(3):
        reference, probability = make_scan(
            seed, levels, shape=(9, 8, 5), share=0.1, label_2=0.1
        )
        scores = curves.score_curves(reference, probability)
        points = plain_points(reference, probability)
        positives = points[-1][0]
        gains = zip(points, [(0, 0), *points], strict=False)
        assert scores.average_precision == pytest.approx(
            sum(
                (t - before) / positives * t / (t + f)
                for (t, f), (before, _) in gains
            ),
            abs=1e-12,
        )
        assert scores.auc == pytest.approx(
            count_pairs(reference, probability), abs=1e-12
        )
        np.testing.assert_allclose(
            scores.tpr,
            [plain_tpr(points, rate) for rate in curves.ROC_FPR],
            atol=1e-12,
        )
        for percent, precision in enumerate(scores.precision):
            reaching = [
                t / (t + f)
                for t, f in points
                if t > 0 and 100 * t >= percent * positives
            ]
            assert precision == reaching[0]


def test_curves_by_hand():
    # From the highest: a false voxel, two true ones that tie with a false
    # one, a false one, a true one, a false one; and label 2 at the top.
    reference = np.array([0, 1, 1, 0, 0, 1, 0, 2], np.uint8).reshape(8, 1, 1)
    probability = np.array([0.9, 0.7, 0.7, 0.7, 0.6, 0.5, 0.1, 1.0])
    scores = curves.score_curves(reference, probability.reshape(8, 1, 1))
    # (FPR, TPR): (1/4, 0), then a sloping line to (2/4, 2/3), level to 3/4,
    # upright to 1, level to the end.
    at = dict(zip(curves.ROC_FPR, scores.tpr, strict=True))
    assert at[0.0] == 0
    rates = np.array([r for r in at if 0.25 < r < 0.5])
    np.testing.assert_allclose(
        [at[r] for r in rates], (rates - 0.25) / 0.25 * 2 / 3
    )
    assert {at[r] for r in at if 0.5 < r < 0.75} == {2 / 3}
    assert {at[r] for r in at if r > 0.75} == {1}
    assert scores.auc == pytest.approx(0.5 * 0.25 * 2 / 3 + 0.25 * 2 / 3 + 0.25)
    # Precision 2/4 up to recall 2/3, then 3/6.
    assert set(scores.precision) == {0.5}
    assert scores.average_precision == pytest.approx(0.5)


def test_where_the_curve_rises_upright_its_upper_end_counts():
    reference = np.array([1, 1, 0, 1, 0], np.uint8).reshape(5, 1, 1)
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5]).reshape(5, 1, 1)
    scores = curves.score_curves(reference, probability)
    assert scores.tpr[0] == 2 / 3  # two found before any false one
    assert scores.tpr[-1] == 1
    np.testing.assert_array_equal(
        scores.precision, np.where(curves.PR_RECALL <= 0.66, 1, 3 / 4)
    )


def test_a_recall_of_exactly_seven_percent_is_reached_by_seven_of_a_hundred():
    reference = np.ones((101, 1, 1), np.uint8)
    reference[0] = 0
    # The false voxel comes after the seventh true one.
    probability = np.linspace(1, 0, 101)
    probability[[0, 7]] = probability[[7, 0]]
    scores = curves.score_curves(reference, probability.reshape(101, 1, 1))
    assert scores.precision[7] == 1
    assert scores.precision[8] == 8 / 9


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.float64])
def test_any_real_type_and_any_order_in_memory(make_scan, dtype):
    reference, probability = make_scan(7, 2, dtype=dtype)
    expected = curves.score_curves(reference, probability.astype(np.float32))
    wide = np.zeros((44, 20, 9), dtype)
    wide[::2] = probability
    for first, second in (
        (reference, probability),
        (np.asfortranarray(reference), probability),
        (reference.astype(np.float64), np.asfortranarray(probability)),
        (reference, wide[::2]),
    ):
        before = first.copy(), second.copy()
        received = curves.score_curves(first, second)
        assert received.auc == expected.auc
        assert received.average_precision == expected.average_precision
        np.testing.assert_array_equal(received.tpr, expected.tpr)
        np.testing.assert_array_equal(received.precision, expected.precision)
        for array, old in zip((first, second), before, strict=True):
            np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_one_class_alone_has_no_curve(label):
    reference = np.full((3, 3, 3), label, np.uint8)
    reference[0, 0, 0] = 2
    scores = curves.score_curves(reference, np.full((3, 3, 3), 0.5))
    assert math.isnan(scores.auc)
    assert math.isnan(scores.average_precision)
    assert scores.tpr.shape == curves.ROC_FPR.shape
    assert scores.precision.shape == curves.PR_RECALL.shape
    assert np.isnan(scores.tpr).all()
    assert np.isnan(scores.precision).all()


def test_a_perfect_map_and_one_that_says_nothing():
    reference = (np.arange(60) % 5 == 0).astype(np.uint8).reshape(3, 4, 5)
    perfect = curves.score_curves(reference, reference.astype(float))
    assert (perfect.tpr == 1).all()
    assert (perfect.precision == 1).all()
    assert perfect.average_precision == 1
    nothing = curves.score_curves(reference, np.full((3, 4, 5), 0.3))
    np.testing.assert_allclose(nothing.tpr, curves.ROC_FPR)
    assert set(nothing.precision) == {0.2}
    assert nothing.average_precision == pytest.approx(0.2)


def test_the_grids_are_fit_for_a_whole_head():
    for grid in (curves.ROC_FPR, curves.PR_RECALL):
        assert grid[0] == 0
        assert grid[-1] == 1
        assert (np.diff(grid) > 0).all()
