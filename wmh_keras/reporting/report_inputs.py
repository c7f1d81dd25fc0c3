"""Reads what a report is made from, and finds all that is wrong with it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from data_prep.dataset.data_folder import CASES_FILE
from data_prep.errors import UserError
from data_prep.files import read_csv
from data_prep.program import progress
from wmh_keras.datasets import open_prepared_data
from wmh_keras.evaluation.head_to_head import compare_evaluations
from wmh_keras.evaluation.layout import SUMMARY_FILE
from wmh_keras.evaluation.ratings import RatingStudy, read_rating_study
from wmh_keras.evaluation.read_results import read_evaluation
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.curves import read_history
from wmh_keras.reporting.report_request import ReportRequest
from wmh_keras.reporting.report_rules import describe_lesion_rule, rule_of
from wmh_keras.reporting.report_warnings import data_warnings
from wmh_keras.reporting.study import DataSummary, Study

Read = TypeVar("Read")
_CASE_COLUMNS = ("subject_id", "session", "run", "status", "split", "reason")


def read_study(request: ReportRequest) -> Study:
    """Reads and checks everything; nothing is written.

    Args:
        request: what the user asks for.

    Raises:
        UserError: whatever cannot be used, all of it named; evaluations of
            other patients or by other rules.
    """
    names = _names(request)
    problems: list[str] = []
    evaluations = []
    pairs = zip(request.evaluations, names, strict=True)
    for folder, name in progress(
        pairs, "read", total=len(names), unit="evaluation"
    ):
        evaluation = _attempt(problems, lambda f=folder, n=name: _read(f, n))
        if evaluation is not None:
            evaluations.append(evaluation)
            if evaluation.history is not None:
                _attempt(problems, lambda e=evaluation: read_history(e.history))
    data = None
    if request.data_dir is not None:
        data = _attempt(problems, lambda: read_data_summary(request.data_dir))
    ratings = _attempt(problems, lambda: _ratings(request, names, evaluations))
    comparison = None
    if len(evaluations) > 1:
        comparison = _attempt(
            problems,
            lambda: compare_evaluations(evaluations, seed=request.seed),
        )
    if problems:
        raise UserError("\n".join(problems))
    return Study(
        evaluations=tuple(evaluations),
        comparison=comparison,
        ratings=ratings,
        data=data,
        seed=request.seed,
        mismatch_by=request.mismatch_by,
        warnings=data_warnings(evaluations, data),
    )


def read_data_summary(data_dir: Path) -> DataSummary:
    """Reads the card and the list of cases of a prepared data set.

    Raises:
        UserError: no finished data set is there, or its list was changed.
    """
    card = open_prepared_data(data_dir).card
    path = data_dir / CASES_FILE
    cases = read_csv(path)
    missing = [c for c in _CASE_COLUMNS if cases and c not in cases[0]]
    if missing:
        raise UserError(
            f"{path}: expected the columns {', '.join(_CASE_COLUMNS)}; "
            f"missing: {', '.join(missing)}"
        )
    return DataSummary(card=card, cases=cases)


def _read(folder: Path, name: str) -> EvaluationResults:
    evaluation = read_evaluation(folder, name)
    try:
        rule_of(evaluation)
        describe_lesion_rule(evaluation)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder / SUMMARY_FILE}: expected the rules of the evaluation "
            f"under evaluated.rules: {error!r}; the file is damaged: evaluate "
            "again with --overwrite"
        ) from error
    return evaluation


def _names(request: ReportRequest) -> tuple[str, ...]:
    names = request.names or tuple(
        path.resolve().name for path in request.evaluations
    )
    if len(names) != len(request.evaluations):
        raise UserError(
            f"--names: expected {len(request.evaluations)}, one for each "
            f"folder of --evaluations, received {len(names)}: "
            f"{', '.join(names)}"
        )
    folders = Counter(path.resolve() for path in request.evaluations)
    for folder, count in folders.items():
        if count > 1:
            raise UserError(
                f"--evaluations: {folder} is given {count} times; give each "
                "folder once"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or "" in names:
        given = "--names" if request.names else "the names of the folders"
        raise UserError(
            f"{given}: expected another name for each evaluation, received "
            f"{', '.join(map(repr, names))}; give them with --names=A,B"
        )
    if request.rated and request.rated not in names:
        raise UserError(
            f"--rated={request.rated}: no such model; there are "
            f"{', '.join(names)}"
        )
    return names


def _ratings(
    request: ReportRequest,
    names: tuple[str, ...],
    evaluations: list[EvaluationResults],
) -> RatingStudy | None:
    if request.ratings is None:
        return None
    rated = request.rated or names[0]
    for evaluation in evaluations:
        if evaluation.name == rated:
            return read_rating_study(
                request.ratings,
                evaluation,
                skip_invalid=request.skip_invalid,
                mismatch_by=request.mismatch_by,
            )
    # What is wrong with the evaluation has been noted already.
    return None


def _attempt(problems: list[str], read: Callable[[], Read]) -> Read | None:
    """Reads, or notes why not, so that all problems come in one list."""
    try:
        return read()
    except UserError as error:
        problems.append(str(error))
        return None
