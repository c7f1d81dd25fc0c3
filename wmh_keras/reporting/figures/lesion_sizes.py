"""Figure 2 B: how large the lesions are."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    LIGHT_GREY,
    REFERENCE,
    SMALL_FONT,
    model_colours,
    new_figure,
    size_unit,
    tidy,
    wrap_name,
)
from wmh_keras.reporting.study import Study

NAME = "figure_2b_lesion_sizes"
TITLE = "Figure 2 B. Lesion sizes"
_BINS = (8, 30)
_MOST_ABREAST = 3


def draw_lesion_sizes(study: Study) -> Illustration:
    """Draws the sizes of reference and predicted lesions, and the classes.

    Args:
        study: what the report is about.
    """
    first = study.evaluations[0]
    groups = {"reference": (REFERENCE, lesion_sizes(first, "reference"))}
    colours = model_colours(study)
    for item in study.evaluations:
        sizes = lesion_sizes(item, "predicted")
        groups[wrap_name(item.name, 28)] = (colours[item.name], sizes)
    everything = np.concatenate([sizes for _, sizes in groups.values()])
    if not len(everything):
        return Illustration(
            NAME,
            TITLE,
            missing="Neither the reference masks nor the predictions hold a "
            "lesion.",
        )
    if len(study.evaluations) <= _MOST_ABREAST:
        figure = new_figure(4.2)
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    else:
        figure = new_figure(7.4)
        left, right = figure.subplots(2, 1)
    _draw_histogram(left, groups, everything)
    rule = first.summary["evaluated"]["rules"]["size"]
    for limit in (rule["small_below"], rule["large_above"]):
        left.axvline(limit, color="black", linestyle=":", linewidth=1)
    unit = size_unit(study)
    left.set(xlabel=f"lesion size in {unit} (log)", ylabel="lesions")
    counts = {"reference": class_counts(first, "reference")} | {
        wrap_name(item.name, 28): class_counts(item, "predicted")
        for item in study.evaluations
    }
    _draw_counts(right, counts, {n: c for n, (c, _) in groups.items()})
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=SMALL_FONT,
    )
    caption = (
        "Sizes of the lesions of the reference masks and of each "
        f"model's prediction; dotted, the limits of the classes (small < "
        f"{rule['small_below']:g} {unit}, large > {rule['large_above']:g} "
        f"{unit}); and how many lesions are in each class."
    )
    return Illustration(NAME, TITLE, caption, figure)


def lesion_sizes(evaluation: EvaluationResults, mask: str) -> np.ndarray:
    """Returns the sizes of all lesions of "reference" or "predicted" masks."""
    return np.array(
        [
            lesion.size
            for volume in evaluation.volumes
            for lesion in volume.lesions
            if lesion.mask == mask
        ],
        np.float64,
    )


def class_counts(evaluation: EvaluationResults, mask: str) -> dict[str, int]:
    """Counts the lesions of the masks by class; every class is there."""
    counts = Counter(
        lesion.size_class
        for volume in evaluation.volumes
        for lesion in volume.lesions
        if lesion.mask == mask
    )
    return {name: counts[name] for name in SIZE_CLASSES}


def _draw_histogram(
    axes: Axes, groups: dict[str, tuple[str, np.ndarray]], sizes: np.ndarray
) -> None:
    low, high = sizes[sizes > 0].min(), sizes.max()
    number = int(np.clip(np.sqrt(len(sizes)), *_BINS))
    # One size alone needs a bin as well.
    bins = np.geomspace(low * 0.9, high * 1.1, number + 1)
    for label, (colour, values) in groups.items():
        filled = label == "reference"
        axes.hist(
            values,
            bins=bins,
            histtype="stepfilled" if filled else "step",
            color=LIGHT_GREY if filled else colour,
            edgecolor=colour,
            linewidth=1 if filled else 1.5,
            label=label,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.yaxis.get_major_locator().set_params(integer=True)
    tidy(axes)


def _draw_counts(
    axes: Axes, counts: dict[str, dict[str, int]], colours: dict[str, str]
) -> None:
    width = 0.8 / len(counts)
    most = max(max(row.values()) for row in counts.values())
    for number, (label, row) in enumerate(counts.items()):
        places = np.arange(3) + (number - (len(counts) - 1) / 2) * width
        filled = label == "reference"
        axes.bar(
            places,
            list(row.values()),
            width * 0.92,
            color=LIGHT_GREY if filled else colours[label],
            edgecolor=colours[label],
        )
        upright = len(counts) < 3 and most < 10_000
        for place, count in zip(places, row.values(), strict=True):
            axes.annotate(
                f"{count:,}",
                (place, count),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=0 if upright else 90,
                fontsize=SMALL_FONT,
            )
    axes.set_xticks(range(3), SIZE_CLASSES)
    axes.set_ylim(0, max(most, 1) * 1.2)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set(ylabel="lesions")
    tidy(axes)
