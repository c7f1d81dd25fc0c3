"""What a size class of lesions amounts to over a cohort."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import PatientResult, mean_by_subject
from wmh_keras.statistics.summary import Summary, summarize

CLASS_SCORES = (
    "dice_within",
    "dice",
    "lesion_recall",
    "lesion_precision",
    "lesion_dice",
    "lesion_accuracy",
)


@dataclasses.dataclass(frozen=True)
class ClassSummary:
    """One size class over a cohort.

    Attributes:
        reference_lesions: of the class, over all volumes.
        found_lesions: those that the lesion rule finds.
        predicted_lesions: of that size, over all volumes.
        matched_lesions: those that the rule matches.
        reference_volume_ml: of the reference lesions, over all volumes.
        predicted_volume_ml: of the predicted lesions, over all volumes.
        pooled_recall: found / reference lesions; each lesion counts the same,
            so patients with many count more. NaN without lesions.
        pooled_precision: matched / predicted lesions, likewise.
        patients_with: subjects who have reference lesions of the class.
        scores: over all subjects, by the one policy for empty cases.
        scores_with: over the subjects who have the class, from those of
            their volumes which have it.
    """

    reference_lesions: int
    found_lesions: int
    predicted_lesions: int
    matched_lesions: int
    reference_volume_ml: float
    predicted_volume_ml: float
    pooled_recall: float
    pooled_precision: float
    patients_with: int
    scores: Mapping[str, Summary]
    scores_with: Mapping[str, Summary]


def summarize_classes(
    results: Sequence[PatientResult], *, seed: int = 0
) -> dict[str, ClassSummary]:
    """Summarises every size class.

    Args:
        results: one a volume.
        seed: of the bootstrap intervals.

    Returns:
        Small, medium and large; a class that nobody has is there too.
    """
    return {
        name: _summarize_class(results, name, seed) for name in SIZE_CLASSES
    }


def _summarize_class(
    results: Sequence[PatientResult], name: str, seed: int
) -> ClassSummary:
    classes = [result.classes[name] for result in results]
    having = [r for r in results if r.classes[name].reference_lesions]
    reference = sum(c.reference_lesions for c in classes)
    found = sum(c.found_lesions for c in classes)
    predicted = sum(c.predicted_lesions for c in classes)
    matched = sum(c.matched_lesions for c in classes)
    return ClassSummary(
        reference_lesions=reference,
        found_lesions=found,
        predicted_lesions=predicted,
        matched_lesions=matched,
        reference_volume_ml=math.fsum(c.reference_volume_ml for c in classes),
        predicted_volume_ml=math.fsum(c.predicted_volume_ml for c in classes),
        pooled_recall=found / reference if reference else math.nan,
        pooled_precision=matched / predicted if predicted else math.nan,
        patients_with=len({r.key.subject_id for r in having}),
        scores=_summarize_scores(results, name, seed),
        scores_with=_summarize_scores(having, name, seed),
    )


def _summarize_scores(
    results: Sequence[PatientResult], name: str, seed: int
) -> dict[str, Summary]:
    summaries = {}
    for score in CLASS_SCORES:
        values = mean_by_subject(
            results, lambda r, score=score: getattr(r.classes[name], score)
        )
        summaries[score] = summarize(list(values.values()), seed=seed)
    return summaries
