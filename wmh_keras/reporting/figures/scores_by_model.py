"""Figure S2: scores of every patient by model, with the tests."""

import math

from matplotlib.axes import Axes

from wmh_keras.evaluation.head_to_head import HeadToHead
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    SMALL_FONT,
    add_model_legend,
    draw_distribution,
    literal,
    model_colours,
    new_figure,
    tidy,
)
from wmh_keras.reporting.study import Study
from wmh_keras.statistics.comparison import PairTest

NAME = "figure_s2_scores_by_model"
TITLE = "Figure S2. Scores by model"
_SCORES = {
    "dice": "Dice",
    "precision": "Precision",
    "recall": "Recall",
    "lesion_dice": "Lesion F1",
    "lesion_precision": "Lesion precision",
    "lesion_recall": "Lesion recall",
}
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
# Brackets between all pairs of more models would hide the scores.
_MOST_MODELS = 4
_STEP = 0.075


def draw_scores_by_model(study: Study) -> Illustration:
    """Draws boxes and points of six scores, with brackets of the tests.

    Args:
        study: what the report is about.
    """
    colours = model_colours(study)
    names = [item.name for item in study.evaluations]
    # Names stand below the boxes where they fit, else in a legend.
    named = len(names) <= _MOST_MODELS and max(map(len, names)) <= 12
    figure = new_figure(7.4)
    for axes, (score, title) in zip(
        figure.subplots(2, 3).flat, _SCORES.items(), strict=True
    ):
        labels = []
        for place, item in enumerate(study.evaluations):
            values = list(item.by_subject(score).values())
            draw_distribution(axes, place, values, colours[item.name])
            count = sum(not math.isnan(value) for value in values)
            name = literal(item.name)
            labels.append(f"{name}\nn = {count:,}" if named else f"{count:,}")
        axes.set_xticks(range(len(labels)), labels, fontsize=SMALL_FONT)
        if not named:
            axes.set_xlabel("n", fontsize=SMALL_FONT)
        axes.set_title(title, fontsize=11)
        axes.set_xlim(-0.6, len(labels) - 0.4)
        _draw_brackets(axes, study, score)
        tidy(axes)
    if not named:
        add_model_legend(figure, study)
    return Illustration(NAME, TITLE, _caption(study), figure)


def significant_pairs(
    comparison: HeadToHead | None, score: str
) -> list[tuple[PairTest, str]]:
    """Returns the pairs of models that differ, with their stars.

    Args:
        comparison: None for a single model.
        score: a field of PatientScores.

    Returns:
        Pairs with a Holm-adjusted Wilcoxon p below 0.05; of more than four
        models only those of the first one.
    """
    tested = comparison and comparison.scores.get(score)
    if not tested or tested.comparison is None:
        return []
    models = comparison.models
    pairs = tested.comparison.pairs
    if len(models) > _MOST_MODELS:
        pairs = [p for p in pairs if models[0] in (p.first, p.second)]
    starred = [
        (pair, next((s for limit, s in _STARS if pair.holm_p < limit), ""))
        for pair in pairs
    ]
    return [(pair, stars) for pair, stars in starred if stars]


def _draw_brackets(axes: Axes, study: Study, score: str) -> None:
    places = {item.name: i for i, item in enumerate(study.evaluations)}
    spans = []
    for pair, stars in significant_pairs(study.comparison, score):
        ends = sorted((places[pair.first], places[pair.second]))
        spans.append((ends, stars))
    spans.sort(key=lambda span: span[0][1] - span[0][0])
    for number, ((left, right), stars) in enumerate(spans):
        y = 1.05 + number * _STEP
        axes.plot(
            [left, left, right, right],
            [y - 0.015, y, y, y - 0.015],
            color="black",
            linewidth=0.8,
        )
        axes.text(
            (left + right) / 2,
            y - 0.01,
            stars,
            ha="center",
            va="bottom",
            fontsize=SMALL_FONT,
        )
    axes.set_ylim(-0.03, 1.05 + max(len(spans), 0.2) * _STEP)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def _caption(study: Study) -> str:
    caption = (
        "One point a patient (a patient's scans averaged first); the box "
        "gives quartiles and median, the whiskers reach to 1.5 times its "
        "height; n is the patients with a value."
    )
    if study.comparison is None:
        return caption
    pairs = "models"
    if len(study.comparison.models) > _MOST_MODELS:
        pairs = f"{study.comparison.models[0]} and another model"
    return (
        f"{caption} Brackets join {pairs} that differ by the Wilcoxon "
        "signed-rank test over the patients on whom every model has a value, "
        "adjusted by Holm over the pairs: * p < 0.05, ** p < 0.01, *** p < "
        "0.001; no bracket: not significant."
    )
