"""What the reader of a report has to know before the numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import DataSummary, Study
from wmh_keras.reporting.tables.formats import listed, plural


def collect_warnings(study: Study) -> tuple[str, ...]:
    """All warnings of all inputs, each once, in the order of the inputs."""
    found = [*study.warnings]
    for evaluation in study.evaluations:
        summary = evaluation.summary
        found += [f"{evaluation.name}: {w}" for w in summary["warnings"]]
        found += [
            f"{evaluation.name}: left out of the evaluation: {_problem(p)}"
            for p in summary.get("skipped", ())
        ]
    if study.ratings is not None:
        found += [f"ratings: {text}" for text in study.ratings.warnings]
    return tuple(dict.fromkeys(found))


def data_warnings(
    evaluations: Sequence[EvaluationResults], data: DataSummary | None
) -> tuple[str, ...]:
    """Warns where the data set is not the one that was evaluated."""
    if data is None:
        return ()
    warnings = []
    for evaluation in evaluations:
        identity = evaluation.summary["evaluated"].get("data_identity")
        if identity is not None and identity != data.card["identity"]:
            warnings.append(
                f"{evaluation.name} was evaluated on another data set than "
                "that of --data_dir: Table 1, Table 2 and the patient flow "
                "are of the latter"
            )
    listed_ids = {case["subject_id"] for case in data.cases}
    if evaluations and not warnings:
        unknown = [s for s in evaluations[0].subjects if s not in listed_ids]
        if unknown:
            warnings.append(
                f"{plural(len(unknown), 'evaluated patient')} "
                f"({listed(unknown, 5)}) are not in the data set of --data_dir"
            )
    return tuple(warnings)


def _problem(problem: Mapping[str, Any]) -> str:
    place = problem.get("subject") or problem.get("file") or ""
    reason = problem.get("reason", "")
    return reason if not place or place in reason else f"{place}: {reason}"
