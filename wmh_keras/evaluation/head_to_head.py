"""Several evaluations of the same patients, side by side."""

import dataclasses
from collections.abc import Mapping, Sequence

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.statistics.comparison import Comparison
from wmh_keras.statistics.summary import Summary


@dataclasses.dataclass(frozen=True)
class ScoreComparison:
    """One score over several models.

    Attributes:
        score: a field of PatientScores, or a per-class score such as
            "dice_small".
        higher_is_better: which direction is good.
        summaries: by model, each over all the subjects that have a value.
        missing_volumes: by model, volumes without a value.
        best: models whose mean is the best one, over the common patients.
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
        subjects: the patients.
        scores: by name, in the order of a table.
    """

    models: tuple[str, ...]
    subjects: tuple[str, ...]
    scores: Mapping[str, ScoreComparison]


def compare_evaluations(
    evaluations: Sequence[EvaluationResults], *, seed: int = 0
) -> HeadToHead:
    """Compares evaluations of the same volumes.

    Args:
        evaluations: at least two, names unique.
        seed: of the bootstrap.

    Raises:
        UserError: other volumes, other references or other rules (lesion
            rule, size rule) in one of them; says which.
    """
    raise NotImplementedError
