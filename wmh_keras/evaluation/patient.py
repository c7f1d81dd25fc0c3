"""The scores of one volume, as one row of the table."""

import math

import numpy as np

from data_prep.errors import UserError
from data_prep.volume import Volume
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.inference.postprocess import remove_small_lesions
from wmh_keras.metrics import challenge, curves, labels, lesion, pixel
from wmh_keras.metrics.volumetry import volume_ml


def evaluate_patient(
    key: VolumeKey,
    reference: Volume,
    prediction: np.ndarray,
    probability: np.ndarray | None = None,
    *,
    min_lesion_mm3: float = 0.0,
    recall_overlap: float = lesion.PAPER_OVERLAP,
    precision_overlap: float = lesion.PAPER_OVERLAP,
) -> PatientResult:
    """Scores one predicted volume against its reference.

    Voxels of the reference's label 2 are left out of every score, the
    predicted volume and the predicted lesions included.

    Args:
        key: who it is.
        reference: labels 0/1/2 on the native grid.
        prediction: (x, y, z) labels 0/1 on the same grid.
        probability: (x, y, z) 0 to 1 on the same grid; None leaves `auc`
            undefined.
        min_lesion_mm3: smaller predicted lesions are removed before every
            score but the AUC; 0 keeps all.
        recall_overlap: least covered share of a found reference lesion.
        precision_overlap: least covered share of a true predicted lesion.

    Returns:
        The result.

    Raises:
        UserError: shapes, labels or probabilities that cannot be scored;
            names the subject.
    """
    try:
        if min_lesion_mm3 > 0:
            labels.check_pair(reference.data, prediction)
            prediction = remove_small_lesions(
                prediction, reference.voxel_mm3, min_lesion_mm3
            )
        counts = pixel.count_pixels(reference.data, prediction)
        auc = math.nan
        if probability is not None:
            auc = curves.roc_auc(reference.data, probability)
        wmh, predicted = labels.leave_out_label_2(reference.data, prediction)
        matching = lesion.match_lesions(wmh, predicted)
        lesions = lesion.score_lesions(
            matching,
            recall_overlap=recall_overlap,
            precision_overlap=precision_overlap,
        )
        official = challenge.challenge_scores(
            wmh,
            predicted,
            reference.spacing_mm,
            slice_axis=reference.slice_axis,
            matching=matching,
        )
        scores = PatientScores(
            dice=pixel.dice(counts),
            precision=pixel.precision(counts),
            recall=pixel.recall(counts),
            accuracy=pixel.accuracy(counts),
            auc=auc,
            lesion_recall=lesions.recall,
            lesion_precision=lesions.precision,
            lesion_dice=lesions.dice,
            lesion_accuracy=lesions.accuracy,
            challenge_dsc=official.dsc,
            challenge_h95_mm=official.h95_mm,
            challenge_avd_percent=official.avd_percent,
            challenge_lesion_recall=official.lesion_recall,
            challenge_lesion_f1=official.lesion_f1,
            reference_volume_ml=volume_ml(wmh, reference.voxel_mm3),
            predicted_volume_ml=volume_ml(predicted, reference.voxel_mm3),
            reference_lesions=matching.reference.count,
            predicted_lesions=matching.predicted.count,
        )
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error
    return PatientResult(key, scores, counts)
