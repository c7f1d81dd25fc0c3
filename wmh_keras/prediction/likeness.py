"""Is a scan like those that the models were trained on?"""

import dataclasses
from collections.abc import Sequence

from data_prep.preprocess_config import PreprocessConfig
from data_prep.subject_digest import subjects_among
from data_prep.volume import Volume
from wmh_keras.model_info import ModelInfo
from wmh_keras.plausibility.training_range import TrainingRange, merge_ranges

# Values of the column, beside the kinds of findings joined by "+".
COLUMN = "unlike_training"
LIKE, NOT_CHECKED = "no", "not checked"


@dataclasses.dataclass(frozen=True)
class Expectation:
    """What scans are like that models with one preparation were trained on.

    Attributes:
      preprocess: how the models' slices are prepared.
      seen: what their training scans were like.
    """

    preprocess: PreprocessConfig
    seen: TrainingRange


@dataclasses.dataclass(frozen=True)
class Likeness:
    """What came of the comparison.

    Attributes:
      verdict: for the column: "no", "not checked", or in what the scan is
        unlike the training scans, such as "contrast+lesions".
      warnings: a sentence for each of these.
    """

    verdict: str = NOT_CHECKED
    warnings: tuple[str, ...] = ()


def expectations_of(infos: Sequence[ModelInfo]) -> tuple[Expectation, ...]:
    """Joins what models know of their training scans.

    Args:
      infos: the models; those of earlier versions know nothing.

    Returns:
      One for each preparation; empty where no model knows anything.
    """
    ranges: dict[PreprocessConfig, list[TrainingRange | None]] = {}
    for info in infos:
        ranges.setdefault(info.preprocess, []).append(info.training_range)
    joined = {config: merge_ranges(known) for config, known in ranges.items()}
    return tuple(
        Expectation(config, seen) for config, seen in joined.items() if seen
    )


def compare_with_training(
    flair: Volume,
    lesion_ml: float,
    num_lesions: int,
    expectations: Sequence[Expectation],
) -> Likeness:
    """Compares a scan and what was found in it with the training scans.

    It takes a fraction of a second and changes nothing: it warns.

    Args:
      flair: the image on its native grid.
      lesion_ml: volume of what was found.
      num_lesions: number of lesions found.
      expectations: from `expectations_of`; where there are several, the scan
        has to be like the training scans of each.
    """
    # SciPy takes its time to import; what is planned goes without.
    from wmh_keras.plausibility.check import KINDS, check_measures
    from wmh_keras.plausibility.scan_measures import (
        HEAD_ML,
        measure_lesions,
        measure_scan,
    )

    if not expectations:
        return Likeness()
    found = []
    for expectation in expectations:
        measures = measure_scan(flair, expectation.preprocess)
        load = measure_lesions(lesion_ml, num_lesions, measures[HEAD_ML])
        found += check_measures({**measures, **load}, expectation.seen)
    kinds = {finding.kind for finding in found}
    return Likeness(
        "+".join(kind for kind in KINDS if kind in kinds) or LIKE,
        tuple(dict.fromkeys(finding.sentence for finding in found)),
    )


def warn_of_seen(
    subject_id: str, seen_subjects: Sequence[str] | None
) -> list[str]:
    """Says so where the models have seen a subject of this id.

    Args:
      subject_id: who was scanned.
      seen_subjects: digests of those in training; None where not known.
    """
    if not subjects_among(seen_subjects or (), [subject_id]):
        return []
    return [
        "the model has seen a subject of this id: unless it is someone else, "
        "the mask is better than those of new subjects, and no test of the "
        "model"
    ]
