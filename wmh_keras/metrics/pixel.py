"""Voxel-wise scores: precision, recall, Dice, accuracy."""

import dataclasses
import math

import numpy as np

from wmh_keras.metrics import labels


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """Voxels by agreement; voxels of label 2 are in none of the four.

    Attributes:
        tp: reference and predicted.
        fp: predicted only.
        fn: reference only.
        tn: neither.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
        )


def count_pixels(reference: np.ndarray, prediction: np.ndarray) -> PixelCounts:
    """Counts the voxels by agreement, label 2 of the reference left out.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.

    Raises:
        ValueError: unequal shapes, or labels that are not allowed.
    """
    wmh, predicted = labels.leave_out_label_2(reference, prediction)
    tp = int(np.count_nonzero(wmh & predicted))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(wmh)) - tp
    left_out = 0
    if reference.dtype != np.bool_:
        left_out = int(np.count_nonzero(reference == labels.OTHER_PATHOLOGY))
    return PixelCounts(tp, fp, fn, reference.size - left_out - tp - fp - fn)


def precision(counts: PixelCounts) -> float:
    """TP / (TP + FP): 1 both empty, 0 reference empty, NaN prediction empty."""
    if counts.tp + counts.fp == 0:
        return 1.0 if counts.fn == 0 else math.nan
    return counts.tp / (counts.tp + counts.fp)


def recall(counts: PixelCounts) -> float:
    """TP / (TP + FN): 1 both empty, NaN reference empty, 0 prediction empty."""
    if counts.tp + counts.fn == 0:
        return 1.0 if counts.fp == 0 else math.nan
    return counts.tp / (counts.tp + counts.fn)


def dice(counts: PixelCounts) -> float:
    """2 TP / (2 TP + FP + FN): 1 both empty, 0 if only one of them is."""
    total = 2 * counts.tp + counts.fp + counts.fn
    return 2 * counts.tp / total if total else 1.0


def accuracy(counts: PixelCounts) -> float:
    """(TP + TN) / all voxels that count; 1 where label 2 leaves none."""
    total = counts.tp + counts.fp + counts.fn + counts.tn
    return (counts.tp + counts.tn) / total if total else 1.0
