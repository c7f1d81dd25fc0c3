import copy
import dataclasses

import numpy as np
import pytest

from wmh_keras.reporting.figures.mean_curves import (
    draw_precision_recall,
    draw_roc,
)


def with_curves(study, **blocks):
    """The first evaluation alone, with other mean curves."""
    item = study.evaluations[0]
    summary = copy.deepcopy(dict(item.summary))
    summary["mean_curves"] = blocks or None
    return dataclasses.replace(
        study,
        evaluations=(dataclasses.replace(item, summary=summary),),
        comparison=None,
    )


def stacked(item, field):
    return np.stack(
        [getattr(v.curves, field) for v in item.volumes if v.curves]
    )


@pytest.mark.parametrize(
    ("draw", "field"), [(draw_roc, "tpr"), (draw_precision_recall, "precision")]
)
def test_lines_are_the_means_over_patients(study, draw, field):
    axes = draw(study).figure.axes[0]
    for line, item in zip(axes.lines, study.evaluations, strict=False):
        expected = stacked(item, field).mean(axis=0)
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_the_band_is_one_sd_and_stays_within_0_and_1(study):
    x = [0.0, 1e-4, 0.1, 1.0]
    block = {
        "x": x,
        "mean": [0.0, 0.5, 0.9, 1.0],
        "sd": [0.0, 0.2, 0.3, None],
        "n": 5,
    }
    figure = draw_roc(with_curves(study, roc=block)).figure
    left, right = figure.axes
    corners = left.collections[0].get_paths()[0].vertices
    lower = {a: corners[corners[:, 0] == a, 1].min() for a in x}
    upper = {a: corners[corners[:, 0] == a, 1].max() for a in x}
    assert lower[1e-4] == pytest.approx(0.3)
    assert upper[1e-4] == pytest.approx(0.7)
    assert lower[0.1] == pytest.approx(0.6)
    assert upper[0.1] == 1.0
    # No point at a false positive rate of 0 on the logarithmic axis.
    assert right.get_xscale() == "log"
    assert right.lines[0].get_xdata().tolist() == x[1:]


@pytest.mark.parametrize(
    ("draw", "score", "short", "decimals"),
    [
        (draw_roc, "auc", "AUC", 4),
        (draw_precision_recall, "average_precision", "AP", 3),
    ],
)
def test_the_legend_gives_mean_and_sd_of_the_areas(
    study, draw, score, short, decimals
):
    (legend,) = draw(study).figure.legends
    for text, item in zip(legend.get_texts(), study.evaluations, strict=True):
        areas = np.array(list(item.by_subject(score).values()))
        areas = areas[~np.isnan(areas)]
        assert text.get_text() == (
            f"{item.name}\n{short} {areas.mean():.{decimals}f} ± "
            f"{areas.std(ddof=1):.{decimals}f} (n = 9)"
        )


def test_an_area_below_1_is_not_printed_as_1(study):
    item = study.evaluations[0]
    volumes = [
        dataclasses.replace(v, scores=dataclasses.replace(v.scores, auc=auc))
        for v, auc in zip(
            item.volumes, [0.99998, 0.99999] * len(item.volumes), strict=False
        )
    ]
    item = dataclasses.replace(item, volumes=tuple(volumes))
    one = dataclasses.replace(study, evaluations=(item,), comparison=None)
    (legend,) = draw_roc(one).figure.legends
    assert "AUC > 0.9999 ± 0.0000 (n = " in legend.get_texts()[0].get_text()


def test_without_probabilities(make_study, study):
    bare = make_study(models=1, curves=False)
    for draw in (draw_roc, draw_precision_recall):
        illustration = draw(bare)
        assert illustration.figure is None
        assert "probabilities" in illustration.missing
    files = dataclasses.replace(bare.evaluations[0], name="files")
    mixed = dataclasses.replace(
        study, evaluations=(study.evaluations[0], files)
    )
    illustration = draw_roc(mixed)
    assert "Without probabilities: files." in illustration.caption
