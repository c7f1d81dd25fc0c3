"""A cohort's summary as text."""

import math
from collections.abc import Sequence

from data_prep.size_classes import SIZE_CLASSES, SizeRule
from wmh_keras.evaluation.cohort import (
    CohortSummary,
    GroupSummary,
    VolumeAgreement,
)
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.size_class_summary import ClassSummary

_SCORE_HEADER = (
    "score",
    "mean",
    "SD",
    "median",
    "quartiles",
    "95 % interval",
    "n",
    "NaN",
)
_CLASS_HEADER = (
    "lesions",
    "found",
    "recall",
    "right",
    "precision",
    "Dice within",
    "Dice",
    "patients",
)
_SITE_SCORES = ("dice", "precision", "recall", "lesion_dice", "auc")
_SITE_HEADER = ("site", "subjects", "volumes", *_SITE_SCORES)
_UNITS = {
    "mm3": "mm³",
    "voxels": "voxels",
    "mm2_2d": "mm² (2-D)",
    "px_2d": "pixels (2-D)",
}


def format_summary(summary: CohortSummary, rules: Rules) -> str:
    """The summary as tables of fixed width, at most 100 columns.

    Args:
        summary: of one evaluation.
        rules: what was counted, and how.

    Returns:
        One line a score, the pooled scores, a table of the size classes, one
        of the sites if there are several, and the agreement of volumes. "-"
        stands for what is not defined.
    """
    parts = [_scores(summary), _classes(summary, rules)]
    if len(summary.sites) > 1:
        parts.append(_sites(summary))
    parts.append(_agreement(summary.volume_agreement))
    return "\n\n".join(parts)


def _scores(summary: GroupSummary) -> str:
    rows = [
        (
            name,
            _text(score.mean),
            _text(score.sd),
            _text(score.median),
            _interval(score.q1, score.q3),
            _interval(score.ci_low, score.ci_high),
            str(score.n),
            str(score.n_nan),
        )
        for name, score in summary.scores.items()
    ]
    lines = [
        _table(_SCORE_HEADER, rows),
        f"subjects {summary.num_subjects}, volumes {summary.num_volumes}; "
        "n and NaN count subjects with and without a value",
        f"Dice of the pooled voxels {_text(summary.pooled_dice)}, "
        "Dice of the mean precision and recall "
        f"{_text(summary.dice_of_means)}",
    ]
    failures = summary.nan_volumes["challenge_h95_mm"]
    if failures:
        lines.append(
            f"H95 is not defined on {failures} of {summary.num_volumes} "
            "volumes, where one of the masks is empty"
        )
    return "\n".join(lines)


def _classes(summary: CohortSummary, rules: Rules) -> str:
    rows = [
        _class_row(_limits(name, rules.size), summary.classes[name])
        for name in SIZE_CLASSES
    ]
    share = f"{rules.lesion_overlap:.0%}".replace("%", " %")
    right = share if rules.lesion_precision == "same" else "a voxel"
    return "\n".join(
        [
            _table(_CLASS_HEADER, rows),
            f"found: {share} of a reference lesion is predicted; right: "
            f"{right} of a predicted one is reference",
            "recall and precision over all lesions; Dice within sees no false "
            "positive; both Dice are means",
            "over the patients who have reference lesions of the class",
        ]
    )


def _class_row(name: str, found: ClassSummary) -> tuple[str, ...]:
    return (
        name,
        f"{found.found_lesions} of {found.reference_lesions}",
        _text(found.pooled_recall),
        f"{found.matched_lesions} of {found.predicted_lesions}",
        _text(found.pooled_precision),
        _text(found.scores_with["dice_within"].mean),
        _text(found.scores_with["dice"].mean),
        str(found.patients_with),
    )


def _limits(name: str, size: SizeRule) -> str:
    unit = _UNITS[size.unit]
    if name == "small":
        return f"small, below {size.small_below:g} {unit}"
    if name == "large":
        return f"large, above {size.large_above:g} {unit}"
    return name


def _sites(summary: CohortSummary) -> str:
    rows = [
        (
            name or "(not known)",
            str(site.num_subjects),
            str(site.num_volumes),
            *(_text(site.scores[score].mean) for score in _SITE_SCORES),
        )
        for name, site in summary.sites.items()
    ]
    return _table(_SITE_HEADER, rows)


def _agreement(found: VolumeAgreement) -> str:
    bland_altman, icc = found.bland_altman, found.icc_a1
    limits = "need two subjects or more"
    if math.isfinite(bland_altman.lower_limit):
        interval = _interval(bland_altman.lower_limit, bland_altman.upper_limit)
        limits = f"{interval} ml"
    return (
        "predicted - reference volume: mean "
        f"{_text(bland_altman.mean_difference)} ml, 95 % limits of agreement "
        f"{limits}\n"
        f"ICC(A,1) {_text(icc.value)} ({_interval(icc.ci_low, icc.ci_high)}), "
        f"Pearson's r {_text(found.correlation.pearson_r)}, Spearman's rho "
        f"{_text(found.correlation.spearman_rho)}, {found.n} subjects"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    cells = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(
                zip(row, widths, strict=True)
            )
        )
        for row in cells
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def _interval(low: float, high: float) -> str:
    if math.isnan(low) or math.isnan(high):
        return "-"
    return f"{_text(low)} to {_text(high)}"


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
