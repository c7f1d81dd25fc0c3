"""Whether evaluations may be set side by side."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.errors import UserError
from data_prep.messages import listed
from wmh_keras.evaluation.results import (
    EvaluationResults,
    Identity,
    PatientResult,
)

# A spacing is rounded to about 1e-7 in a header, a volume has three of them.
_ROUNDING = 1e-5
# The rules that give a score its meaning. The smallest lesion that a model
# keeps is part of the model, and may differ as its threshold may.
_RULES = ("size", "lesion_overlap", "lesion_precision")


def check_comparable(evaluations: Sequence[EvaluationResults]) -> None:
    """Raises unless all are of the same volumes, references and rules.

    Args:
        evaluations: the others are compared with the first one.

    Raises:
        UserError: names used twice, or volumes, references or rules differ;
            names what differs, up to ten volumes each.
    """
    counts = Counter(evaluation.name for evaluation in evaluations)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise UserError(
            "expected another name for each evaluation, received "
            + ", ".join(f"{name!r} {counts[name]} times" for name in twice)
            + "; give them names"
        )
    for evaluation in evaluations:
        _check_unique(evaluation)
    first, *others = evaluations
    for other in others:
        _check_volumes(first, other)
        _check_rules(first, other)
        _check_references(first, other)


def _check_unique(evaluation: EvaluationResults) -> None:
    counts = Counter(v.key.identity for v in evaluation.volumes)
    twice = [v.key for v in evaluation.volumes if counts[v.key.identity] > 1]
    if twice:
        names = list(dict.fromkeys(map(str, twice)))
        raise UserError(
            f"{evaluation.folder}: expected each volume once, received "
            f"{listed(names, separator=';')} more than once"
        )


def _check_volumes(first: EvaluationResults, other: EvaluationResults) -> None:
    of_first, of_other = _by_identity(first), _by_identity(other)
    parts = []
    for here, there, evaluation in (
        (of_first, of_other, first),
        (of_other, of_first, other),
    ):
        only = [str(v.key) for i, v in here.items() if i not in there]
        if only:
            parts.append(
                f"  only in {evaluation.name} ({evaluation.folder}), "
                f"{len(only)} of {len(here)} volumes: "
                f"{listed(only, separator=';')}"
            )
    if parts:
        raise UserError(
            f"{first.name} and {other.name} cannot be compared: they were "
            "evaluated on different volumes\n"
            + "\n".join(parts)
            + "\nEvaluate both on the same patients."
        )


def _check_rules(first: EvaluationResults, other: EvaluationResults) -> None:
    ours, theirs = _rules_of(first), _rules_of(other)
    different = [name for name in _RULES if ours.get(name) != theirs.get(name)]
    if different:
        lines = "\n".join(
            f"  {name}: {first.name} has {_text(ours.get(name))}, "
            f"{other.name} has {_text(theirs.get(name))}"
            for name in different
        )
        raise UserError(
            f"{first.name} and {other.name} cannot be compared: they were "
            f"evaluated by different rules\n{lines}\n"
            "Evaluate one of them again with the flags of the other."
        )


def _check_references(
    first: EvaluationResults, other: EvaluationResults
) -> None:
    of_other = _by_identity(other)
    different = [
        f"{volume.key} ({_reference(volume)} in {first.name}, "
        f"{_reference(of_other[identity])} in {other.name})"
        for identity, volume in _by_identity(first).items()
        if not _same_reference(volume, of_other[identity])
    ]
    if different:
        raise UserError(
            f"{first.name} and {other.name} cannot be compared: the reference "
            f"differs in {len(different)} of {len(of_other)} volumes\n  "
            f"{listed(different, separator=';')}\n"
            "Evaluate both against the same reference masks."
        )


def _same_reference(one: PatientResult, two: PatientResult) -> bool:
    return (
        one.scores.reference_lesions == two.scores.reference_lesions
        and _reference_voxels(one) == _reference_voxels(two)
        and _judged_voxels(one) == _judged_voxels(two)
        and math.isclose(
            one.scores.reference_volume_ml,
            two.scores.reference_volume_ml,
            rel_tol=_ROUNDING,
        )
    )


def _reference_voxels(volume: PatientResult) -> int:
    return volume.counts.tp + volume.counts.fn


def _judged_voxels(volume: PatientResult) -> int:
    """All but those of label 2, which is part of a reference too."""
    return _reference_voxels(volume) + volume.counts.fp + volume.counts.tn


def _reference(volume: PatientResult) -> str:
    return (
        f"{volume.scores.reference_volume_ml:.6g} ml, "
        f"{volume.scores.reference_lesions} lesions, "
        f"{_reference_voxels(volume)} of {_judged_voxels(volume)} voxels"
    )


def _by_identity(
    evaluation: EvaluationResults,
) -> dict[Identity, PatientResult]:
    return {volume.key.identity: volume for volume in evaluation.volumes}


def _rules_of(evaluation: EvaluationResults) -> Mapping[str, Any]:
    return evaluation.summary.get("evaluated", {}).get("rules", {})


def _text(rule: object) -> str:
    if isinstance(rule, Mapping):
        return ", ".join(f"{key} {value}" for key, value in rule.items())
    return str(rule)
