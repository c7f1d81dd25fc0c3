"""Scores of probabilities, without a threshold."""

import math

import numpy as np

from wmh_keras.metrics import labels


def roc_auc(reference: np.ndarray, probability: np.ndarray) -> float:
    """The exact area under the ROC curve.

    The share of pairs (a reference voxel, a background voxel) in which the
    reference voxel has the higher probability, a tie counting half
    (Mann-Whitney U). Nothing is binned. Voxels of label 2 are left out.

    Only background voxels that reach the lowest probability of a reference
    voxel are sorted, so that the memory stays near one copy of the volume
    even in the worst case.

    Args:
        reference: (x, y, z), labels 0/1/2.
        probability: (x, y, z), any real type, 0 to 1.

    Returns:
        0 to 1; NaN where the reference is empty, or has no background.

    Raises:
        ValueError: unequal shapes, labels that are not allowed, or
            probabilities that are NaN or outside 0 to 1.
    """
    labels.check_same_shape(reference, probability, "probability")
    labels.check_labels(reference, labels.OTHER_PATHOLOGY, "reference")
    check_probability(probability)
    positive = probability[reference == labels.WMH]
    background = reference == labels.BACKGROUND
    num_negative = int(np.count_nonzero(background))
    if positive.size == 0 or num_negative == 0:
        return math.nan
    background &= probability >= positive.min()
    reaching = np.sort(probability[background])
    below = num_negative - reaching.size
    # below + left of each positive: background voxels it beats; right - left
    # of each: its ties. Integers, so that the sum is exact.
    wins = int(np.searchsorted(reaching, positive, "left").sum())
    wins_and_ties = int(np.searchsorted(reaching, positive, "right").sum())
    twice_u = 2 * below * positive.size + wins + wins_and_ties
    return twice_u / (2 * positive.size * num_negative)


def check_probability(probability: np.ndarray) -> None:
    """Checks that an array holds numbers from 0 to 1.

    Raises:
        ValueError: NaN, a value outside 0 to 1, or not a real type.
    """
    expected = "probability: expected numbers from 0 to 1, received "
    if probability.dtype.kind not in "fiub":
        raise ValueError(f"{expected}the type {probability.dtype}")
    if probability.size == 0:
        return
    low, high = probability.min(), probability.max()
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"{expected}NaN")
    if low < 0 or high > 1:
        raise ValueError(f"{expected}values from {low} to {high}")
