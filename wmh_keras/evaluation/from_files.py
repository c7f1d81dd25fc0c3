"""Evaluates masks that any tool wrote, against reference masks."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from data_prep.errors import UserError, VolumeError
from data_prep.nifti import read_mask, read_probability, read_volume
from data_prep.volume import Volume, check_same_grid
from wmh_keras.evaluation.pairs import Pair
from wmh_keras.evaluation.patient import evaluate_patient
from wmh_keras.evaluation.patient_picture import name_pictures, write_picture
from wmh_keras.evaluation.problems import Outcome, Problem, VolumeOutcome
from wmh_keras.evaluation.rules import DEFAULT_RULES, Rules
from wmh_keras.evaluation.scoring import score_all
from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH


@dataclasses.dataclass(frozen=True)
class MaskValues:
    """What stands for WMH in files where it is not 1.

    Attributes:
        reference: in the references, such as 255; None for labels 0/1/2.
        prediction: likewise in the predictions.
    """

    reference: float | None = None
    prediction: float | None = None


LABELS = MaskValues()


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedPair:
    """The content of a pair's files, all on the reference's grid.

    Attributes:
        reference: labels 0/1/2.
        prediction: (x, y, z) uint8, labels 0/1.
        probability: (x, y, z) float32, 0 to 1; None where there is none.
        flair: the image; None where there is none.
        warnings: what the reader has to know.
    """

    reference: Volume
    prediction: np.ndarray
    probability: np.ndarray | None
    flair: Volume | None = None
    warnings: tuple[str, ...] = ()


def evaluate_pairs(
    pairs: Sequence[Pair],
    *,
    values: MaskValues = LABELS,
    rules: Rules = DEFAULT_RULES,
    num_workers: int = 1,
    pictures_dir: Path | None = None,
) -> Outcome:
    """Reads, checks and scores pairs, several at once.

    Label 2 in a prediction means other pathology, as in a reference: it is
    not counted as WMH, and a warning says so.

    Args:
        pairs: what to evaluate.
        values: what stands for WMH in the files.
        rules: how it is scored.
        num_workers: pairs worked on at a time, which bounds the memory.
        pictures_dir: where to draw pairs whose FLAIR is known; None draws
            none.

    Returns:
        Results and problems in the order of the pairs, and warnings.
    """
    evaluate = functools.partial(
        _evaluate_pair,
        values=values,
        rules=rules,
        pictures_dir=pictures_dir,
        names=name_pictures(pair.key for pair in pairs),
    )
    return score_all(evaluate, pairs, total=len(pairs), num_workers=num_workers)


def check_pairs(
    pairs: Iterable[Pair], values: MaskValues = LABELS
) -> list[Problem]:
    """Finds the pairs that cannot be evaluated, without scoring any.

    Args:
        pairs: what to check.
        values: what stands for WMH in the files.

    Returns:
        A problem for every pair that cannot be read, or not together.
    """
    problems = []
    for pair in pairs:
        try:
            read_pair(pair, values)
        except UserError as error:
            problems.append(_problem_of(pair, error))
    return problems


def read_pair(pair: Pair, values: MaskValues = LABELS) -> LoadedPair:
    """Reads the files of a pair and checks that they share a grid.

    Args:
        pair: the files.
        values: what stands for WMH in them.

    Returns:
        The pair, with label 2 of the prediction taken out.

    Raises:
        VolumeError: a file that cannot be read, or is on another grid than
            the reference; names the file.
    """
    reference = read_mask(pair.reference, values.reference)
    try:
        prediction = read_mask(pair.prediction, values.prediction)
    except VolumeError as error:
        message = str(error).replace("--mask_value", "--prediction_mask_value")
        raise VolumeError(message) from error
    _check_grid(prediction, reference, pair, pair.prediction)
    probability = flair = None
    if pair.probability is not None:
        volume = read_probability(pair.probability)
        _check_grid(volume, reference, pair, pair.probability)
        probability = volume.data
    if pair.flair is not None:
        flair = read_volume(pair.flair)
        _check_grid(flair, reference, pair, pair.flair)
    mask, warnings = prediction.data, ()
    others = int(np.count_nonzero(mask == OTHER_PATHOLOGY))
    if others:
        mask = (mask == WMH).astype(np.uint8)
        warnings = (
            f"{pair.prediction}: {others} voxels have label 2, which is taken "
            "for other pathology, not for WMH",
        )
    return LoadedPair(reference, mask, probability, flair, warnings)


def _evaluate_pair(
    pair: Pair,
    *,
    values: MaskValues,
    rules: Rules,
    pictures_dir: Path | None,
    names: dict[tuple[str, str, str], str],
) -> VolumeOutcome:
    try:
        loaded = read_pair(pair, values)
        result = evaluate_patient(
            pair.key,
            loaded.reference,
            loaded.prediction,
            loaded.probability,
            rules=rules,
            flair=loaded.flair,
        )
    except UserError as error:
        return VolumeOutcome(problem=_problem_of(pair, error))
    picture = ""
    if loaded.flair is not None and pictures_dir is not None:
        picture = names[pair.key.identity]
        write_picture(
            pictures_dir / picture,
            result,
            loaded.flair,
            loaded.reference,
            loaded.prediction,
            rules,
        )
    return VolumeOutcome(result, None, loaded.warnings, picture)


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
