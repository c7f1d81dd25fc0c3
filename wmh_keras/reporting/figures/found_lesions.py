"""Figure S4: how many lesions of each size were found."""

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    SMALL_FONT,
    add_model_legend,
    model_colours,
    new_figure,
    size_unit,
    tidy,
)
from wmh_keras.reporting.study import Study

NAME = "figure_s4_found_lesions"
TITLE = "Figure S4. Found lesions"


def draw_found_lesions(study: Study) -> Illustration:
    """Draws the share of reference lesions that each model finds, by class.

    Args:
        study: what the report is about.
    """
    first = study.evaluations[0]
    if not any(reference for _, reference in found_by_class(first).values()):
        return Illustration(
            NAME, TITLE, missing="The reference masks hold no lesion."
        )
    colours = model_colours(study)
    count = len(study.evaluations)
    width = 0.84 / count
    figure = new_figure(4.4 if count < 4 else 5)
    axes = figure.subplots()
    for number, item in enumerate(study.evaluations):
        for place, (found, reference) in enumerate(
            found_by_class(item).values()
        ):
            x = place + (number - (count - 1) / 2) * width
            share = 100 * found / reference if reference else 0
            axes.bar(
                x,
                share,
                width * 0.92,
                color=colours[item.name],
            )
            text = f"{share:.1f} %\n{found:,}/{reference:,}"
            axes.annotate(
                text if reference else "none",
                (x, share),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=0 if count < 4 else 90,
                fontsize=SMALL_FONT,
            )
    axes.set_xticks(range(3), [f"{name} lesions" for name in SIZE_CLASSES])
    axes.set(ylabel="found, percent", xlim=(-0.5, 2.5))
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylim(0, 116 if count < 4 else 132)
    tidy(axes)
    add_model_legend(figure, study)
    return Illustration(NAME, TITLE, _caption(study), figure)


def found_by_class(
    evaluation: EvaluationResults,
) -> dict[str, tuple[int, int]]:
    """Returns (found, all) reference lesions over all patients, by class."""
    return {
        name: (
            sum(v.classes[name].found_lesions for v in evaluation.volumes),
            sum(v.classes[name].reference_lesions for v in evaluation.volumes),
        )
        for name in SIZE_CLASSES
    }


def _caption(study: Study) -> str:
    rules = study.evaluations[0].summary["evaluated"]["rules"]
    unit = size_unit(study)
    share = round(100 * rules["lesion_overlap"], 1)
    return (
        "Share of the reference lesions of all patients that are found, that "
        f"is covered by the prediction to at least {share:g} %; below it "
        "found and all lesions. Small: < "
        f"{rules['size']['small_below']:g} {unit}, large: > "
        f"{rules['size']['large_above']:g} {unit}."
    )
