import itertools

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


def test_by_hand():
    reference = np.array([1, 0, 1, 0, 2], np.uint8).reshape(5, 1, 1)
    probability = np.array([0.9, 0.5, 0.5, 0.1, 1.0]).reshape(5, 1, 1)
    # Pairs: 0.9 beats both; 0.5 ties with 0.5 and beats 0.1.
    assert curves.roc_auc(reference, probability) == 3.5 / 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("levels", [2, 3, 10, 10_000])
def test_against_all_pairs(levels, dtype):
    rng = np.random.default_rng(levels)
    for _ in range(5):
        reference = rng.choice(3, (6, 7, 5), p=(0.8, 0.15, 0.05))
        chance = rng.integers(0, levels, reference.shape) / (levels - 1)
        probability = (0.7 * chance + 0.3 * (reference == 1)).astype(dtype)
        assert curves.roc_auc(reference, probability) == pytest.approx(
            count_pairs(reference, probability), abs=1e-12
        )


def test_perfect_reversed_and_constant():
    reference = (np.arange(60) % 5 == 0).astype(np.uint8).reshape(3, 4, 5)
    assert curves.roc_auc(reference, reference.astype(np.float32)) == 1
    assert curves.roc_auc(reference, 1.0 - reference) == 0
    assert curves.roc_auc(reference, np.full((3, 4, 5), 0.3)) == 0.5


def test_many_voxels_do_not_overflow():
    reference = np.zeros((200, 200, 100), np.uint8)
    reference[:100] = 1  # 2e6 × 2e6 pairs, four times 2**40
    probability = reference.astype(np.float32)
    probability[100:, :, :25] = 1  # a quarter of the background ties
    assert curves.roc_auc(reference, probability) == 1 - 0.25 / 2
