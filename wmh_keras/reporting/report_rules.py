"""The rules of an evaluation, in words."""

from typing import Any

from data_prep.size_classes import DEFAULT_RULE, SizeRule
from wmh_keras.evaluation.results import EvaluationResults

_UNITS = {
    "mm3": ("mm³", "26-connected components in 3-D"),
    "voxels": ("voxels", "26-connected components in 3-D"),
    "mm2_2d": ("mm²", "8-connected components within an axial slice"),
    "px_2d": ("pixels", "8-connected components within an axial slice"),
}


def rule_of(evaluation: EvaluationResults) -> SizeRule:
    """The rule by which an evaluation tells lesions apart by size."""
    return SizeRule(**_rules(evaluation)["size"])


def is_default_rule(evaluation: EvaluationResults) -> bool:
    """Whether it is the rule by which data cards count."""
    return rule_of(evaluation) == DEFAULT_RULE


def describe_rule(evaluation: EvaluationResults) -> str:
    """Size classes and what a lesion is, as a sentence."""
    rule = rule_of(evaluation)
    unit, component = _UNITS[rule.unit]
    return (
        f"Lesions are {component}: small below {rule.small_below:g} {unit}, "
        f"medium from {rule.small_below:g} to {rule.large_above:g} {unit}, "
        f"large above {rule.large_above:g} {unit}."
    )


def describe_lesion_rule(evaluation: EvaluationResults) -> str:
    """When a lesion counts as found, as a sentence."""
    rules = _rules(evaluation)
    share = f"{100 * rules['lesion_overlap']:g} %"
    found = (
        f"A reference lesion is found if at least {share} of its voxels are "
        "predicted"
    )
    if rules["lesion_precision"] == "any":
        return f"{found}; a predicted lesion is right if any voxel overlaps."
    return (
        f"{found}; a predicted lesion is right if at least {share} of its "
        "voxels are reference."
    )


def _rules(evaluation: EvaluationResults) -> dict[str, Any]:
    return evaluation.summary["evaluated"]["rules"]
