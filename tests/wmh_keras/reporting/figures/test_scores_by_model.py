import dataclasses

import numpy as np
import pytest

from wmh_keras.reporting.figures.scores_by_model import (
    draw_scores_by_model,
    significant_pairs,
)


def with_p(study, score, p_values):
    """The study with these Holm-adjusted p values of a score's pairs."""
    whole = study.comparison.scores[score]
    pairs = tuple(
        dataclasses.replace(pair, holm_p=p)
        for pair, p in zip(whole.comparison.pairs, p_values, strict=True)
    )
    comparison = dataclasses.replace(whole.comparison, pairs=pairs)
    scores = dict(study.comparison.scores)
    scores[score] = dataclasses.replace(whole, comparison=comparison)
    return dataclasses.replace(
        study, comparison=dataclasses.replace(study.comparison, scores=scores)
    )


def test_one_point_a_patient(study):
    figure = draw_scores_by_model(study).figure
    for axes, score in zip(figure.axes[:2], ("dice", "precision"), strict=True):
        for points, item in zip(
            axes.collections, study.evaluations, strict=True
        ):
            expected = [
                value
                for value in item.by_subject(score).values()
                if not np.isnan(value)
            ]
            np.testing.assert_allclose(points.get_offsets()[:, 1], expected)


def test_medians_and_n(study):
    axes = draw_scores_by_model(study).figure.axes[2]  # recall
    labels = [label.get_text() for label in axes.get_xticklabels()]
    for place, item in enumerate(study.evaluations):
        values = np.array(list(item.by_subject("recall").values()))
        known = values[~np.isnan(values)]
        assert labels[place] == f"{item.name}\nn = {len(known)}"
        medians = [
            line.get_ydata()[0]
            for line in axes.lines
            if line.get_color() == "black"
            and np.ptp(line.get_ydata()) == 0
            and np.mean(line.get_xdata()) == pytest.approx(place)
        ]
        assert np.median(known) in medians


def test_stars(study):
    starred = with_p(study, "dice", [0.0009, 0.05, 0.04])
    pairs = significant_pairs(starred.comparison, "dice")
    assert [(p.first, p.second, stars) for p, stars in pairs] == [
        ("unet", "unet3d", "***"),
        ("unet3d", "uresnet", "*"),
    ]
    axes = draw_scores_by_model(starred).figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["***", "*"]
    top = max(line.get_ydata().max() for line in axes.lines)
    assert top < axes.get_ylim()[1]


def test_undefined_p_has_no_star(study):
    undefined = with_p(study, "dice", [float("nan")] * 3)
    assert significant_pairs(undefined.comparison, "dice") == []
    assert significant_pairs(None, "dice") == []


def test_one_model_has_no_test(make_study):
    illustration = draw_scores_by_model(make_study(models=1))
    assert "Wilcoxon" not in illustration.caption
    assert not any(axes.texts for axes in illustration.figure.axes)


def test_long_names_go_to_a_legend(study):
    long = tuple(
        dataclasses.replace(item, name=f"{item.name}_with_a_very_long_name")
        for item in study.evaluations
    )
    named = dataclasses.replace(study, evaluations=long, comparison=None)
    figure = draw_scores_by_model(named).figure
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert labels == ["10"] * 3
