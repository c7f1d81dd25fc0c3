"""The picture of a training: loss, accuracy, Dice and learning rate."""

import math
import os
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from data_prep.errors import UserError
from data_prep.files import read_csv, write_atomically

History = Mapping[str, Sequence[float]]

_PANELS = (
    ("Loss", ("loss", "val_loss")),
    ("Pixel accuracy", ("accuracy", "val_accuracy")),
    ("Dice", ("dice", "val_dice")),
    ("Learning rate", ("learning_rate",)),
)
_TRAINING, _VALIDATION = "#D55E00", "#0072B2"


def draw_curves(history: str | os.PathLike, picture: str | os.PathLike) -> None:
    """Draws the curves of a training.

    Args:
        history: history.csv of a work folder, at least one epoch.
        picture: The PNG file to write.

    Raises:
        UserError: The history cannot be read, or lacks a column or any epoch.
    """
    figure = curves_figure(read_history(history))
    with write_atomically(picture) as temporary:
        figure.savefig(temporary, dpi=100)


def read_history(path: str | os.PathLike) -> dict[str, list[float]]:
    """Reads the course of a training.

    Args:
        path: history.csv of a work folder.

    Returns:
        By column, one number an epoch; NaN where the field is empty, as
        between two validations.

    Raises:
        UserError: unreadable, without any epoch or a column, or a field is
            not a number.
    """
    rows = read_csv(path)
    names = [name for _, columns in _PANELS for name in columns]
    missing = {"epoch", *names} - set(rows[0] if rows else ())
    if missing:
        raise UserError(
            f"{path}: expected at least one epoch with the columns "
            f"{', '.join(sorted({'epoch', *names}))}; missing: "
            f"{', '.join(sorted(missing))}"
        )
    history = {}
    for name in ("epoch", *names):
        try:
            history[name] = [float(row[name] or math.nan) for row in rows]
        except ValueError as error:
            raise UserError(
                f"{path}, column {name}: expected numbers: {error}"
            ) from error
    return history


def curves_figure(history: History) -> Figure:
    """Draws one training: its own values and those of the validation.

    Args:
        history: see `read_history`.

    Returns:
        A figure of 10 × 7 inches.
    """
    figure = _new_figure()
    for axes, (_, names) in zip(figure.axes, _PANELS, strict=True):
        for name in names:
            validation = name.startswith("val_")
            _draw(
                axes,
                history["epoch"],
                history[name],
                color=_VALIDATION if validation else _TRAINING,
                label="validation" if validation else "training",
            )
        if len(names) > 1:
            axes.legend()
    _mark_best(figure.axes[2], history)
    return figure


def compare_curves_figure(
    histories: Mapping[str, History], colours: Mapping[str, str]
) -> Figure:
    """Draws several trainings over one another.

    Args:
        histories: by the name that the legend shows.
        colours: of each; training dashed, validation drawn through.

    Returns:
        A figure of 10 × 7.6 inches.
    """
    figure = _new_figure(7.6)
    for axes, (_, names) in zip(figure.axes, _PANELS, strict=True):
        for label, history in histories.items():
            for name in names:
                dashed = len(names) > 1 and not name.startswith("val_")
                _draw(
                    axes,
                    history["epoch"],
                    history[name],
                    color=colours[label],
                    linestyle="--" if dashed else "-",
                    linewidth=1 if dashed else 1.6,
                )
    handles = [
        Line2D([], [], color=colours[name], label=name) for name in histories
    ]
    handles += [
        Line2D([], [], color="black", linestyle="--", label="training"),
        Line2D([], [], color="black", label="validation"),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 5),
        frameon=False,
    )
    return figure


def _new_figure(height: float = 7) -> Figure:
    # A figure of its own, not pyplot: no display, and no global state.
    figure = Figure(figsize=(10, height), layout="constrained")
    for axes, (title, _) in zip(
        figure.subplots(2, 2).flat, _PANELS, strict=True
    ):
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return figure


def _draw(
    axes: Axes,
    epochs: Sequence[float],
    values: Sequence[float],
    **style: str | float,
) -> None:
    points = [
        (epoch, value)
        for epoch, value in zip(epochs, values, strict=True)
        if not math.isnan(value)
    ]
    # A single point has no line.
    marker = "o" if len(points) < 3 else None
    axes.plot(
        [epoch for epoch, _ in points],
        [value for _, value in points],
        marker=marker,
        **style,
    )
    if axes.get_title() == "Learning rate":
        axes.set_ylim(bottom=0)


def _mark_best(axes: Axes, history: History) -> None:
    scores = [
        -math.inf if math.isnan(score) else score
        for score in history["val_dice"]
    ]
    best = max(range(len(scores)), key=scores.__getitem__)
    if scores[best] > -math.inf:
        epoch = int(history["epoch"][best])
        axes.axvline(epoch, color="grey", linestyle=":")
        axes.set_title(f"Dice (best {scores[best]:.3f}, epoch {epoch})")
