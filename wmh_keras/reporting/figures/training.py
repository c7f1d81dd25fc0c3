"""Figure 4: how the models learned."""

from wmh_keras.reporting.curves import (
    compare_curves_figure,
    curves_figure,
    read_history,
)
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import model_colours, wrap_name
from wmh_keras.reporting.study import Study

NAME = "figure_4_training"
TITLE = "Figure 4. Training"


def draw_training(study: Study) -> Illustration:
    """Draws loss, accuracy, Dice and learning rate of every training.

    Args:
        study: what the report is about.

    Raises:
        UserError: a history cannot be read.
    """
    known = [item for item in study.evaluations if item.history is not None]
    if not known:
        return Illustration(
            NAME,
            TITLE,
            missing="No evaluation holds the history of a training. It is "
            "there when one work folder of wmh-train is evaluated "
            "(--model=WORKDIR).",
        )
    caption = (
        "Loss, pixel accuracy, Dice and learning rate by epoch. Validation "
        "Dice is the mean over patients on the native grid; it chose the "
        "epoch whose weights were kept."
    )
    absent = [item.name for item in study.evaluations if item.history is None]
    if absent:
        caption += f" Without a history: {', '.join(absent)}."
    if len(known) == 1:
        figure = curves_figure(read_history(known[0].history))
        if len(study.evaluations) > 1:
            caption += f" Shown: {known[0].name}."
        return Illustration(NAME, TITLE, caption, figure)
    colours = model_colours(study)
    labels = {item.name: wrap_name(item.name, 28) for item in known}
    figure = compare_curves_figure(
        {labels[item.name]: read_history(item.history) for item in known},
        {labels[item.name]: colours[item.name] for item in known},
    )
    return Illustration(NAME, TITLE, caption, figure)
