"""What the scores of many volumes amount to."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.errors import UserError
from wmh_keras.evaluation.mean_curves import MeanCurve, average_curves
from wmh_keras.evaluation.results import (
    SCORE_COLUMNS,
    PatientResult,
    mean_by_subject,
)
from wmh_keras.evaluation.size_class_summary import (
    ClassSummary,
    summarize_classes,
)
from wmh_keras.metrics import pixel
from wmh_keras.statistics.agreement import (
    BlandAltman,
    Correlation,
    Icc,
    bland_altman,
    correlation,
    icc_a1,
)
from wmh_keras.statistics.summary import (
    CONFIDENCE,
    NUM_RESAMPLES,
    Summary,
    summarize,
)


@dataclasses.dataclass(frozen=True)
class GroupSummary:
    """The scores of a group; a subject counts once, whatever its volumes.

    Attributes:
        num_subjects: people.
        num_volumes: rows of the table.
        scores: for every score column its summary over subjects.
        nan_volumes: for every score column the volumes without a value.
        pooled_counts: voxels by agreement, added up over all volumes.
        pooled_dice: Dice of those; large lesion loads weigh more.
        dice_of_means: 2 P R / (P + R) of the mean precision P and the mean
            recall R, as the paper computes its 0.711; NaN without either.
    """

    num_subjects: int
    num_volumes: int
    scores: Mapping[str, Summary]
    nan_volumes: Mapping[str, int]
    pooled_counts: pixel.PixelCounts
    pooled_dice: float
    dice_of_means: float

    def to_json(self) -> dict[str, object]:
        """JSON types, still with NaN."""
        return {
            "num_subjects": self.num_subjects,
            "num_volumes": self.num_volumes,
            "scores": {
                name: {
                    **dataclasses.asdict(summary),
                    "nan_volumes": self.nan_volumes[name],
                }
                for name, summary in self.scores.items()
            },
            "pooled_counts": dataclasses.asdict(self.pooled_counts),
            "pooled_dice": self.pooled_dice,
            "dice_of_means": self.dice_of_means,
        }


@dataclasses.dataclass(frozen=True)
class VolumeAgreement:
    """Predicted against reference lesion volumes, in ml, over subjects.

    Attributes:
        n: subjects; of several volumes the mean counts.
        bland_altman: predicted minus reference.
        icc_a1: ICC(A,1) of the two.
        correlation: of the two.
    """

    n: int
    bland_altman: BlandAltman
    icc_a1: Icc
    correlation: Correlation


@dataclasses.dataclass(frozen=True, eq=False)
class CohortSummary(GroupSummary):
    """The scores of a whole cohort, and all that needs more than one volume.

    Attributes:
        seed: of the bootstrap.
        sites: the same by site; "" are those whose site is not known.
        classes: by size class.
        volume_agreement: of the lesion volumes.
        mean_curves: "roc" and "precision_recall", or None.
    """

    seed: int
    sites: Mapping[str, GroupSummary]
    classes: Mapping[str, ClassSummary]
    volume_agreement: VolumeAgreement
    mean_curves: Mapping[str, MeanCurve] | None

    def to_json(self) -> dict[str, object]:
        """JSON types, still with NaN."""
        curves = self.mean_curves
        return {
            **super().to_json(),
            "bootstrap": {
                "seed": self.seed,
                "num_resamples": NUM_RESAMPLES,
                "confidence": CONFIDENCE,
            },
            "sites": {name: s.to_json() for name, s in self.sites.items()},
            "size_classes": {
                name: dataclasses.asdict(found)
                for name, found in self.classes.items()
            },
            "volume_agreement": dataclasses.asdict(self.volume_agreement),
            "mean_curves": curves
            and {n: c.to_json() for n, c in curves.items()},
        }


def summarize_cohort(
    results: Sequence[PatientResult], *, seed: int = 0
) -> CohortSummary:
    """Averages over a subject's volumes first, then over subjects.

    Args:
        results: one a volume, at least one.
        seed: of the bootstrap intervals.

    Raises:
        UserError: no results, or two of the same subject, session and run.
    """
    if not results:
        raise UserError("there is no volume to summarise")
    _check_unique(results)
    sites = sorted({result.key.site for result in results})
    return CohortSummary(
        **vars(summarize_group(results, seed=seed)),
        seed=seed,
        sites={
            site: summarize_group(
                [r for r in results if r.key.site == site], seed=seed
            )
            for site in sites
        },
        classes=summarize_classes(results, seed=seed),
        volume_agreement=compare_volumes(results),
        mean_curves=average_curves(results),
    )


def summarize_group(
    results: Sequence[PatientResult], *, seed: int = 0
) -> GroupSummary:
    """The scores of some volumes of a cohort, at least one.

    Args:
        results: one a volume.
        seed: of the bootstrap intervals.
    """
    scores = {
        name: summarize(_values_of(results, name), seed=seed)
        for name in SCORE_COLUMNS
    }
    pooled = sum((r.counts for r in results), pixel.PixelCounts(0, 0, 0, 0))
    return GroupSummary(
        num_subjects=len({r.key.subject_id for r in results}),
        num_volumes=len(results),
        scores=scores,
        nan_volumes={
            name: sum(math.isnan(getattr(r.scores, name)) for r in results)
            for name in SCORE_COLUMNS
        },
        pooled_counts=pooled,
        pooled_dice=pixel.dice(pooled),
        dice_of_means=_harmonic_mean(
            scores["precision"].mean, scores["recall"].mean
        ),
    )


def compare_volumes(results: Sequence[PatientResult]) -> VolumeAgreement:
    """Compares the predicted lesion volumes with those of the reference."""
    reference = np.array(_values_of(results, "reference_volume_ml"))
    predicted = np.array(_values_of(results, "predicted_volume_ml"))
    return VolumeAgreement(
        n=len(reference),
        bland_altman=bland_altman(reference, predicted),
        icc_a1=icc_a1(np.stack([reference, predicted], axis=1)),
        correlation=correlation(reference, predicted),
    )


def _values_of(results: Sequence[PatientResult], name: str) -> list[float]:
    values = mean_by_subject(results, lambda r: getattr(r.scores, name))
    return list(values.values())


def _harmonic_mean(first: float, second: float) -> float:
    total = first + second
    # NaN is not 0, so that it goes on into the result.
    return 2 * first * second / total if total != 0 else 0.0


def _check_unique(results: Sequence[PatientResult]) -> None:
    seen = set()
    for result in results:
        if result.key.identity in seen:
            raise UserError(
                f"{result.key}: expected one volume, received several; tell "
                "them apart by session or run"
            )
        seen.add(result.key.identity)
