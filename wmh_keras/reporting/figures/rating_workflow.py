"""Figure 5 A: from the test patients to the grades."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from wmh_keras.evaluation.ratings import RatingStudy
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.sheet import Sheet
from wmh_keras.reporting.figures.style import plural
from wmh_keras.reporting.study import Study

NAME = "figure_5a_rating_workflow"
TITLE = "Figure 5 A. Clinical rating"
_WIDTH = 9.5
_MARGIN = 0.1
_GAP = 0.4
_MEANINGS = {
    4.0: "no revision",
    3.0: "minor revision",
    2.0: "major revision",
    1.0: "not acceptable",
}
_COLOURS = {4: "#CFE8DC", 3: "#E3F0E0", 2: "#FBE9CC", 1: "#F6D5C8"}
_ACCEPTABLE_FROM = 3


def draw_rating_workflow(study: Study) -> Illustration:
    """Draws patients, model, raters, and how many got which grade.

    Args:
        study: what the report is about.
    """
    ratings = study.ratings
    if ratings is None:
        return Illustration(
            NAME,
            TITLE,
            missing="No ratings were given: --ratings=FILE.csv with the "
            "columns subject, rater, score (1 to 4) shows them.",
        )
    caption = (
        "Every rater graded the prediction of every patient from 4 (no "
        "revision needed) to 1 (not acceptable). A patient's grade is the "
        "median over the raters; 3 and 4 are taken as acceptable."
    )
    skipped = [
        rater
        for rater, count in graded_by(ratings).items()
        if count < len(ratings.subjects)
    ]
    if skipped:
        caption += f" Not all patients were graded by {', '.join(skipped)}."
    return Illustration(NAME, TITLE, caption, _draw(study, ratings))


def grade_counts(ratings: RatingStudy) -> dict[float, int]:
    """Counts patients by median grade, the best first.

    Args:
        ratings: of one model.

    Returns:
        The grades 4, 3, 2 and 1 always; halves between them, which an even
        number of raters can give, where a patient has one.
    """
    grades = list(ratings.median_grades.values())
    shown = sorted({*_MEANINGS, *grades}, reverse=True)
    return {float(grade): grades.count(grade) for grade in shown}


def graded_by(ratings: RatingStudy) -> dict[str, int]:
    """Counts the patients whom each rater graded."""
    return {
        rater: sum(rater in row for row in ratings.scores.values())
        for rater in ratings.raters
    }


def _draw(study: Study, ratings: RatingStudy) -> Figure:
    sheet = Sheet(_WIDTH)
    width, left = 4.0, (_WIDTH - 4.0) / 2
    evaluated = next(
        item for item in study.evaluations if item.name == ratings.model
    )
    patients = sheet.add_box(
        ["Test patients", plural(len(evaluated.subjects), "patient")],
        left=left,
        top=_MARGIN,
        width=width,
    )
    model = sheet.add_box(
        ["Segmentation", ratings.model],
        left=left,
        top=patients.bottom + _GAP,
        width=width,
    )
    sheet.add_arrow(
        (patients.centre, patients.bottom), (model.centre, model.top)
    )
    lines = [
        f"{rater}: {plural(count, 'patient')}"
        for rater, count in graded_by(ratings).items()
    ]
    raters = sheet.add_box(
        [plural(len(ratings.raters), "rater"), *lines],
        left=left,
        top=model.bottom + _GAP,
        width=width,
    )
    sheet.add_arrow((model.centre, model.bottom), (raters.centre, raters.top))
    _draw_grades(sheet, grade_counts(ratings), raters.centre, raters.bottom)
    return sheet.to_figure()


def _draw_grades(
    sheet: Sheet, counts: Mapping[float, int], centre: float, top: float
) -> None:
    total = sum(counts.values())
    step = (_WIDTH - 2 * _MARGIN) / len(counts)
    rail, row = top + _GAP / 2, top + _GAP + 0.1
    bottom = row
    for number, (grade, count) in enumerate(counts.items()):
        box = sheet.add_box(
            [
                f"Grade {grade:g}",
                _MEANINGS.get(grade, "between two grades"),
                f"n = {count:,} ({_percent(count, total)})",
            ],
            left=_MARGIN + number * step + 0.06,
            top=row,
            width=step - 0.12,
            colour=_COLOURS[int(grade)],
        )
        sheet.add_arrow(
            (centre, top), (centre, rail), (box.centre, rail), (box.centre, row)
        )
        bottom = max(bottom, box.bottom)
    good = sum(n for grade, n in counts.items() if grade >= _ACCEPTABLE_FROM)
    sheet.add_box(
        [f"Acceptable: {good:,} of {total:,} ({_percent(good, total)})"],
        left=(_WIDTH - 4.0) / 2,
        top=bottom + 0.2,
        width=4.0,
        colour="#FFFFFF",
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "no patient"
