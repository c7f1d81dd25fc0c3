"""The rules of an evaluation, in words."""

from typing import Any

from data_prep.size_classes import DEFAULT_RULE, SizeRule
from wmh_keras.reporting.study import Study

_UNITS = {
    "mm3": ("mm³", "26-connected components in 3-D"),
    "voxels": ("voxels", "26-connected components in 3-D"),
    "mm2_2d": ("mm²", "8-connected components within an axial slice"),
    "px_2d": ("pixels", "8-connected components within an axial slice"),
}


def rule_of(study: Study) -> SizeRule:
    """The rule by which the evaluations tell lesions apart by size."""
    return SizeRule(**_rules(study)["size"])


def is_default_rule(study: Study) -> bool:
    """Whether it is the rule by which data cards count."""
    return rule_of(study) == DEFAULT_RULE


def describe_rule(study: Study) -> str:
    """Size classes and what a lesion is, as a sentence."""
    rule = rule_of(study)
    unit, component = _UNITS[rule.unit]
    return (
        f"Lesions are {component}: small below {rule.small_below:g} {unit}, "
        f"medium from {rule.small_below:g} to {rule.large_above:g} {unit}, "
        f"large above {rule.large_above:g} {unit}."
    )


def describe_lesion_rule(study: Study) -> str:
    """When a lesion counts as found, as a sentence."""
    rules = _rules(study)
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


def _rules(study: Study) -> dict[str, Any]:
    return study.evaluations[0].summary["evaluated"]["rules"]
