"""Evaluates masks that any tool wrote, against reference masks."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from data_prep.errors import UserError, VolumeError
from data_prep.nifti import read_mask, read_probability
from data_prep.volume import Volume, check_same_grid
from wmh_keras.evaluation.pairs import Pair
from wmh_keras.evaluation.patient import evaluate_patient
from wmh_keras.evaluation.problems import Outcome, Problem
from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedPair:
    """The content of a pair's files, all on the reference's grid.

    Attributes:
        reference: labels 0/1/2.
        prediction: (x, y, z) uint8, labels 0/1.
        probability: (x, y, z) float32, 0 to 1; None where there is none.
        warnings: what the reader has to know.
    """

    reference: Volume
    prediction: np.ndarray
    probability: np.ndarray | None
    warnings: tuple[str, ...] = ()


def evaluate_pairs(
    pairs: Iterable[Pair],
    *,
    mask_value: float | None = None,
    prediction_mask_value: float | None = None,
    min_lesion_mm3: float = 0.0,
) -> Outcome:
    """Reads, checks and scores pairs, one after the other.

    Label 2 in a prediction means other pathology, as in a reference: it is
    not counted as WMH, and a warning says so.

    Args:
        pairs: what to evaluate; may be a progress bar's iterator.
        mask_value: the value of WMH in the references, where it is not 1.
        prediction_mask_value: likewise in the predictions.
        min_lesion_mm3: smaller predicted lesions are removed.

    Returns:
        Results and problems in the order of the pairs, and warnings.
    """
    results, problems, warnings = [], [], []
    for pair in pairs:
        try:
            loaded = read_pair(pair, mask_value, prediction_mask_value)
            results.append(
                evaluate_patient(
                    pair.key,
                    loaded.reference,
                    loaded.prediction,
                    loaded.probability,
                    min_lesion_mm3=min_lesion_mm3,
                )
            )
        except UserError as error:
            problems.append(_problem_of(pair, error))
        else:
            warnings += loaded.warnings
    return Outcome(tuple(results), tuple(problems), tuple(warnings))


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
) -> LoadedPair:
    """Reads the files of a pair and checks that they share a grid.

    Args:
        pair: the files.
        mask_value: the value of WMH in the reference, where it is not 1.
        prediction_mask_value: likewise in the prediction.

    Returns:
        The pair, with label 2 of the prediction taken out.

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
    mask, warnings = prediction.data, ()
    others = int(np.count_nonzero(mask == OTHER_PATHOLOGY))
    if others:
        mask = (mask == WMH).astype(np.uint8)
        warnings = (
            f"{pair.prediction}: {others} voxels have label 2, which is taken "
            "for other pathology, not for WMH",
        )
    return LoadedPair(reference, mask, probability, warnings)


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
