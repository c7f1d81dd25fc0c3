import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from wmh_keras.reporting.figures.save import save_figure
from wmh_keras.reporting.figures.style import draw_distribution, new_figure


def test_both_files_at_the_figure_s_size(tmp_path):
    png, svg = save_figure(Figure(figsize=(4, 3)), tmp_path / "new" / "f.1")
    assert (png.name, svg.name) == ("f.1.png", "f.1.svg")
    with Image.open(png) as picture:
        assert picture.size == (600, 450)
    root = ET.fromstring(svg.read_text())
    assert root.get("viewBox") == "0 0 288 216"
    assert not list(root.iter("{http://purl.org/dc/elements/1.1/}date"))
    assert len(list(tmp_path.glob("new/*"))) == 2


def test_nothing_is_left_of_a_failure(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(Figure(), tmp_path / "f")
    assert not list(tmp_path.iterdir())


def test_a_large_cohort_stays_a_small_file(tmp_path):
    figure = new_figure(4)
    axes = figure.subplots()
    values = np.random.default_rng(0).random(5000)
    for place in range(6):
        draw_distribution(axes, place, values, "C0")
    _, svg = save_figure(figure, tmp_path / "many")
    assert svg.stat().st_size < 1_000_000
