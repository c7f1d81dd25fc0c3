"""Lesions: 26-connected components, and which of them are found."""

import dataclasses
import math

import cc3d
import numpy as np

from wmh_keras.metrics import labels as mask_labels

PAPER_OVERLAP = 0.4  # Shan et al. 2021: found if 40 % of it is predicted
ANY_OVERLAP = 0.0


def label_lesions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers the 26-connected components of a mask.

    Voxels that touch by a face, an edge or a corner are one lesion. This one
    labelling serves counting, removal and matching alike.

    Args:
        mask: (x, y, z), labels 0/1; label 1 (or True) is lesion.

    Returns:
        (x, y, z) int32, 0 for background and 1 to count for the lesions; and
        the count. An empty mask gives zeros and 0.

    Raises:
        ValueError: not three axes, or values other than 0 and 1.
    """
    if mask.ndim != 3:
        raise ValueError(f"mask: expected (x, y, z), received {mask.shape}")
    mask_labels.check_labels(mask, mask_labels.WMH, "mask")
    result = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is None:
        return result, 0
    # Lesions fill a small part of a volume: label their bounding box alone.
    numbered, count = cc3d.connected_components(
        np.ascontiguousarray(mask[box], np.uint8),
        connectivity=26,
        out_dtype=np.uint32,
        return_N=True,
    )
    result[box] = numbered
    return result, int(count)


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box that holds every nonzero voxel; None if none is."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        places = np.flatnonzero(mask.any(axis=others))
        if places.size == 0:
            return None
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def lesion_sizes(labels: np.ndarray, count: int) -> np.ndarray:
    """The number of voxels of each lesion.

    Args:
        labels: (x, y, z) integers from `label_lesions`.
        count: the number of lesions.

    Returns:
        (count,) int64; lesion number i is at i - 1.
    """
    return _count_labels(labels[labels > 0], count)


@dataclasses.dataclass(frozen=True, eq=False)
class LesionOverlaps:
    """Each lesion of one mask, and how much of it the other mask covers.

    Attributes:
        sizes: (n,) int64, voxels of each lesion.
        covered: (n,) int64, how many of them are in the other mask.
    """

    sizes: np.ndarray
    covered: np.ndarray

    @property
    def count(self) -> int:
        """The number of lesions."""
        return len(self.sizes)

    def matched(self, min_overlap: float) -> np.ndarray:
        """Which lesions the other mask covers well enough.

        Args:
            min_overlap: the least share of a lesion's voxels, 0 to 1;
                0 (`ANY_OVERLAP`) asks for at least one voxel.

        Returns:
            (n,) bool.
        """
        if not 0 <= min_overlap <= 1:
            raise ValueError(
                f"min_overlap: expected 0 to 1, received {min_overlap}"
            )
        # The rounded quotient of two integers equals the rounded literal:
        # 2 of 5 voxels are exactly 0.4. A product (0.4 * 5) would not be safe.
        enough = self.covered / np.maximum(self.sizes, 1) >= min_overlap
        return enough & (self.covered > 0)


@dataclasses.dataclass(frozen=True, eq=False)
class LesionMatching:
    """The lesions of a reference and of a prediction, each with its overlap.

    Attributes:
        reference: reference lesions, covered by the prediction.
        predicted: predicted lesions, covered by the reference.
    """

    reference: LesionOverlaps
    predicted: LesionOverlaps


@dataclasses.dataclass(frozen=True)
class LesionScores:
    """Lesion-wise scores of one volume; see `score_lesions`."""

    recall: float
    precision: float
    dice: float
    accuracy: float


def match_lesions(
    reference: np.ndarray, prediction: np.ndarray
) -> LesionMatching:
    """Finds the lesions of both masks and how far each is covered.

    A lesion is covered by the other mask as a whole, whichever lesions it
    consists of: one large predicted lesion can find several reference
    lesions, and several small ones can find one together. Voxels of label 2
    are removed from both masks before labelling.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.

    Raises:
        ValueError: unequal shapes, or labels that are not allowed.
    """
    wmh, predicted = mask_labels.leave_out_label_2(reference, prediction)
    return LesionMatching(
        reference=_overlaps(wmh, predicted),
        predicted=_overlaps(predicted, wmh),
    )


def score_lesions(
    matching: LesionMatching,
    *,
    recall_overlap: float = PAPER_OVERLAP,
    precision_overlap: float = PAPER_OVERLAP,
) -> LesionScores:
    """Recall, precision, Dice and accuracy over lesions.

    A reference lesion is found if at least `recall_overlap` of its voxels
    are predicted; the paper (Shan et al. 2021) says 40 %. A predicted lesion
    is a match if at least `precision_overlap` of its voxels are reference:
    the same rule with the roles swapped. TP and FN count reference lesions,
    FP counts predicted lesions that match none:

        recall    = TP / (TP + FN)
        precision = matched predicted lesions / predicted lesions
        dice      = 2 precision recall / (precision + recall), lesion F1
        accuracy  = TP / (TP + FP + FN)

    | empty     | both | reference | prediction |
    |-----------|------|-----------|------------|
    | recall    | 1    | NaN       | 0          |
    | precision | 1    | 0         | NaN        |
    | dice      | 1    | 0         | 0          |
    | accuracy  | 1    | 0         | 0          |
    """
    found = int(matching.reference.matched(recall_overlap).sum())
    matched = int(matching.predicted.matched(precision_overlap).sum())
    in_reference = matching.reference.count
    in_prediction = matching.predicted.count
    if in_reference == 0 and in_prediction == 0:
        return LesionScores(1.0, 1.0, 1.0, 1.0)
    if in_reference == 0:
        return LesionScores(math.nan, 0.0, 0.0, 0.0)
    if in_prediction == 0:
        return LesionScores(0.0, math.nan, 0.0, 0.0)
    recall = found / in_reference
    precision = matched / in_prediction
    total = recall + precision
    return LesionScores(
        recall=recall,
        precision=precision,
        dice=2 * recall * precision / total if total else 0.0,
        accuracy=found / (in_reference + in_prediction - matched),
    )


def lesion_scores(
    reference: np.ndarray,
    prediction: np.ndarray,
    *,
    recall_overlap: float = PAPER_OVERLAP,
    precision_overlap: float = PAPER_OVERLAP,
) -> LesionScores:
    """`match_lesions` and `score_lesions` in one call."""
    return score_lesions(
        match_lesions(reference, prediction),
        recall_overlap=recall_overlap,
        precision_overlap=precision_overlap,
    )


def _overlaps(mask: np.ndarray, other: np.ndarray) -> LesionOverlaps:
    numbered, count = label_lesions(mask)
    return LesionOverlaps(
        sizes=_count_labels(numbered[mask], count),
        covered=_count_labels(numbered[mask & other], count),
    )


def _count_labels(foreground: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(foreground, minlength=count + 1)[1:].astype(np.int64)
