"""What the figures of a report have in common: colours, names, points."""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.reporting.study import Study

# Okabe and Ito's palette, which colour-blind readers can tell apart; without
# its yellow, which is too pale for lines.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
REFERENCE = "#595959"
LIGHT_GREY = "#D9D9D9"
# From light to dark, so that the order is seen in grey too.
CLASS_COLOURS = dict(
    zip(SIZE_CLASSES, ("#BFD7EA", "#5B9BD5", "#1F4E79"), strict=True)
)
WIDTH = 9.5
SMALL_FONT = 9
_FEWEST_FOR_BOX = 5
_UNITS = {"mm3": "mm³", "voxels": "voxels", "mm2_2d": "mm²", "px_2d": "pixels"}
_BREAK_AFTER = re.compile(r"[^-_./ ]*[-_./ ]?")


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Returns an empty figure, its size in inches."""
    # Not pyplot: no display, and no global state.
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure


def model_colours(study: Study) -> dict[str, str]:
    """Returns one colour a model, the same in every figure."""
    return {
        evaluation.name: PALETTE[index % len(PALETTE)]
        for index, evaluation in enumerate(study.evaluations)
    }


def literal(text: str) -> str:
    """Returns text that matplotlib draws as it stands.

    A dollar sign would begin a formula, a leading "_" hide it from a legend.
    """
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def wrap_name(name: str, width: int = 18, max_lines: int = 3) -> str:
    """Breaks a long name after its punctuation, or where it must.

    Args:
        name: such as that of a model.
        width: characters in a line.
        max_lines: what is longer ends in an ellipsis.

    Returns:
        Lines for a figure, see `literal`.
    """
    lines = [""]
    for part in _BREAK_AFTER.findall(name):
        if lines[-1] and len((lines[-1] + part).rstrip()) > width:
            lines.append("")
        while len(part.rstrip()) > width:
            lines[-1] = part[:width]
            part = part[width:]
            lines.append("")
        lines[-1] += part
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], lines[max_lines - 1][:-1] + "…"]
    return literal("\n".join(lines))


def add_model_legend(figure: Figure, study: Study) -> None:
    """Adds a legend of the models' colours below the panels."""
    handles = [
        Patch(color=colour, label=wrap_name(name, 28))
        for name, colour in model_colours(study).items()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=SMALL_FONT,
    )


def tidy(axes: Axes, grid: str | None = "y") -> None:
    """Takes away what distracts from the data.

    Args:
        axes: the panel.
        grid: "x", "y" or "both" for faint lines, None for none.
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color="#E5E5E5", linewidth=0.8)


def point_style(count: int) -> dict[str, float | bool]:
    """Returns size and opacity for so many points, pixels for very many."""
    if count <= 30:
        return {"s": 20, "alpha": 0.75, "rasterized": False}
    if count <= 200:
        return {"s": 10, "alpha": 0.5, "rasterized": False}
    return {"s": 4, "alpha": 0.25, "rasterized": True}


def draw_distribution(
    axes: Axes,
    position: float,
    values: Sequence[float],
    colour: str,
    width: float = 0.6,
) -> None:
    """Draws a box (quartiles, median, whiskers to 1.5 IQR) and all points.

    Of fewer than five values, the median and the points alone.

    Args:
        axes: the panel.
        position: on the x axis.
        values: NaN is left out; nothing is drawn without values.
        colour: of box and points.
        width: of the box, on the x axis.
    """
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return
    boxed = len(values) >= _FEWEST_FOR_BOX
    axes.boxplot(
        values,
        positions=[position],
        widths=width,
        showfliers=False,
        showbox=boxed,
        showcaps=boxed,
        whis=1.5 if boxed else 0,
        patch_artist=True,
        manage_ticks=False,
        # Above the points, which hide what lies under them in a large cohort.
        zorder=4,
        boxprops={"facecolor": (colour, 0.2), "edgecolor": colour},
        whiskerprops={"color": colour, "linewidth": float(boxed)},
        capprops={"color": colour},
        medianprops={"color": "black", "linewidth": 1.5},
    )
    # Spread evenly in the order of the rows, the same on every run.
    spread = (np.arange(len(values)) * 0.618034) % 1 - 0.5
    axes.scatter(
        position + 0.7 * width * spread,
        values,
        color=colour,
        linewidths=0,
        zorder=3,
        **point_style(len(values)),
    )


def size_unit(study: Study) -> str:
    """Returns the unit of lesion sizes, as people write it."""
    rule = study.evaluations[0].summary["evaluated"]["rules"]["size"]
    return _UNITS.get(rule["unit"], rule["unit"])


def plural(count: int, singular: str, many: str = "") -> str:
    """Returns such as "1 patient" or "1,156 patients"."""
    word = singular if count == 1 else many or f"{singular}s"
    return f"{count:,} {word}"
