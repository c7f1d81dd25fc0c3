"""Scores and curves of probabilities, without a threshold and exact."""

import dataclasses
import math

import numpy as np

from wmh_keras.metrics import labels

# Where points of the ROC curve are kept: 0, then evenly in the logarithm, since
# a volume has some 10^7 background voxels and the curve rises near 0.
ROC_FPR = np.concatenate([[0.0], np.logspace(-6, 0, 201)])
# Where points of the precision-recall curve are kept: each percent.
PR_RECALL = np.arange(101) / 100


@dataclasses.dataclass(frozen=True, eq=False)
class CurveScores:
    """The exact scores of one probability map, and points of its curves.

    Attributes:
        auc: area under the ROC curve.
        average_precision: area under the precision-recall curve, as steps.
        tpr: (len(ROC_FPR),) float64, true positive rate at these false
            positive rates.
        precision: (len(PR_RECALL),) float64, precision at these recalls.
    """

    auc: float
    average_precision: float
    tpr: np.ndarray
    precision: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class _Steps:
    """Counts at each distinct probability of a reference voxel, falling.

    No other threshold matters: between two of them only background voxels
    come in, which is a level stretch of the ROC curve, and no recall.

    Attributes:
        at: (k,) int64, reference voxels of that probability.
        reached: (k,) int64, reference voxels of that or a higher one.
        above: (k,) int64, background voxels of a higher one.
        false: (k,) int64, background voxels of that or a higher one.
        num_negative: all background voxels.
    """

    at: np.ndarray
    reached: np.ndarray
    above: np.ndarray
    false: np.ndarray
    num_negative: int


def score_curves(reference: np.ndarray, probability: np.ndarray) -> CurveScores:
    """Scores a probability map at every threshold there is.

    A voxel is predicted where its probability reaches the threshold. Voxels
    of label 2 are left out. Nothing is binned:

    - `auc` is the area under the straight lines between the points of all
      thresholds: the share of pairs (a reference voxel, a background voxel)
      in which the reference voxel has the higher probability, a tie counting
      half (Mann-Whitney U).
    - `average_precision` is the sum of (R_k - R_(k-1)) P_k over all
      thresholds from the highest, with recall R and precision P
      (scikit-learn's average_precision_score).
    - `tpr` is read off the straight lines between those points. Where the
      curve rises upright, the upper end counts: at 0, the recall that no
      background voxel disturbs.
    - `precision` at a recall is that of the highest threshold which reaches
      it; at recall 0, of the highest one that reaches more than 0.

    One copy of the voxels is sorted, so that the memory stays near two copies
    of the volume even in the worst case.

    Args:
        reference: (x, y, z), labels 0/1/2.
        probability: (x, y, z), any real type, 0 to 1.

    Returns:
        The scores; all NaN where the reference is empty, or has no
        background.

    Raises:
        ValueError: unequal shapes, labels that are not allowed, or
            probabilities that are NaN or outside 0 to 1.
    """
    steps = _count_steps(reference, probability)
    if steps is None:
        return CurveScores(
            math.nan,
            math.nan,
            np.full(len(ROC_FPR), math.nan),
            np.full(len(PR_RECALL), math.nan),
        )
    precision = steps.reached / (steps.reached + steps.false)
    return CurveScores(
        auc=_area(steps),
        average_precision=float(
            (steps.at * precision).sum() / steps.reached[-1]
        ),
        tpr=_true_positive_rates(steps),
        precision=precision[_first_to_reach_recalls(steps)],
    )


def _area(steps: _Steps) -> float:
    # Twice the pairs lost, a tie being half lost. Integers: exact.
    lost = int((steps.at * steps.above).sum() + (steps.at * steps.false).sum())
    pairs = int(steps.reached[-1]) * steps.num_negative
    return (2 * pairs - lost) / (2 * pairs)


def _true_positive_rates(steps: _Steps) -> np.ndarray:
    """The ROC polyline at ROC_FPR."""
    wanted = ROC_FPR * steps.num_negative
    # The last threshold whose line begins at or before the wanted rate.
    last = np.searchsorted(steps.above, wanted, side="right") - 1
    begins, ends = steps.above[last], steps.false[last]
    passed = np.minimum(wanted - begins, ends - begins)
    share = np.where(ends > begins, passed / np.maximum(ends - begins, 1), 1)
    count = steps.reached[last] - steps.at[last] * (1 - share)
    return np.where(last >= 0, count / steps.reached[-1], 0.0)


def _first_to_reach_recalls(steps: _Steps) -> np.ndarray:
    """The first, so highest, threshold that reaches each of PR_RECALL."""
    num_positive = int(steps.reached[-1])
    # In whole voxels: 0.07 * 100 > 7 in floating point.
    percents = range(len(PR_RECALL))
    needed = [-(-percent * num_positive // 100) for percent in percents]
    return np.searchsorted(steps.reached, needed)


def _count_steps(
    reference: np.ndarray, probability: np.ndarray
) -> _Steps | None:
    """Checks and sorts; None where either class has no voxel."""
    labels.check_same_shape(reference, probability, "probability")
    labels.check_labels(reference, labels.OTHER_PATHOLOGY, "reference")
    check_probability(probability)
    # In the order in which the large one lies in memory, without a copy.
    order = "C" if probability.flags.c_contiguous else "F"
    known = reference.ravel(order)
    chance = probability.ravel(order)
    if chance.dtype.kind != "f" or chance.dtype.itemsize < 4:
        chance = chance.astype(np.float32)  # sorts far faster than halves
    positive = chance[known == labels.WMH]
    background = known == labels.BACKGROUND
    num_negative = int(np.count_nonzero(background))
    if positive.size == 0 or num_negative == 0:
        return None
    positive.sort()
    # What lies below every reference voxel needs no sorting, and comes last.
    background &= chance >= positive[0]
    reaching = chance[background]
    del known, background
    reaching.sort()
    ends = np.flatnonzero(positive[1:] != positive[:-1])
    ends = np.append(ends, positive.size - 1)  # the last of equal ones
    values = positive[ends]
    reached = positive.size - np.append(0, ends[:-1] + 1)
    above = reaching.size - np.searchsorted(reaching, values, "right")
    false = reaching.size - np.searchsorted(reaching, values, "left")
    return _Steps(
        at=np.diff(ends, prepend=-1)[::-1],
        reached=reached[::-1],
        above=above[::-1],
        false=false[::-1],
        num_negative=num_negative,
    )


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
