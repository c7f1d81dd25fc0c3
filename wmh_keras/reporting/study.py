"""All that a report is made from, read and checked."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wmh_keras.evaluation.head_to_head import HeadToHead
from wmh_keras.evaluation.ratings import RatingStudy
from wmh_keras.evaluation.results import EvaluationResults


@dataclasses.dataclass(frozen=True)
class DataSummary:
    """A prepared data set, as its card and its list of cases tell of it.

    Attributes:
        card: data_card.json as JSON types.
        cases: the rows of cases.csv, those that were left out too.
    """

    card: Mapping[str, Any]
    cases: Sequence[Mapping[str, str]]


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """What the user asked a report about.

    Attributes:
        evaluations: at least one, names unique, all of the same patients.
        comparison: None for a single evaluation.
        ratings: None without --ratings.
        data: None without --data_dir.
        seed: of bootstrap intervals.
        mismatch_by: what the automatic grades take for the mismatch of a
            size class, see `evaluation.grade_proposals`.
        warnings: what the reader has to know of the inputs together; those
            of an evaluation are in its summary.
    """

    evaluations: tuple[EvaluationResults, ...]
    comparison: HeadToHead | None
    ratings: RatingStudy | None
    data: DataSummary | None
    seed: int = 0
    mismatch_by: str = "lesions"
    warnings: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The patients, which all evaluations share."""
        return self.evaluations[0].subjects


def models_of(evaluation: EvaluationResults) -> list[Mapping[str, Any]]:
    """Describes the models that were evaluated together.

    Returns:
        As `summary.json` has them: one; several of an ensemble; none where
        files were evaluated.
    """
    evaluated = evaluation.summary["evaluated"]
    model = evaluated.get("model")
    return [model, *evaluated.get("other_models", [])] if model else []


def count_by_split(
    evaluation: EvaluationResults, data: DataSummary
) -> dict[str, int]:
    """Counts the evaluated patients that each split of a data set stores.

    Patients that the data set does not know are in none.
    """
    splits = {c["subject_id"]: c["split"] for c in data.cases if c["split"]}
    known = [splits[s] for s in evaluation.subjects if s in splits]
    return dict(Counter(known))
