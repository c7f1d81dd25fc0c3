"""Evaluates one or several models on volumes of a prepared data set."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import UserError
from data_prep.nifti_writing import write_mask, write_probability
from wmh_keras.datasets import StoredVolume, VolumeRecord
from wmh_keras.evaluation.layout import (
    MASK_SUFFIX,
    PROBABILITY_SUFFIX,
    UNCERTAINTY_SUFFIX,
)
from wmh_keras.evaluation.patient import evaluate_patient
from wmh_keras.evaluation.patient_picture import name_pictures, write_picture
from wmh_keras.evaluation.problems import Outcome, Problem, VolumeOutcome
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.scoring import score_all
from wmh_keras.evaluation.volume_key import VolumeKey

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmentation, Segmenter


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentedVolume:
    """A volume that the network is done with, or why it could not be.

    Attributes:
        stored: the volume.
        found: None where it could not be segmented.
        problem: why not.
    """

    stored: StoredVolume
    found: "Segmentation | None" = None
    problem: str = ""


def evaluate_volumes(
    volumes: Iterable[StoredVolume],
    segmenter: "Segmenter",
    *,
    rules: Rules,
    records: Sequence[VolumeRecord],
    channels: tuple[str, ...],
    num_workers: int = 1,
    pictures_dir: Path | None = None,
    predictions_dir: Path | None = None,
) -> Outcome:
    """Segments volumes as prediction does, and scores them.

    The network runs in the caller's thread, one volume after the other, while
    earlier volumes are scored.

    Args:
        volumes: stored volumes with references; may be a stream.
        segmenter: gives mask and probability; threshold and minimum lesion
            size are its own.
        rules: how it is scored, with the segmenter's minimum lesion size.
        records: of the volumes, all of them.
        channels: roles of the volumes' images; the segmenter's are among
            them.
        num_workers: volumes scored at a time, which bounds the memory.
        pictures_dir: where to draw the volumes; None draws none.
        predictions_dir: where to write masks and probability maps (and of
            an ensemble its disagreement), named by the volumes' ids; None
            writes none.

    Returns:
        Results and problems in the order of the volumes, and the segmenter's
        warnings.
    """
    evaluate = functools.partial(
        _evaluate,
        rules=rules,
        pictures_dir=pictures_dir,
        predictions_dir=predictions_dir,
        names=name_pictures(map(key_of, records)),
    )
    return score_all(
        evaluate,
        segment_all(volumes, segmenter, channels),
        total=len(records),
        num_workers=num_workers,
    )


def key_of(record: VolumeRecord) -> VolumeKey:
    """The key of a volume of a prepared data set."""
    return VolumeKey(record.subject_id, record.session, record.run, record.site)


def segment_all(
    volumes: Iterable[StoredVolume],
    segmenter: "Segmenter",
    channels: tuple[str, ...],
) -> Iterator[SegmentedVolume]:
    """Segments volumes one after the other, as they are drawn.

    Args:
        volumes: stored volumes; may be a stream.
        segmenter: the networks.
        channels: roles of the volumes' images; the segmenter's are among
            them.
    """
    for stored in volumes:
        if stored.mask is None:
            yield SegmentedVolume(
                stored, problem="has no reference to compare with"
            )
            continue
        by_role = dict(zip(channels, stored.images, strict=True))
        images = [by_role[role] for role in segmenter.channels]
        try:
            item = SegmentedVolume(stored, segmenter.segment(images))
        except UserError as error:
            item = SegmentedVolume(stored, problem=str(error))
        yield item


def _evaluate(
    item: SegmentedVolume,
    *,
    rules: Rules,
    pictures_dir: Path | None,
    predictions_dir: Path | None,
    names: dict[tuple[str, str, str], str],
) -> VolumeOutcome:
    stored, found = item.stored, item.found
    key, flair = key_of(stored.record), stored.images[0]
    try:
        if found is None:
            raise UserError(f"{key}: {item.problem}")
        result = evaluate_patient(
            key,
            stored.mask,
            found.mask,
            found.probability,
            rules=rules,
            flair=flair,
        )
    except UserError as error:
        return VolumeOutcome(problem=Problem(str(key), "", str(error)))
    if predictions_dir is not None:
        stem = predictions_dir / stored.record.volume_id
        write_mask(f"{stem}{MASK_SUFFIX}", found.mask, flair)
        write_probability(
            f"{stem}{PROBABILITY_SUFFIX}", found.probability, flair
        )
        if found.disagreement is not None:
            write_probability(
                f"{stem}{UNCERTAINTY_SUFFIX}", found.disagreement, flair
            )
    picture = ""
    if pictures_dir is not None:
        picture = names[key.identity]
        path = pictures_dir / picture
        write_picture(path, result, flair, stored.mask, found.mask, rules)
    warnings = tuple(f"{key}: {warning}" for warning in found.warnings)
    return VolumeOutcome(result, None, warnings, picture)
