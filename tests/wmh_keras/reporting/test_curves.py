import math

import pytest
from PIL import Image

from data_prep.errors import UserError
from data_prep.files import write_csv
from wmh_keras.reporting.curves import (
    curves_figure,
    draw_curves,
    read_history,
)

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


def write_history(path, epochs, validated_every=1):
    rows = []
    for epoch in range(1, epochs + 1):
        row = {name: 1 / (epoch + 1) for name in COLUMNS} | {"epoch": epoch}
        if epoch % validated_every:
            row = {k: v for k, v in row.items() if not k.startswith("val_")}
        rows.append(row)
    write_csv(path, COLUMNS, rows)


@pytest.mark.parametrize(
    ("epochs", "validated_every"), [(1, 1), (5, 2), (1, 2)]
)
def test_a_picture_is_drawn(tmp_path, epochs, validated_every):
    write_history(tmp_path / "history.csv", epochs, validated_every)
    draw_curves(tmp_path / "history.csv", tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1000, 700)
        assert len(picture.convert("L").getcolors()) > 20


def test_another_file_is_refused_by_name(tmp_path):
    write_csv(tmp_path / "other.csv", ("epoch", "loss"), [{"epoch": 1}])
    with pytest.raises(UserError, match=r"other.csv.*missing: accuracy"):
        draw_curves(tmp_path / "other.csv", tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_a_field_that_is_no_number_is_named(tmp_path):
    write_history(tmp_path / "history.csv", 2)
    text = (tmp_path / "history.csv").read_text().replace("0.5", "x", 1)
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(UserError, match=r"history.csv, column \w+: .*'x'"):
        read_history(tmp_path / "history.csv")


def test_lines_are_the_columns(tmp_path):
    write_history(tmp_path / "history.csv", 5, 2)
    history = read_history(tmp_path / "history.csv")
    assert math.isnan(history["val_dice"][0])
    figure = curves_figure(history)
    training, validation, best = figure.axes[2].lines
    assert list(training.get_ydata()) == history["dice"]
    assert list(validation.get_xdata()) == [2, 4]
    assert list(best.get_xdata()) == [2, 2]
    assert figure.axes[2].get_title() == "Dice (best 0.333, epoch 2)"
