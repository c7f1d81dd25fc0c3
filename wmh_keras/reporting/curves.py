"""The picture of a training: loss, accuracy, Dice and learning rate."""

import math
import os
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_prep.errors import UserError
from data_prep.files import read_csv, write_atomically

_PANELS = (
    ("Loss", ("loss", "val_loss")),
    ("Pixel accuracy", ("accuracy", "val_accuracy")),
    ("Dice", ("dice", "val_dice")),
    ("Learning rate", ("learning_rate",)),
)
_LABELS = {"val": "validation", "": "training"}


def draw_curves(history: str | os.PathLike, picture: str | os.PathLike) -> None:
    """Draws the curves of a training.

    Args:
      history: history.csv of a work folder, at least one epoch.
      picture: The PNG file to write.

    Raises:
      UserError: The history cannot be read, or lacks a column or any epoch.
    """
    rows = read_csv(history)
    columns = {"epoch", *(name for _, names in _PANELS for name in names)}
    missing = columns - set(rows[0] if rows else ())
    if missing:
        raise UserError(
            f"{history}: expected at least one epoch with the columns "
            f"{', '.join(sorted(columns))}; missing: "
            f"{', '.join(sorted(missing))}"
        )
    epochs = [int(row["epoch"]) for row in rows]
    # A figure of its own, not pyplot: no display, and no global state.
    figure = Figure(figsize=(10, 7), layout="constrained")
    for axes, (title, names) in zip(
        figure.subplots(2, 2).flat, _PANELS, strict=True
    ):
        for name in names:
            _draw(axes, epochs, [row[name] for row in rows], name)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.axes[3].set_ylim(bottom=0)
    _mark_best(figure.axes[2], epochs, [row["val_dice"] for row in rows])
    with write_atomically(picture) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw(
    axes: Axes, epochs: Sequence[int], fields: Sequence[str], name: str
) -> None:
    points = [
        (epoch, float(field))
        for epoch, field in zip(epochs, fields, strict=True)
        if field
    ]
    # A single point has no line.
    marker = "o" if len(points) < 3 else None
    label = _LABELS["val" if name.startswith("val_") else ""]
    axes.plot(*zip(*points, strict=True), label=label, marker=marker)


def _mark_best(
    axes: Axes, epochs: Sequence[int], fields: Sequence[str]
) -> None:
    scores = [float(field) if field else -math.inf for field in fields]
    best = max(range(len(scores)), key=scores.__getitem__)
    if scores[best] > -math.inf:
        axes.axvline(epochs[best], color="grey", linestyle=":")
        axes.set_title(f"Dice (best {scores[best]:.3f}, epoch {epochs[best]})")
