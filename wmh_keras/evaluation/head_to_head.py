"""Several evaluations of the same patients, side by side."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from data_prep.program import progress
from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.comparable import check_comparable
from wmh_keras.evaluation.results import (
    ClassScores,
    EvaluationResults,
    Identity,
    PatientResult,
    subject_means,
)
from wmh_keras.evaluation.size_class_summary import CLASS_SCORES
from wmh_keras.statistics.comparison import Comparison, compare_models
from wmh_keras.statistics.summary import Summary, summarize

VOLUME_ERROR = "absolute_volume_error_ml"
_WHOLE_SCORES = (
    "dice",
    "precision",
    "recall",
    "accuracy",
    "auc",
    "average_precision",
    "lesion_recall",
    "lesion_precision",
    "lesion_dice",
    "lesion_accuracy",
    "challenge_dsc",
    "challenge_h95_mm",
    "challenge_avd_percent",
    "challenge_lesion_recall",
    "challenge_lesion_f1",
)
LOWER_IS_BETTER = frozenset(
    {"challenge_h95_mm", "challenge_avd_percent", VOLUME_ERROR}
)
# Means that differ by less are one number computed in another order.
_TIE = 1e-12

# None: the volume has no say in this score, whatever a model predicts.
_ValueOf = Callable[[PatientResult], float | None]


@dataclasses.dataclass(frozen=True)
class ScoreComparison:
    """One score over several models.

    Attributes:
        score: a field of PatientScores, `VOLUME_ERROR` (predicted less
            reference volume, without its sign), or a score within a size
            class such as "dice_small".
        higher_is_better: which direction is good.
        summaries: by model, each over all the subjects that have a value.
        missing_volumes: by model, volumes without a value.
        best: models whose mean is the best one, over the common patients;
            several where they tie, none where no patient is common.
        comparison: tests over the subjects on which every model has a value;
            None where fewer than two subjects have.
    """

    score: str
    higher_is_better: bool
    summaries: Mapping[str, Summary]
    missing_volumes: Mapping[str, int]
    best: tuple[str, ...]
    comparison: Comparison | None


@dataclasses.dataclass(frozen=True, eq=False)
class HeadToHead:
    """Several models on the same patients.

    Attributes:
        models: names, in the order given.
        subjects: the patients, in the order of the first evaluation.
        scores: by name, in the order of a table.
    """

    models: tuple[str, ...]
    subjects: tuple[str, ...]
    scores: Mapping[str, ScoreComparison]


def compare_evaluations(
    evaluations: Sequence[EvaluationResults], *, seed: int = 0
) -> HeadToHead:
    """Compares evaluations of the same volumes.

    Scores within a size class are over the volumes whose reference has
    lesions of the class: elsewhere the policy for empty cases would give 1 to
    a model that predicts nothing.

    A subject counts once: its volumes are averaged first. A model's own
    summary takes all volumes on which it has a value; the tests and `best`
    take only those on which every model has one, so that a subject's two
    numbers are about the same scans.

    Args:
        evaluations: at least two, names unique.
        seed: of the bootstrap of differences; a model's own interval has the
            seed of its evaluation.

    Raises:
        UserError: other volumes, other references or other rules (lesion
            rule, size rule) in one of them; says which.
        ValueError: fewer than two evaluations.
    """
    if len(evaluations) < 2:
        raise ValueError(
            f"evaluations: expected at least two, received {len(evaluations)}"
        )
    check_comparable(evaluations)
    return HeadToHead(
        models=tuple(e.name for e in evaluations),
        subjects=evaluations[0].subjects,
        scores={
            name: _compare_score(name, value_of, evaluations, seed)
            for name, value_of in progress(
                list(_scores()), "compare", unit="score"
            )
        },
    )


def _scores() -> Iterable[tuple[str, _ValueOf]]:
    """Every score with what reads it from a volume's result."""
    for name in _WHOLE_SCORES:
        yield name, lambda v, n=name: float(getattr(v.scores, n))
    yield VOLUME_ERROR, _volume_error_ml
    for size_class in SIZE_CLASSES:
        for name in CLASS_SCORES:
            yield (
                f"{name}_{size_class}",
                lambda v, c=size_class, n=name: _class_score(v.classes[c], n),
            )


def _class_score(scores: ClassScores, name: str) -> float | None:
    if not scores.reference_lesions:
        return None
    return float(getattr(scores, name))


def _volume_error_ml(volume: PatientResult) -> float:
    scores = volume.scores
    return abs(scores.predicted_volume_ml - scores.reference_volume_ml)


def _compare_score(
    name: str,
    value_of: _ValueOf,
    evaluations: Sequence[EvaluationResults],
    seed: int,
) -> ScoreComparison:
    # The references are the same, so that all models leave out the same.
    identities = [
        v.key.identity
        for v in evaluations[0].volumes
        if value_of(v) is not None
    ]
    values = {}
    for evaluation in evaluations:
        by_volume = {v.key.identity: value_of(v) for v in evaluation.volumes}
        values[evaluation.name] = np.array(
            [by_volume[i] for i in identities], np.float64
        )
    missing = {m: np.isnan(column) for m, column in values.items()}
    in_all = ~np.any(list(missing.values()), axis=0)
    paired = {
        model: _mean_by_subject(identities, np.where(in_all, column, math.nan))
        for model, column in values.items()
    }
    comparison = compare_models(paired, seed=seed)
    higher_is_better = name not in LOWER_IS_BETTER
    return ScoreComparison(
        score=name,
        higher_is_better=higher_is_better,
        # By the evaluations' own seeds: their summaries say the same then.
        summaries={
            e.name: summarize(
                _mean_by_subject(identities, values[e.name]),
                seed=e.summary["bootstrap"]["seed"],
            )
            for e in evaluations
        },
        missing_volumes={m: int(nan.sum()) for m, nan in missing.items()},
        best=_best(comparison.means, higher_is_better),
        comparison=comparison if comparison.n >= 2 else None,
    )


def _mean_by_subject(
    identities: Sequence[Identity], values: np.ndarray
) -> np.ndarray:
    """(subjects,) means of the volumes that have a value, NaN without."""
    subjects = [subject for subject, _, _ in identities]
    means = subject_means(zip(subjects, values.tolist(), strict=True))
    return np.array(list(means.values()), np.float64)


def _best(
    means: Mapping[str, float], higher_is_better: bool
) -> tuple[str, ...]:
    if any(math.isnan(mean) for mean in means.values()):
        return ()
    best = (max if higher_is_better else min)(means.values())
    return tuple(
        model
        for model, mean in means.items()
        if math.isclose(mean, best, rel_tol=_TIE, abs_tol=_TIE)
    )
