"""The picture of a calibration: mean scores by threshold and minimum size."""

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from data_prep.files import write_atomically
from wmh_keras.calibration.choice import MeanScores, Setting
from wmh_keras.calibration.grid import Grid
from wmh_keras.reporting.figures.style import SMALL_FONT, new_figure, plural

_TITLES = {
    "dice_and_f1": "Mean of Dice and lesion F1",
    "dice": "Dice",
    "lesion_f1": "Lesion F1 (Challenge)",
}
_DPI = 150
# Orange stands out of all colours of the map, and in grey too.
_MARK = "#D55E00"
# Beyond so many cells in a row, numbers would not fit in.
_MOST_NUMBERED = 8


def draw_heat_maps(
    path: str | os.PathLike, means: MeanScores, grid: Grid, chosen: Setting
) -> None:
    """Draws a map for each criterion, the chosen setting framed.

    Args:
        path: the PNG file, replaced atomically.
        means: at every setting.
        grid: the settings.
        chosen: one of them.
    """
    num_thresholds, num_sizes = grid.shape
    figure = new_figure(max(0.26 * num_thresholds + 1.9, 3.6))
    panels = figure.subplots(1, len(_TITLES), squeeze=False)[0]
    for axes, (name, title) in zip(panels, _TITLES.items(), strict=True):
        values = getattr(means.overall.scores, name)
        image = axes.imshow(
            values, origin="lower", aspect="auto", cmap="viridis"
        )
        figure.colorbar(image, ax=axes, location="bottom", shrink=0.9)
        if num_sizes <= _MOST_NUMBERED:
            _write_numbers(axes, values)
        _mark(axes, grid, chosen)
        _label(axes, grid)
        axes.set_title(title, fontsize=10.5, loc="left")
    panels[0].set_ylabel("threshold")
    figure.suptitle(_describe(means, chosen), fontsize=10.5)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})


def _describe(means: MeanScores, chosen: Setting) -> str:
    overall = means.overall
    of = plural(overall.num_subjects, "subject")
    if means.by_site and len(means.sites) > 1:
        of += f" of {plural(len(means.sites), 'site')} with equal weights"
    return (
        f"Mean over {of}; chosen: threshold {chosen.threshold:g}, minimum "
        f"size {chosen.min_lesion_mm3:g} mm³"
    )


def _label(axes: Axes, grid: Grid) -> None:
    for set_ticks, values in (
        (axes.set_xticks, grid.min_lesion_sizes_mm3),
        (axes.set_yticks, grid.thresholds),
    ):
        labels = [f"{value:g}" for value in values]
        set_ticks(range(len(values)), labels, fontsize=SMALL_FONT)
    axes.set_xlabel("minimum lesion size in mm³")


def _mark(axes: Axes, grid: Grid, chosen: Setting) -> None:
    row = grid.thresholds.index(chosen.threshold)
    column = grid.min_lesion_sizes_mm3.index(chosen.min_lesion_mm3)
    corner = (column - 0.5, row - 0.5)
    axes.add_patch(
        Rectangle(corner, 1, 1, fill=False, edgecolor=_MARK, linewidth=2.5)
    )


def _write_numbers(axes: Axes, values: np.ndarray) -> None:
    # Dark letters on the bright half of the map.
    middle = (values.min() + values.max()) / 2
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column,
            row,
            f"{value:.2f}".removeprefix("0"),
            ha="center",
            va="center",
            fontsize=7,
            color="black" if value > middle else "white",
        )
