"""Scores within classes of lesions by size."""

import dataclasses
import math

import numpy as np

from wmh_keras.metrics import lesion


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """The counts and scores of one volume within one class of lesions.

    Attributes:
        reference_lesions: reference lesions of the class.
        found_lesions: those of them that the prediction finds.
        predicted_lesions: predicted lesions of the class, by their own size.
        matched_lesions: those of them that the reference matches.
        reference_voxels: voxels of the reference lesions of the class.
        predicted_voxels: voxels of the predicted lesions of the class.
        dice_within: see `score_classes`.
        dice: see `score_classes`.
        lesion_recall: `lesion.score_counts` of the four counts.
        lesion_precision: likewise.
        lesion_dice: likewise, the lesion F1.
        lesion_accuracy: likewise.
    """

    reference_lesions: int
    found_lesions: int
    predicted_lesions: int
    matched_lesions: int
    reference_voxels: int
    predicted_voxels: int
    dice_within: float
    dice: float
    lesion_recall: float
    lesion_precision: float
    lesion_dice: float
    lesion_accuracy: float


def score_classes(
    matching: lesion.LesionMatching,
    reference_class: np.ndarray,
    predicted_class: np.ndarray,
    *,
    num_classes: int = 3,
    recall_overlap: float = lesion.PAPER_OVERLAP,
    precision_overlap: float = lesion.PAPER_OVERLAP,
) -> list[ClassCounts]:
    """Scores each class of lesions.

    R_c are the voxels of the reference lesions of class c, TP those of them
    that are predicted.

        dice_within = 2 TP / (TP + |R_c|)

    counts the prediction only inside the reference lesions of the class. It
    is the only reading of Shan et al. (2021) that fits its 0.96 for large
    lesions, and it cannot see a false positive. For

        dice = 2 TP / (|P_c| + |R_c|)

    P_c are the predicted lesions that share a voxel with R_c, less reference
    voxels of other classes, and the predicted lesions of that size that
    share a voxel with no reference lesion at all. A predicted lesion that
    touches two classes counts in both, with what it predicts wrongly.

    | of the class, in   | neither | prediction only | reference only |
    |--------------------|---------|-----------------|----------------|
    | dice_within        | NaN     | NaN             | 0              |
    | dice (P_c and R_c) | 1       | 0               | 0              |

    The lesion scores are those of `lesion.score_counts`: a reference lesion
    counts in its class, a predicted one in the class of its own size.

    Args:
        matching: of the whole volume.
        reference_class: (n,) integers from 0, the class of each reference
            lesion.
        predicted_class: (m,) likewise, of each predicted lesion.
        num_classes: the number of classes.
        recall_overlap: as `lesion.score_lesions`.
        precision_overlap: likewise.

    Returns:
        One entry a class.

    Raises:
        ValueError: another number of classes than of lesions, a class that is
            not 0 to num_classes - 1, or an overlap that is not 0 to 1.
    """
    of_reference = _check_classes(
        reference_class, matching.reference, num_classes, "reference_class"
    )
    of_predicted = _check_classes(
        predicted_class, matching.predicted, num_classes, "predicted_class"
    )
    found = matching.reference.matched(recall_overlap)
    matched = matching.predicted.matched(precision_overlap)
    return [
        _score_class(
            matching,
            of_reference == number,
            of_predicted == number,
            found,
            matched,
        )
        for number in range(num_classes)
    ]


def _score_class(
    matching: lesion.LesionMatching,
    in_reference: np.ndarray,
    in_prediction: np.ndarray,
    found: np.ndarray,
    matched: np.ndarray,
) -> ClassCounts:
    """Scores the class whose lesions the two boolean arrays mark."""
    reference, predicted = matching.reference, matching.predicted
    counts = {
        "in_reference": int(in_reference.sum()),
        "found": int((found & in_reference).sum()),
        "in_prediction": int(in_prediction.sum()),
        "matched": int((matched & in_prediction).sum()),
    }
    reference_voxels = int(reference.sizes[in_reference].sum())
    true = int(reference.covered[in_reference].sum())
    total = reference_voxels + _belonging(matching, in_reference, in_prediction)
    lesions = lesion.score_counts(**counts)
    return ClassCounts(
        reference_lesions=counts["in_reference"],
        found_lesions=counts["found"],
        predicted_lesions=counts["in_prediction"],
        matched_lesions=counts["matched"],
        reference_voxels=reference_voxels,
        predicted_voxels=int(predicted.sizes[in_prediction].sum()),
        dice_within=(
            2 * true / (true + reference_voxels)
            if reference_voxels
            else math.nan
        ),
        dice=2 * true / total if total else 1.0,
        lesion_recall=lesions.recall,
        lesion_precision=lesions.precision,
        lesion_dice=lesions.dice,
        lesion_accuracy=lesions.accuracy,
    )


def _belonging(
    matching: lesion.LesionMatching,
    in_reference: np.ndarray,
    in_prediction: np.ndarray,
) -> int:
    """|P_c| of `score_classes`, in voxels."""
    predicted, pairs = matching.predicted, matching.contingency
    of_class = in_reference[pairs.reference]
    touching = np.zeros(predicted.count, bool)
    touching[pairs.predicted[of_class]] = True
    of_others = ~of_class & touching[pairs.predicted]
    alone = in_prediction & (predicted.covered == 0)
    return int(
        predicted.sizes[touching].sum()
        - pairs.shared[of_others].sum()
        + predicted.sizes[alone].sum()
    )


def _check_classes(
    classes: np.ndarray,
    lesions: lesion.LesionOverlaps,
    num_classes: int,
    name: str,
) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.shape != (lesions.count,):
        raise ValueError(
            f"{name}: expected one class for each of {lesions.count} lesions, "
            f"received the shape {classes.shape}"
        )
    if classes.size and not (
        np.issubdtype(classes.dtype, np.integer)
        and 0 <= classes.min() <= classes.max() < num_classes
    ):
        raise ValueError(
            f"{name}: expected integers from 0 to {num_classes - 1}, "
            f"received {np.unique(classes)[:5]}"
        )
    return classes
