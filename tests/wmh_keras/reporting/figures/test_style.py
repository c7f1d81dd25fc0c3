import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from wmh_keras.reporting.figures.style import (
    draw_distribution,
    model_colours,
    plural,
    wrap_name,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unet", "unet"),
        ("unet_side384_prior", "unet_side384_prior"),
        ("unet_side384_prior_2", "unet_side384_\nprior_2"),
        ("x" * 20, "x" * 18 + "\nxx"),
        ("a b", "a b"),
        ("_x", " _x"),
        ("$a$", r"\$a\$"),
    ],
)
def test_names_are_broken_after_their_punctuation(name, expected):
    assert wrap_name(name) == expected


def test_very_long_names_end_in_an_ellipsis():
    lines = wrap_name("part_" * 40).split("\n")
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) <= 18


def test_a_model_keeps_its_colour(study):
    colours = model_colours(study)
    assert len(set(colours.values())) == 3
    fewer = dataclasses.replace(study, evaluations=study.evaluations[:2])
    assert model_colours(fewer).items() <= colours.items()


def test_few_values_have_no_box():
    for count, boxes in ((0, 0), (1, 0), (4, 0), (5, 1)):
        axes = Figure().subplots()
        draw_distribution(axes, 0, [*np.arange(count), np.nan], "C0")
        assert len(axes.patches) == boxes
        points = axes.collections[0].get_offsets() if count else []
        assert len(points) == count


def test_plural():
    assert plural(1, "patient") == "1 patient"
    assert plural(1156, "patient") == "1,156 patients"
