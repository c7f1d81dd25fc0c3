"""Evaluates a model on volumes of a prepared data set."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import UserError
from data_prep.nifti import write_mask, write_probability
from wmh_keras.datasets import StoredVolume, VolumeRecord
from wmh_keras.evaluation.patient import evaluate_patient
from wmh_keras.evaluation.problems import Outcome, Problem
from wmh_keras.evaluation.volume_key import VolumeKey

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmenter

MASK_SUFFIX = "_mask.nii.gz"
PROBABILITY_SUFFIX = "_probability.nii.gz"


def evaluate_volumes(
    volumes: Iterable[StoredVolume],
    segmenter: "Segmenter",
    *,
    predictions_dir: Path | None = None,
) -> Outcome:
    """Segments volumes as prediction does, and scores them one by one.

    Args:
        volumes: stored volumes with references; may be a stream.
        segmenter: gives mask and probability; threshold and minimum lesion
            size are its own.
        predictions_dir: where to write masks and probability maps, named by
            the volumes' ids; None writes none.

    Returns:
        Results and problems in the order of the volumes, and the segmenter's
        warnings.
    """
    results, problems, warnings = [], [], []
    for stored in volumes:
        key = key_of(stored.record)
        try:
            if stored.mask is None:
                raise UserError(f"{key}: has no reference to compare with")
            found = segmenter.segment(stored.images)
            results.append(
                evaluate_patient(
                    key, stored.mask, found.mask, found.probability
                )
            )
        except UserError as error:
            problems.append(Problem(str(key), "", str(error)))
            continue
        warnings += [f"{key}: {warning}" for warning in found.warnings]
        if predictions_dir is not None:
            like = stored.images[0]
            stem = predictions_dir / stored.record.volume_id
            write_mask(f"{stem}{MASK_SUFFIX}", found.mask, like)
            write_probability(
                f"{stem}{PROBABILITY_SUFFIX}", found.probability, like
            )
    return Outcome(tuple(results), tuple(problems), tuple(warnings))


def key_of(record: VolumeRecord) -> VolumeKey:
    """The key of a volume of a prepared data set."""
    return VolumeKey(record.subject_id, record.session, record.run, record.site)
