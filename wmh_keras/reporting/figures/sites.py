"""Figure S5: Dice by site."""

import math

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    SMALL_FONT,
    add_model_legend,
    draw_distribution,
    model_colours,
    new_figure,
    tidy,
    wrap_name,
)
from wmh_keras.reporting.study import Study

NAME = "figure_s5_sites"
TITLE = "Figure S5. Dice by site"


def draw_sites(study: Study) -> Illustration:
    """Draws the Dice of every patient by site and model.

    Args:
        study: what the report is about.
    """
    sites = sorted({v.key.site for v in study.evaluations[0].volumes})
    if not any(sites):
        return Illustration(
            NAME,
            TITLE,
            missing="The sites of the patients are not known. They come from "
            "the prepared data set, or the column site of a --pairs table.",
        )
    colours = model_colours(study)
    count = len(study.evaluations)
    width = 0.84 / count
    figure = new_figure(4.6, 9.5 if len(sites) < 12 else 14)
    axes = figure.subplots()
    for number, item in enumerate(study.evaluations):
        values = dice_by_site(item)
        for place, site in enumerate(sites):
            x = place + (number - (count - 1) / 2) * width
            draw_distribution(
                axes, x, values.get(site, []), colours[item.name], 0.8 * width
            )
    numbers = {
        site: len(dice_by_site(study.evaluations[0])[site]) for site in sites
    }
    crowded = len(sites) > 6
    axes.set_xticks(
        range(len(sites)),
        [
            f"{wrap_name(site or 'unknown', 16)}\nn = {numbers[site]:,}"
            for site in sites
        ],
        fontsize=SMALL_FONT,
        rotation=45 if crowded else 0,
        ha="right" if crowded else "center",
        rotation_mode="anchor" if crowded else None,
    )
    axes.set(ylabel="Dice", ylim=(-0.03, 1.03), xlim=(-0.6, len(sites) - 0.4))
    tidy(axes)
    add_model_legend(figure, study)
    caption = (
        "One point a patient (scans of a patient at one site averaged); n is "
        "the patients of a site. The line is the median, a box has the "
        "quartiles, from five patients on."
    )
    return Illustration(NAME, TITLE, caption, figure)


def dice_by_site(evaluation: EvaluationResults) -> dict[str, list[float]]:
    """Returns one Dice a patient of each site; NaN where none is defined."""
    rows: dict[tuple[str, str], list[float]] = {}
    for volume in evaluation.volumes:
        key = (volume.key.site, volume.key.subject_id)
        known = rows.setdefault(key, [])
        if not math.isnan(volume.scores.dice):
            known.append(volume.scores.dice)
    sites: dict[str, list[float]] = {}
    for (site, _), known in rows.items():
        mean = sum(known) / len(known) if known else math.nan
        sites.setdefault(site, []).append(mean)
    return sites
