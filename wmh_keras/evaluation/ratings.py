"""Clinical ratings: read, checked, and what they amount to."""

import dataclasses
import os
from collections.abc import Mapping

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.statistics.raters import RaterAgreement


@dataclasses.dataclass(frozen=True)
class GradeProposal:
    """The automatic grade of one patient, and the counts behind it.

    Attributes:
        grade: 1 to 4.
        missed: by size class, reference lesions that were not found.
        reference: by size class, reference lesions.
        mismatch: by size class, share of the predicted lesions of that size
            that are false; NaN where there is none.
        reason: in words, which rule decided.
    """

    grade: int
    missed: Mapping[str, int]
    reference: Mapping[str, int]
    mismatch: Mapping[str, float]
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class RatingStudy:
    """The grades that people gave, and those that the rules propose.

    Attributes:
        model: name of the evaluation that was rated.
        raters: names, sorted.
        subjects: the rated patients, in the order of the evaluation.
        scores: scores[subject][rater], 1 to 4.
        median_grades: by subject, over its raters.
        agreement: over the patients whom every rater graded.
        proposals: by subject of the evaluation, rated or not.
        warnings: such as a rater who skipped patients.
    """

    model: str
    raters: tuple[str, ...]
    subjects: tuple[str, ...]
    scores: Mapping[str, Mapping[str, int]]
    median_grades: Mapping[str, float]
    agreement: RaterAgreement
    proposals: Mapping[str, GradeProposal]
    warnings: tuple[str, ...] = ()


def read_rating_study(
    path: str | os.PathLike,
    evaluation: EvaluationResults,
    *,
    skip_invalid: bool = False,
    mismatch_by: str = "lesions",
) -> RatingStudy:
    """Reads ratings.csv (subject, rater, score) of one model's masks.

    Args:
        path: the table.
        evaluation: whose masks were rated.
        skip_invalid: goes on where a rater skipped patients or the table
            rates unknown patients, with warnings.
        mismatch_by: "lesions" (1 - lesion precision of the class) or "dice"
            (1 - Dice of the class), for the proposals.

    Raises:
        UserError: what cannot be used, all of it named with line and reason.
    """
    raise NotImplementedError
