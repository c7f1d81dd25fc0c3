import dataclasses

import numpy as np
import pytest

from data_prep.files import write_csv
from wmh_keras.reporting.figures.style import model_colours
from wmh_keras.reporting.figures.training import draw_training

COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "dice",
    "val_loss",
    "val_accuracy",
    "val_dice",
    "learning_rate",
)


@pytest.fixture
def histories(tmp_path):
    paths = []
    for number in range(3):
        rows = [
            {name: (number + 1) / (epoch + i) for i, name in enumerate(COLUMNS)}
            | {"epoch": epoch}
            for epoch in range(1, 6)
        ]
        paths.append(tmp_path / f"{number}.csv")
        write_csv(paths[-1], COLUMNS, rows)
    return paths


def with_histories(study, paths):
    evaluations = [
        dataclasses.replace(item, history=path)
        for item, path in zip(study.evaluations, paths, strict=True)
    ]
    return dataclasses.replace(study, evaluations=tuple(evaluations))


def test_several_trainings_by_colour(study, histories):
    figure = draw_training(with_histories(study, histories)).figure
    colours = list(model_colours(study).values())
    dice = figure.axes[2]
    assert [line.get_color() for line in dice.lines] == [
        colour for colour in colours for _ in range(2)
    ]
    # Columns 3 (dice) and 6 (val_dice) of the second model.
    epochs = np.arange(1, 6)
    for line, column, style in zip(
        dice.lines[2:4], (3, 6), ("--", "-"), strict=True
    ):
        np.testing.assert_allclose(line.get_ydata(), 2 / (epochs + column))
        assert line.get_linestyle() == style
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels == ["unet", "unet3d", "uresnet", "training", "validation"]


def test_one_of_several_has_a_history(study, histories):
    illustration = draw_training(
        with_histories(study, [None, histories[1], None])
    )
    assert len(illustration.figure.axes[0].lines) == 2
    assert "Without a history: unet, uresnet." in illustration.caption
    assert "Shown: unet3d." in illustration.caption


def test_none_has(study):
    illustration = draw_training(study)
    assert illustration.figure is None
    assert "work folder" in illustration.missing
