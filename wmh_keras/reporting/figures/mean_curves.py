"""Figure 5 B and S1: mean ROC and precision-recall curves."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    SMALL_FONT,
    model_colours,
    new_figure,
    tidy,
    wrap_name,
)
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import number

_MISSING = (
    "No evaluation holds probabilities, which these curves are made from. "
    "They are there when a model is evaluated (--model), or files with "
    "--probabilities."
)


@dataclasses.dataclass(frozen=True, eq=False)
class _Line:
    """One model's curve.

    Attributes:
        label: name, mean and SD of the area, n.
        colour: of the model.
        x, mean, sd: (n,) points; sd is 0 for a single patient.
    """

    label: str
    colour: str
    x: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def draw_roc(study: Study) -> Illustration:
    """Draws the mean ROC curve of every model, on two axes.

    Args:
        study: what the report is about.
    """
    name, title = "figure_5b_roc", "Figure 5 B. ROC curves"
    lines = _lines(study, "roc", "auc", "AUC", 4)
    if not lines:
        return Illustration(name, title, missing=_MISSING)
    figure = new_figure(4.6)
    left, right = figure.subplots(1, 2)
    _draw(left, lines)
    left.plot([0, 1], [0, 1], color="#A0A0A0", linestyle=":", linewidth=1)
    left.set(xlim=(-0.01, 1.01), xlabel="false positive rate")
    _draw(right, lines, above=0)
    lowest = min(line.x[line.x > 0].min() for line in lines)
    right.set_xscale("log")
    right.set(xlim=(lowest, 1), xlabel="false positive rate (log)")
    for axes in (left, right):
        axes.set(ylim=(-0.01, 1.01), ylabel="true positive rate")
    _legend(figure, left)
    caption = (
        "Mean over patients of the true positive rate at each false positive "
        "rate, voxel by voxel over the whole volume; the band is ± 1 SD "
        "across patients. Background fills most of a volume, so that the "
        "curve rises at tiny false positive rates: on the right the same on "
        "a logarithmic axis. AUC is the mean ± SD of the patients' exact "
        f"areas.{_without(study, 'roc')}"
    )
    return Illustration(name, title, caption, figure)


def draw_precision_recall(study: Study) -> Illustration:
    """Draws the mean precision-recall curve of every model.

    Args:
        study: what the report is about.
    """
    name = "figure_s1_precision_recall"
    title = "Figure S1. Precision-recall curves"
    lines = _lines(study, "precision_recall", "average_precision", "AP", 3)
    if not lines:
        return Illustration(name, title, missing=_MISSING)
    figure = new_figure(5.4, 7)
    axes = figure.subplots()
    _draw(axes, lines)
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="recall",
        ylabel="precision",
    )
    _legend(figure, axes, columns=2)
    caption = (
        "Mean over patients of the precision at each recall, voxel by voxel "
        "over the whole volume; the band is ± 1 SD across patients. AP is "
        "the mean ± SD of the patients' exact average precision."
        f"{_without(study, 'precision_recall')}"
    )
    return Illustration(name, title, caption, figure)


def _lines(
    study: Study, curve: str, score: str, short: str, decimals: int
) -> list[_Line]:
    colours = model_colours(study)
    lines = []
    for item in study.evaluations:
        block = (item.summary.get("mean_curves") or {}).get(curve)
        if not block:
            continue
        x, mean, sd = (_floats(block[key]) for key in ("x", "mean", "sd"))
        areas = np.array(list(item.by_subject(score).values()))
        areas = areas[~np.isnan(areas)]
        label = wrap_name(item.name, 28)
        if len(areas):
            label += f"\n{short} {number(areas.mean(), decimals)}"
            if len(areas) > 1:
                label += f" ± {number(areas.std(ddof=1), decimals)}"
            label += f" (n = {len(areas):,})"
        lines.append(
            _Line(label, colours[item.name], x, mean, np.nan_to_num(sd))
        )
    return lines


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _draw(axes: Axes, lines: Sequence[_Line], above: float = -1.0) -> None:
    for line in lines:
        shown = line.x > above
        x, mean, sd = line.x[shown], line.mean[shown], line.sd[shown]
        axes.fill_between(
            x,
            np.clip(mean - sd, 0, 1),
            np.clip(mean + sd, 0, 1),
            color=line.colour,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(x, mean, color=line.colour, label=line.label, linewidth=1.8)
    tidy(axes, "both")


def _legend(figure: Figure, axes: Axes, columns: int = 3) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=SMALL_FONT,
    )


def _without(study: Study, curve: str) -> str:
    absent = [
        item.name for item in study.evaluations if not _has(item.summary, curve)
    ]
    if not absent:
        return ""
    return f" Without probabilities: {', '.join(absent)}."


def _has(summary: Mapping[str, Any], curve: str) -> bool:
    return bool((summary.get("mean_curves") or {}).get(curve))
