"""What the reader of a report has to know before the numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.messages import listed
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import DataSummary, Study, count_by_split
from wmh_keras.reporting.tables.formats import (
    joined,
    p_value,
    plural,
)

# Below it, intervals and tests are warned of.
_FEW_PATIENTS = 10
_FITTED = ("train", "validation")


def collect_warnings(study: Study) -> tuple[str, ...]:
    """All warnings of all inputs, each once, in the order of the inputs."""
    found = [*_few_patients(study), *study.warnings]
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
        fitted = [
            f"{count} in {split}"
            for split, count in count_by_split(evaluations[0], data).items()
            if split in _FITTED
        ]
        kind = evaluations[0].summary["evaluated"].get("kind")
        if fitted and kind == "files":  # what a model has seen is known
            warnings.append(
                f"of the evaluated patients, the data set of --data_dir has "
                f"{joined(fitted)}: the scores of a model that was trained on "
                "it are not those of unseen patients"
            )
    return tuple(warnings)


def _few_patients(study: Study) -> list[str]:
    """Tells what so few patients cannot show."""
    count = len(study.subjects)
    if count >= _FEW_PATIENTS:
        return []
    text = (
        f"{plural(count, 'patient')}: bootstrap intervals of so few patients "
        "are too narrow"
    )
    if study.comparison is not None:
        # Every one of the 2^n signs is equally likely; two are extreme.
        models = len(study.evaluations)
        smallest = min(1.0, 2 * (models * (models - 1) // 2) / 2**count)
        text += (
            ", and the smallest p that Wilcoxon's test "
            f"{'' if models == 2 else 'with Holm adjustment '}can give is "
            f"{p_value(smallest)}"
        )
    return [text]


def _problem(problem: Mapping[str, Any]) -> str:
    place = problem.get("subject") or problem.get("file") or ""
    reason = problem.get("reason", "")
    return reason if not place or place in reason else f"{place}: {reason}"
