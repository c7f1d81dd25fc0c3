"""Clinical ratings: read, checked, and what they amount to."""

import dataclasses
import os
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_prep.errors import UserError
from data_prep.messages import listed
from wmh_keras.evaluation.grade_proposals import GradeProposal, propose_grades
from wmh_keras.evaluation.rating_table import (
    RatingRow,
    read_rating_rows,
    row_faults,
    unknown_subjects,
)
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.statistics.raters import RaterAgreement, rater_agreement

__all__ = ["GradeProposal", "RatingStudy", "read_rating_study"]

GRADES = (4, 3, 2, 1)
ACCEPTABLE_FROM = 3


@dataclasses.dataclass(frozen=True, eq=False)
class RatingStudy:
    """The grades that people gave, and those that the rules propose.

    Attributes:
        model: name of the evaluation that was rated.
        raters: names, sorted.
        subjects: the rated patients, in the order of the evaluation.
        scores: scores[subject][rater], 1 to 4.
        median_grades: by subject, over its raters; with an even number of
            raters it may lie half way between two grades.
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

    def grade_counts(self) -> dict[str, dict[int, int]]:
        """Patients by rater and grade; all of 4 to 1, with 0 too."""
        return {
            rater: {
                grade: sum(s.get(rater) == grade for s in self.scores.values())
                for grade in GRADES
            }
            for rater in self.raters
        }

    def median_counts(self) -> dict[float, int]:
        """Patients by median grade, best first.

        All of 4 to 1 are there, with 0 too; 3.5, 2.5 and 1.5 only where a
        patient has it.
        """
        medians = list(self.median_grades.values())
        return {
            grade: medians.count(grade)
            for grade in sorted({*map(float, GRADES), *medians}, reverse=True)
        }

    def acceptance_rate(self) -> float:
        """Share of the patients whose median grade is 3 or better, 0 to 1."""
        return _acceptable_share(self.median_grades.values())

    def acceptance_rates(self) -> dict[str, float]:
        """By rater, share of the patients graded 3 or 4, 0 to 1."""
        return {
            rater: _acceptable_share(
                s[rater] for s in self.scores.values() if rater in s
            )
            for rater in self.raters
        }


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
    rows, further = read_rating_rows(path)
    scores, avoidable = _check_scores(path, rows, evaluation, skip_invalid)
    raters = tuple(sorted({r for own in scores.values() for r in own}))
    complete = [s for s, own in scores.items() if len(own) == len(raters)]
    warnings = [*avoidable]
    if avoidable:
        warnings.append(
            f"agreement is over the {len(complete)} of {len(scores)} patients "
            "whom every rater graded"
        )
    warnings += _unused(further, scores, evaluation.subjects)
    # A report is the same wherever the table lies.
    name = Path(path).name
    return RatingStudy(
        model=evaluation.name,
        raters=raters,
        subjects=tuple(scores),
        scores=scores,
        median_grades={
            subject: float(statistics.median(own.values()))
            for subject, own in scores.items()
        },
        agreement=_agreement([scores[s] for s in complete], raters),
        proposals=propose_grades(evaluation, mismatch_by=mismatch_by),
        warnings=tuple(f"{name}: {text}" for text in warnings),
    )


def _check_scores(
    path: str | os.PathLike,
    rows: Sequence[RatingRow],
    evaluation: EvaluationResults,
    skip_invalid: bool,
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """scores[subject][rater], and what `skip_invalid` went past."""
    faults = row_faults(rows)
    unknown = unknown_subjects(rows, evaluation.subjects)
    known = [row for row in rows if row.subject and row.subject not in unknown]
    given = _given_scores(known, evaluation.subjects)
    avoidable = [*unknown.values(), *_skipped(given, rows)]
    if faults or (avoidable and not skip_invalid):
        raise _refusal(path, evaluation, faults, avoidable)
    if not given:
        raise UserError(
            f"{path}: no patient of {evaluation.name} ({evaluation.folder}) "
            "has a score"
        )
    scores = {
        subject: {rater: int(text) for rater, text in sorted(own.items())}
        for subject, own in given.items()
    }
    return scores, avoidable


def _given_scores(
    rows: Sequence[RatingRow], subjects: Sequence[str]
) -> dict[str, dict[str, str]]:
    """given[subject][rater] as text; subjects with any, in their order."""
    given: dict[str, dict[str, str]] = {subject: {} for subject in subjects}
    for row in rows:
        if row.rater and row.score:
            given[row.subject][row.rater] = row.score
    return {subject: own for subject, own in given.items() if own}


def _skipped(
    given: Mapping[str, Mapping[str, str]], rows: Sequence[RatingRow]
) -> list[str]:
    """One sentence a rater who skipped patients whom others graded."""
    empty = {(r.subject, r.rater): r.line for r in rows if not r.score}
    sentences = []
    for rater in sorted({row.rater for row in rows if row.rater}):
        skipped = [s for s, own in given.items() if rater not in own]
        named = [
            f"{s} (line {empty[s, rater]})" if (s, rater) in empty else s
            for s in skipped
        ]
        if skipped:
            sentences.append(
                f"rater {rater} skipped {len(skipped)} of {len(given)} rated "
                f"patients: {listed(named)}"
            )
    return sentences


def _unused(
    further: Sequence[str],
    rated: Collection[str],
    subjects: Sequence[str],
) -> list[str]:
    """Sentences on columns that nobody reads and patients without a grade."""
    sentences = []
    if further:
        sentences.append(f"not used: the columns {', '.join(further)}")
    unrated = [s for s in subjects if s not in rated]
    if unrated:
        sentences.append(
            f"{len(unrated)} of {len(subjects)} patients were rated by nobody: "
            f"{listed(unrated)}"
        )
    return sentences


def _agreement(
    complete: Sequence[Mapping[str, int]], raters: Sequence[str]
) -> RaterAgreement:
    grades = [[own[rater] for rater in raters] for own in complete]
    shape = len(complete), len(raters)
    return rater_agreement(np.array(grades, np.int64).reshape(shape), raters)


def _refusal(
    path: str | os.PathLike,
    evaluation: EvaluationResults,
    faults: Sequence[str],
    avoidable: Sequence[str],
) -> UserError:
    lines = [
        f"{path}: expected one score of 1 to 4 from each rater for each "
        f"patient of {evaluation.name} ({evaluation.folder}); received",
        *(f"  {text}" for text in [*faults, *avoidable]),
    ]
    if avoidable and not faults:
        lines.append(
            "Put them right, or go on with the others with --skip_invalid."
        )
    else:
        lines.append("Put them right.")
    return UserError("\n".join(lines))


def _acceptable_share(grades: Iterable[float]) -> float:
    grades = list(grades)
    accepted = sum(grade >= ACCEPTABLE_FROM for grade in grades)
    return accepted / len(grades) if grades else float("nan")
