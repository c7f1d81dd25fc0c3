"""All that is known of one volume: scores, size classes, lesions, curves."""

import math

import numpy as np

from data_prep.errors import UserError
from data_prep.size_classes import SIZE_CLASSES
from data_prep.volume import Volume, check_same_grid
from wmh_keras.evaluation.lesion_rows import list_lesions
from wmh_keras.evaluation.results import (
    ClassScores,
    Curves,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.rules import DEFAULT_RULES, Rules
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.inference.postprocess import remove_small_lesions
from wmh_keras.metrics import challenge, curves, labels, lesion, pixel
from wmh_keras.metrics.size_class_scores import ClassCounts, score_classes
from wmh_keras.metrics.volumetry import volume_ml

_NO_CURVES = curves.CurveScores(math.nan, math.nan, np.empty(0), np.empty(0))


def evaluate_patient(
    key: VolumeKey,
    reference: Volume,
    prediction: np.ndarray,
    probability: np.ndarray | None = None,
    *,
    rules: Rules = DEFAULT_RULES,
    flair: Volume | None = None,
) -> PatientResult:
    """Scores one predicted volume against its reference.

    Voxels of the reference's label 2 are left out of every score, the
    predicted volume and the predicted lesions included.

    Args:
        key: who it is.
        reference: labels 0/1/2 on the native grid.
        prediction: (x, y, z) labels 0/1 on the same grid.
        probability: (x, y, z) 0 to 1 on the same grid; None leaves `auc` and
            `average_precision` undefined.
        rules: what a lesion is, when it is found, and its size classes.
        flair: the image on the same grid; it tells the sides of lesions.

    Returns:
        The result.

    Raises:
        UserError: shapes, labels or probabilities that cannot be scored;
            names the subject.
    """
    try:
        if flair is not None:
            check_same_grid(reference, flair)
        prediction = as_counted(reference, prediction, rules)
        return _evaluate(key, reference, prediction, probability, rules, flair)
    except (ValueError, UserError) as error:
        raise UserError(f"{key}: {error}") from error


def as_counted(
    reference: Volume, prediction: np.ndarray, rules: Rules
) -> np.ndarray:
    """The predicted voxels that count: without small lesions and label 2.

    Args:
        reference: labels 0/1/2.
        prediction: (x, y, z) labels 0/1 on its grid; stays as it is.
        rules: their minimum lesion size; it is asked of whole lesions, before
            label 2 is left out.

    Returns:
        (x, y, z) bool.

    Raises:
        ValueError: shapes or labels that cannot be compared.
    """
    if rules.min_lesion_mm3 > 0:
        labels.check_pair(reference.data, prediction)
        prediction = remove_small_lesions(
            prediction, reference.voxel_mm3, rules.min_lesion_mm3
        )
    return labels.leave_out_label_2(reference.data, prediction)[1]


def _evaluate(
    key: VolumeKey,
    reference: Volume,
    predicted: np.ndarray,
    probability: np.ndarray | None,
    rules: Rules,
    flair: Volume | None,
) -> PatientResult:
    wmh = reference.data == labels.WMH
    counts = pixel.count_pixels(reference.data, predicted)
    in_3d = lesion.match_lesions(wmh, predicted)
    matching = in_3d
    if rules.size.in_slices:
        matching = lesion.match_lesions(
            wmh, predicted, slice_axis=reference.slice_axis
        )
    sizes = [
        rules.size.sizes(side.sizes, reference.spacing_mm, reference.slice_axis)
        for side in (matching.reference, matching.predicted)
    ]
    scored = _NO_CURVES
    if probability is not None:
        scored = curves.score_curves(reference.data, probability)
    defined = not math.isnan(scored.auc)
    per_class = score_classes(
        matching, *map(rules.size.classes, sizes), **rules.overlaps
    )
    return PatientResult(
        key=key,
        scores=_scores(
            reference, predicted, counts, in_3d, matching, scored, rules
        ),
        counts=counts,
        classes={
            name: _class_scores(found, reference.voxel_mm3)
            for name, found in zip(SIZE_CLASSES, per_class, strict=True)
        },
        lesions=list_lesions(matching, sizes, reference, rules, flair),
        curves=Curves(scored.tpr, scored.precision) if defined else None,
    )


def _scores(
    reference: Volume,
    predicted: np.ndarray,
    counts: pixel.PixelCounts,
    in_3d: lesion.LesionMatching,
    matching: lesion.LesionMatching,
    scored: curves.CurveScores,
    rules: Rules,
) -> PatientScores:
    lesions = lesion.score_lesions(matching, **rules.overlaps)
    official = challenge.challenge_scores(
        reference.data,
        predicted,
        reference.spacing_mm,
        slice_axis=reference.slice_axis,
        matching=in_3d,
    )
    return PatientScores(
        dice=pixel.dice(counts),
        precision=pixel.precision(counts),
        recall=pixel.recall(counts),
        accuracy=pixel.accuracy(counts),
        auc=scored.auc,
        average_precision=scored.average_precision,
        lesion_recall=lesions.recall,
        lesion_precision=lesions.precision,
        lesion_dice=lesions.dice,
        lesion_accuracy=lesions.accuracy,
        challenge_dsc=official.dsc,
        challenge_h95_mm=official.h95_mm,
        challenge_avd_percent=official.avd_percent,
        challenge_lesion_recall=official.lesion_recall,
        challenge_lesion_f1=official.lesion_f1,
        reference_volume_ml=volume_ml(reference.data, reference.voxel_mm3),
        predicted_volume_ml=volume_ml(predicted, reference.voxel_mm3),
        reference_lesions=matching.reference.count,
        predicted_lesions=matching.predicted.count,
    )


def _class_scores(found: ClassCounts, voxel_mm3: float) -> ClassScores:
    return ClassScores(
        reference_lesions=found.reference_lesions,
        found_lesions=found.found_lesions,
        predicted_lesions=found.predicted_lesions,
        matched_lesions=found.matched_lesions,
        reference_volume_ml=found.reference_voxels * voxel_mm3 / 1000.0,
        predicted_volume_ml=found.predicted_voxels * voxel_mm3 / 1000.0,
        dice_within=found.dice_within,
        dice=found.dice,
        lesion_recall=found.lesion_recall,
        lesion_precision=found.lesion_precision,
        lesion_dice=found.lesion_dice,
        lesion_accuracy=found.lesion_accuracy,
    )
