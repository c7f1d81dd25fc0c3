"""How scores are called in tables and text, and how they are printed."""

import dataclasses

from data_prep.size_classes import SIZE_CLASSES


@dataclasses.dataclass(frozen=True)
class ScoreName:
    """How a score is shown.

    Attributes:
        text: such as "Lesion recall".
        decimals: how many are printed.
    """

    text: str
    decimals: int = 3


_WHOLE = {
    "dice": ScoreName("Dice"),
    "precision": ScoreName("Precision"),
    "recall": ScoreName("Recall"),
    "accuracy": ScoreName("Accuracy", 4),
    "auc": ScoreName("ROC AUC", 4),
    "average_precision": ScoreName("Average precision"),
    "lesion_recall": ScoreName("Lesion recall"),
    "lesion_precision": ScoreName("Lesion precision"),
    "lesion_dice": ScoreName("Lesion Dice (F1)"),
    "lesion_accuracy": ScoreName("Lesion accuracy"),
    "challenge_dsc": ScoreName("Challenge DSC"),
    "challenge_h95_mm": ScoreName("Challenge H95 (mm)", 2),
    "challenge_avd_percent": ScoreName("Challenge AVD (%)", 1),
    "challenge_lesion_recall": ScoreName("Challenge lesion recall"),
    "challenge_lesion_f1": ScoreName("Challenge lesion F1"),
    "absolute_volume_error_ml": ScoreName("Absolute volume error (ml)", 2),
    "reference_volume_ml": ScoreName("Reference volume (ml)", 2),
    "predicted_volume_ml": ScoreName("Predicted volume (ml)", 2),
    "reference_lesions": ScoreName("Reference lesions", 1),
    "predicted_lesions": ScoreName("Predicted lesions", 1),
}
_WITHIN_CLASS = {
    "dice_within": "Dice within reference lesions",
    "dice": "Dice",
    "lesion_recall": "Lesion recall",
    "lesion_precision": "Lesion precision",
    "lesion_dice": "Lesion Dice (F1)",
    "lesion_accuracy": "Lesion accuracy",
}


def score_name(score: str) -> ScoreName:
    """The name of a score, such as "dice" or "lesion_recall_small".

    A score that is not known here keeps its own name.
    """
    if score in _WHOLE:
        return _WHOLE[score]
    stem, _, size = score.rpartition("_")
    if size in SIZE_CLASSES and stem in _WITHIN_CLASS:
        return ScoreName(f"{_WITHIN_CLASS[stem]}, {size}")
    return ScoreName(score)
