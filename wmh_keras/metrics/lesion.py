"""Lesions of two masks: which are found, and the scores from that."""

import dataclasses
import math

import numpy as np

from wmh_keras.metrics import labels as mask_labels
from wmh_keras.metrics.components import (
    Components,
    bounding_box,
    find_components,
    label_lesions,
    lesion_sizes,
)
from wmh_keras.metrics.contingency import Contingency, count_shared

__all__ = [
    "ANY_OVERLAP",
    "PAPER_OVERLAP",
    "Contingency",
    "LesionMatching",
    "LesionOverlaps",
    "LesionScores",
    "bounding_box",
    "label_lesions",
    "lesion_scores",
    "lesion_sizes",
    "match_lesions",
    "score_counts",
    "score_lesions",
]

PAPER_OVERLAP = 0.4  # Shan et al. 2021: found if 40 % of it is predicted
ANY_OVERLAP = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class LesionOverlaps:
    """Each lesion of one mask, and how much of it the other mask covers.

    Attributes:
        components: the lesions as lists of voxels.
        sizes: (n,) int64, voxels of each lesion.
        covered: (n,) int64, how many of them are in the other mask.
    """

    components: Components
    sizes: np.ndarray
    covered: np.ndarray

    @property
    def count(self) -> int:
        """The number of lesions."""
        return len(self.sizes)

    @property
    def centroids(self) -> np.ndarray:
        """(n, 3) float64, mean voxel indices of each lesion."""
        return self.components.centroids

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
        contingency: which of them share voxels, and how many.
    """

    reference: LesionOverlaps
    predicted: LesionOverlaps
    contingency: Contingency


@dataclasses.dataclass(frozen=True)
class LesionScores:
    """Lesion-wise scores of one volume; see `score_lesions`."""

    recall: float
    precision: float
    dice: float
    accuracy: float


def match_lesions(
    reference: np.ndarray,
    prediction: np.ndarray,
    *,
    slice_axis: int | None = None,
) -> LesionMatching:
    """Finds the lesions of both masks and how far each is covered.

    A lesion is covered by the other mask as a whole, whichever lesions it
    consists of: one large predicted lesion can find several reference
    lesions, and several small ones can find one together. Voxels of label 2
    are removed from both masks before labelling.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.
        slice_axis: None for lesions that are 26-connected in three
            dimensions; an axis for 8-connected ones within each slice across
            it.

    Raises:
        ValueError: unequal shapes, labels that are not allowed, or an axis
            that is not 0, 1 or 2.
    """
    wmh, predicted = mask_labels.leave_out_label_2(reference, prediction)
    first = find_components(wmh, slice_axis=slice_axis)
    second = find_components(predicted, slice_axis=slice_axis)
    contingency = count_shared(first, second)
    sides = []
    for components, index in (
        (first, contingency.reference),
        (second, contingency.predicted),
    ):
        covered = np.zeros(components.count, np.int64)
        np.add.at(covered, index, contingency.shared)
        sides.append(LesionOverlaps(components, components.sizes, covered))
    return LesionMatching(*sides, contingency)


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
    return score_counts(
        in_reference=matching.reference.count,
        found=int(matching.reference.matched(recall_overlap).sum()),
        in_prediction=matching.predicted.count,
        matched=int(matching.predicted.matched(precision_overlap).sum()),
    )


def score_counts(
    *, in_reference: int, found: int, in_prediction: int, matched: int
) -> LesionScores:
    """The scores of `score_lesions`, from its four counts.

    Within a size class one side can be empty and the other right: a small
    lesion that is found by one of medium size, say. Where a side is empty,
    2 precision recall / (precision + recall) says nothing; the Dice is then
    that of the counts, 2 TP / (2 TP + FP + FN), and 1 where all three are 0.
    For whole volumes that is the table of `score_lesions`, since nothing is
    found where one side is empty.

    Args:
        in_reference: reference lesions.
        found: those of them that are found (TP).
        in_prediction: predicted lesions.
        matched: those of them that match; the others are FP.
    """
    false = in_prediction - matched
    errors = false + in_reference - found
    recall = found / in_reference if in_reference else math.nan
    precision = matched / in_prediction if in_prediction else math.nan
    if not in_reference and not in_prediction:
        recall = precision = 1.0
    if not in_reference or not in_prediction:
        dice = 2 * found / (2 * found + errors) if found + errors else 1.0
    else:
        total = recall + precision
        dice = 2 * recall * precision / total if total else 0.0
    accuracy = found / (found + errors) if found + errors else 1.0
    return LesionScores(recall, precision, dice, accuracy)


def lesion_scores(
    reference: np.ndarray,
    prediction: np.ndarray,
    *,
    recall_overlap: float = PAPER_OVERLAP,
    precision_overlap: float = PAPER_OVERLAP,
) -> LesionScores:
    """`match_lesions` and `score_lesions` in one call, in three dimensions.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.
        recall_overlap: the least share of a reference lesion's voxels that
            finds it, 0 to 1; 0 (`ANY_OVERLAP`) asks for one voxel.
        precision_overlap: likewise, for a predicted lesion to be a match.

    Returns:
        The scores; `score_lesions` has the empty cases.

    Raises:
        ValueError: unequal shapes, labels that are not allowed, or a share
            outside 0 to 1.
    """
    return score_lesions(
        match_lesions(reference, prediction),
        recall_overlap=recall_overlap,
        precision_overlap=precision_overlap,
    )
