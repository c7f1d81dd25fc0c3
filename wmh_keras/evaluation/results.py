"""The rows that an evaluation writes, and reads back for a report."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wmh_keras.evaluation.volume_key import KEY_COLUMNS, VolumeKey
from wmh_keras.metrics.pixel import PixelCounts

Identity = tuple[str, str, str]
# The two masks of a volume, as `LesionRow.mask` names them.
MASKS = ("reference", "predicted")


@dataclasses.dataclass(frozen=True)
class PatientScores:
    """The scores of one volume, in the order of the table's columns.

    NaN stands for "not defined here": see the table of empty cases in
    `wmh_keras.metrics`, and for `auc` and `average_precision` also "no
    probabilities".
    """

    dice: float
    precision: float
    recall: float
    accuracy: float
    auc: float
    average_precision: float
    lesion_recall: float
    lesion_precision: float
    lesion_dice: float
    lesion_accuracy: float
    challenge_dsc: float
    challenge_h95_mm: float
    challenge_avd_percent: float
    challenge_lesion_recall: float
    challenge_lesion_f1: float
    reference_volume_ml: float
    predicted_volume_ml: float
    reference_lesions: int
    predicted_lesions: int


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """The scores of one volume within one size class of lesions.

    Attributes:
        reference_lesions: reference lesions of the class.
        found_lesions: those that the lesion rule finds.
        predicted_lesions: predicted lesions of that size.
        matched_lesions: those that the rule matches.
        reference_volume_ml: of the reference lesions of the class.
        predicted_volume_ml: of the predicted lesions of that size.
        dice_within: 2 TP / (TP + |R_c|), the prediction counted only inside
            the reference lesions of the class: it sees no false positive.
            NaN where the reference has no lesion of the class.
        dice: the same with the predicted lesions that belong to the class.
        lesion_recall: as `score_lesions` within the class, and the next.
        lesion_precision: likewise.
        lesion_dice: likewise, the lesion F1.
        lesion_accuracy: likewise.
    """

    reference_lesions: int
    found_lesions: int
    predicted_lesions: int
    matched_lesions: int
    reference_volume_ml: float
    predicted_volume_ml: float
    dice_within: float
    dice: float
    lesion_recall: float
    lesion_precision: float
    lesion_dice: float
    lesion_accuracy: float


@dataclasses.dataclass(frozen=True)
class LesionRow:
    """One lesion of one mask, and how the other mask covers it.

    Attributes:
        mask: "reference" or "predicted".
        id: from 1 within volume and mask, the largest first.
        centroid_mm: world millimetres, RAS+.
        volume_mm3: its voxels' volume (of a component within a slice too).
        voxels: its size in voxels.
        size: its size in the unit of the size rule.
        size_class: "small", "medium" or "large" by that rule.
        overlap: share of its voxels that the other mask covers, 0 to 1.
        found: whether the lesion rule counts it as found (reference) or as
            a match (predicted).
        side: "left", "right" or "both"; "" where no image tells the middle.
        touches: ids of the other mask's lesions that share a voxel with it.
    """

    mask: str
    id: int
    centroid_mm: tuple[float, float, float]
    volume_mm3: float
    voxels: int
    size: float
    size_class: str
    overlap: float
    found: bool
    side: str
    touches: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Points of the exact curves of one volume, for drawing.

    Attributes:
        tpr: (len(ROC_FPR),) float64, true positive rate at these false
            positive rates (`wmh_keras.metrics.curves.ROC_FPR`).
        precision: (len(PR_RECALL),) float64, precision at these recalls.
    """

    tpr: np.ndarray
    precision: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class PatientResult:
    """All that is known of one evaluated volume.

    Attributes:
        key: who it is.
        scores: over the whole volume.
        counts: voxels by agreement (for pooled scores).
        classes: scores by the name of the size class, all three.
        lesions: reference lesions first, then predicted ones.
        curves: None without probabilities, or where they are not defined.
    """

    key: VolumeKey
    scores: PatientScores
    counts: PixelCounts
    classes: Mapping[str, ClassScores]
    lesions: tuple[LesionRow, ...] = ()
    curves: Curves | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationResults:
    """One evaluation folder, read back.

    Attributes:
        name: what reports call it, such as "unet"; the folder's name if the
            user gives none.
        folder: where it lies.
        summary: summary.json as JSON types (null for NaN).
        volumes: rows in the order of per_patient.csv.
        history: history.csv of the model's training, or None.
        pictures: picture of a volume by its identity; those that are there.
    """

    name: str
    folder: Path
    summary: Mapping[str, Any]
    volumes: tuple[PatientResult, ...]
    history: Path | None = None
    pictures: Mapping[Identity, Path] = dataclasses.field(default_factory=dict)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids of the subjects, each once, in the order of the rows."""
        return tuple(dict.fromkeys(v.key.subject_id for v in self.volumes))

    def by_subject(
        self, score: str, size_class: str | None = None
    ) -> dict[str, float]:
        """One value a subject: the mean of its volumes that have one, or NaN.

        Args:
            score: a field of PatientScores, or with a size class of
                ClassScores.
            size_class: "small", "medium" or "large".
        """
        if size_class is None:
            return mean_by_subject(
                self.volumes, lambda v: getattr(v.scores, score)
            )
        return mean_by_subject(
            self.volumes, lambda v: getattr(v.classes[size_class], score)
        )


def mean_by_subject(
    volumes: Iterable[PatientResult],
    value_of: Callable[[PatientResult], float],
) -> dict[str, float]:
    """One value a subject: the mean of its volumes that have one, or NaN.

    Args:
        volumes: rows of the table.
        value_of: a number of a volume; NaN where it has none.

    Returns:
        Subject id to value, in the order of the volumes.
    """
    return subject_means(
        (volume.key.subject_id, value_of(volume)) for volume in volumes
    )


def subject_means(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """As `mean_by_subject`, from (subject id, number) of each volume."""
    gathered: dict[str, list[float]] = {}
    for subject, value in values:
        known = gathered.setdefault(subject, [])
        if not math.isnan(value):
            known.append(float(value))
    return {
        subject: float(np.mean(known)) if known else math.nan
        for subject, known in gathered.items()
    }


SCORE_COLUMNS = tuple(f.name for f in dataclasses.fields(PatientScores))
COUNT_COLUMNS = tuple(f.name for f in dataclasses.fields(PixelCounts))
COLUMNS = KEY_COLUMNS + SCORE_COLUMNS + COUNT_COLUMNS
CLASS_COLUMNS = (
    *KEY_COLUMNS,
    "size_class",
    *(f.name for f in dataclasses.fields(ClassScores)),
)
LESION_COLUMNS = (
    *KEY_COLUMNS,
    "mask",
    "id",
    "centroid_x_mm",
    "centroid_y_mm",
    "centroid_z_mm",
    "volume_mm3",
    "voxels",
    "size",
    "size_class",
    "overlap",
    "found",
    "side",
    "touches",
)
CURVE_COLUMNS = (*KEY_COLUMNS, "curve", "x", "y")
