"""Figure S3: predicted against reference volumes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    SMALL_FONT,
    model_colours,
    new_figure,
    point_style,
    tidy,
    wrap_name,
)
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import known, number

NAME = "figure_s3_bland_altman"
TITLE = "Figure S3. Agreement of volumes"
_ROW_INCHES = 3.3


def draw_volume_agreement(study: Study) -> Illustration:
    """Draws a Bland-Altman plot and a scatter plot for every model.

    Args:
        study: what the report is about.
    """
    colours = model_colours(study)
    rows = len(study.evaluations)
    figure = new_figure(_ROW_INCHES * rows)
    panels = figure.subplots(rows, 2, squeeze=False)
    for (left, right), item in zip(panels, study.evaluations, strict=True):
        reference, predicted = subject_volumes(item)
        style = {"color": colours[item.name], "linewidths": 0}
        style |= point_style(len(reference))
        agreement = item.summary.get("volume_agreement") or {}
        _draw_differences(left, reference, predicted, agreement, style)
        _draw_scatter(right, reference, predicted, style)
        name = wrap_name(item.name, 40)
        left.set_title(name, fontsize=10.5, loc="left")
        right.set_title(_icc(agreement), fontsize=10.5, loc="left")
    caption = (
        "WMH volumes by patient (n = "
        f"{len(study.evaluations[0].subjects):,}). Left: predicted minus "
        "reference volume against the mean of both, with the bias (line) and "
        "the limits of agreement, bias ± 1.96 SD (dashed). Right: predicted "
        "against reference volume, with the line of identity. ICC(A,1) with "
        "its 95 % confidence interval."
    )
    return Illustration(NAME, TITLE, caption, figure)


def subject_volumes(
    evaluation: EvaluationResults,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns reference and predicted ml, one value a subject each."""
    return tuple(
        np.array(list(evaluation.by_subject(f"{side}_volume_ml").values()))
        for side in ("reference", "predicted")
    )


def _draw_differences(
    axes: Axes,
    reference: np.ndarray,
    predicted: np.ndarray,
    agreement: Mapping[str, Any],
    style: dict[str, Any],
) -> None:
    axes.scatter(
        (reference + predicted) / 2, predicted - reference, zorder=3, **style
    )
    axes.axhline(0, color="#C0C0C0", linewidth=0.8)
    block = agreement.get("bland_altman") or {}
    lines = {
        "mean_difference": ("bias", "-"),
        "lower_limit": ("lower limit", "--"),
        "upper_limit": ("upper limit", "--"),
    }
    handles = []
    for key, (label, line) in lines.items():
        value = block.get(key)
        if value is not None:
            handles.append(
                axes.axhline(
                    value,
                    color="black",
                    linestyle=line,
                    linewidth=1,
                    label=f"{label} {value:+.2f} ml".replace("-", "−"),
                )
            )
    axes.set(xlabel="mean of both in ml", ylabel="predicted − reference in ml")
    if handles:
        axes.legend(
            handles=handles,
            fontsize=SMALL_FONT,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
        )
    tidy(axes, None)


def _draw_scatter(
    axes: Axes,
    reference: np.ndarray,
    predicted: np.ndarray,
    style: dict[str, Any],
) -> None:
    most = max(reference.max(), predicted.max(), 0.1) * 1.05
    axes.plot([0, most], [0, most], color="#808080", linewidth=1)
    axes.scatter(reference, predicted, zorder=3, **style)
    axes.set(
        xlim=(-0.02 * most, most),
        ylim=(-0.02 * most, most),
        xlabel="reference in ml",
        ylabel="predicted in ml",
        aspect="equal",
    )
    tidy(axes, None)


def _icc(agreement: Mapping[str, Any]) -> str:
    block = agreement.get("icc_a1") or {}
    if block.get("value") is None:
        return "ICC(A,1) not defined"
    value = number(block["value"])
    text = f"ICC(A,1) {value if value[0] == '>' else f'= {value}'}"
    low, high = known(block.get("ci_low")), known(block.get("ci_high"))
    if math.isnan(low) or math.isnan(high):
        return text
    return f"{text} ({number(low)} to {number(high)})"
