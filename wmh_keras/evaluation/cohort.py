"""What the scores of many volumes amount to."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.errors import UserError
from wmh_keras.evaluation.patient import SCORE_COLUMNS, PatientResult
from wmh_keras.metrics import pixel
from wmh_keras.statistics.summary import (
    CONFIDENCE,
    NUM_RESAMPLES,
    Summary,
    summarize,
)


@dataclasses.dataclass(frozen=True)
class CohortSummary:
    """The scores of a cohort; a subject counts once, whatever its volumes.

    Attributes:
        num_subjects: people.
        num_volumes: rows of the table.
        scores: for every score column its summary over subjects.
        nan_volumes: for every score column the volumes without a value.
        pooled_counts: voxels by agreement, added up over all volumes.
        pooled_dice: Dice of those; large lesion loads weigh more.
        dice_of_means: 2 P R / (P + R) of the mean precision P and the mean
            recall R, as the paper computes its 0.711; NaN without either.
        seed: of the bootstrap.
    """

    num_subjects: int
    num_volumes: int
    scores: Mapping[str, Summary]
    nan_volumes: Mapping[str, int]
    pooled_counts: pixel.PixelCounts
    pooled_dice: float
    dice_of_means: float
    seed: int

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
            "bootstrap": {
                "seed": self.seed,
                "num_resamples": NUM_RESAMPLES,
                "confidence": CONFIDENCE,
            },
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
    scores = {
        name: summarize(_values_by_subject(results, name), seed=seed)
        for name in SCORE_COLUMNS
    }
    pooled = sum((r.counts for r in results), pixel.PixelCounts(0, 0, 0, 0))
    return CohortSummary(
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
        seed=seed,
    )


def _values_by_subject(
    results: Sequence[PatientResult], name: str
) -> list[float]:
    """One value a subject: the mean of its volumes that have one, or NaN."""
    values: dict[str, list[float]] = {}
    for result in results:
        value = float(getattr(result.scores, name))
        known = values.setdefault(result.key.subject_id, [])
        if not math.isnan(value):
            known.append(value)
    return [float(np.mean(v)) if v else math.nan for v in values.values()]


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
