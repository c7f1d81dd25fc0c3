"""Evaluates masks that any tool wrote, against reference masks."""

from collections.abc import Iterable

import numpy as np

from data_prep.errors import UserError, VolumeError
from data_prep.volume import (
    Volume,
    check_same_grid,
    read_mask,
    read_probability,
)
from wmh_keras.evaluation.pairs import Pair
from wmh_keras.evaluation.patient import PatientResult, evaluate_patient
from wmh_keras.evaluation.problems import Problem
from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH


def evaluate_pairs(
    pairs: Iterable[Pair],
    *,
    mask_value: float | None = None,
    prediction_mask_value: float | None = None,
    min_lesion_mm3: float = 0.0,
) -> tuple[list[PatientResult], list[Problem]]:
    """Reads, checks and scores pairs, one after the other.

    Label 2 in a prediction means other pathology, as in a reference: it is
    not counted as WMH.

    Args:
        pairs: what to evaluate; may be a progress bar's iterator.
        mask_value: the value of WMH in the references, where it is not 1.
        prediction_mask_value: likewise in the predictions.
        min_lesion_mm3: smaller predicted lesions are removed.

    Returns:
        A result for every usable pair, and a problem for every other.
    """
    results, problems = [], []
    for pair in pairs:
        try:
            reference, prediction, probability = read_pair(
                pair, mask_value, prediction_mask_value
            )
            results.append(
                evaluate_patient(
                    pair.key,
                    reference,
                    prediction,
                    probability,
                    min_lesion_mm3=min_lesion_mm3,
                )
            )
        except UserError as error:
            problems.append(_problem_of(pair, error))
    return results, problems


def check_pairs(
    pairs: Iterable[Pair],
    *,
    mask_value: float | None = None,
    prediction_mask_value: float | None = None,
) -> list[Problem]:
    """Finds the pairs that cannot be evaluated, without scoring any.

    Args:
        pairs: what to check.
        mask_value: as for `evaluate_pairs`, and the next.
        prediction_mask_value: likewise.

    Returns:
        A problem for every pair that cannot be read, or not together.
    """
    problems = []
    for pair in pairs:
        try:
            read_pair(pair, mask_value, prediction_mask_value)
        except UserError as error:
            problems.append(_problem_of(pair, error))
    return problems


def read_pair(
    pair: Pair,
    mask_value: float | None = None,
    prediction_mask_value: float | None = None,
) -> tuple[Volume, np.ndarray, np.ndarray | None]:
    """Reads the files of a pair and checks that they share a grid.

    Args:
        pair: the files.
        mask_value: the value of WMH in the reference, where it is not 1.
        prediction_mask_value: likewise in the prediction.

    Returns:
        The reference with the labels 0/1/2; the prediction, (x, y, z) uint8
        0/1; the probability, (x, y, z) float32, or None.

    Raises:
        VolumeError: a file that cannot be read, or is on another grid than
            the reference; names the file.
    """
    reference = read_mask(pair.reference, mask_value)
    try:
        prediction = read_mask(pair.prediction, prediction_mask_value)
    except VolumeError as error:
        message = str(error).replace("--mask_value", "--prediction_mask_value")
        raise VolumeError(message) from error
    _check_grid(prediction, reference, pair, pair.prediction)
    probability = None
    if pair.probability is not None:
        volume = read_probability(pair.probability)
        _check_grid(volume, reference, pair, pair.probability)
        probability = volume.data
    mask = prediction.data
    if mask.max(initial=0) == OTHER_PATHOLOGY:
        mask = (mask == WMH).astype(np.uint8)
    return reference, mask, probability


def _check_grid(
    volume: Volume, reference: Volume, pair: Pair, path: object
) -> None:
    try:
        check_same_grid(volume, reference)
    except VolumeError as error:
        raise VolumeError(
            f"{path}: {error} (the reference is {pair.reference})"
        ) from error


def _problem_of(pair: Pair, error: UserError) -> Problem:
    return Problem(str(pair.key), str(pair.prediction), str(error))
