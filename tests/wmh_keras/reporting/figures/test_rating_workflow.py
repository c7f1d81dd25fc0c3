import dataclasses
from collections import Counter

from wmh_keras.reporting.figures.rating_workflow import (
    draw_rating_workflow,
    grade_counts,
    graded_by,
)


def texts(study):
    (axes,) = draw_rating_workflow(study).figure.axes
    return [text.get_text() for text in axes.texts if text.get_text()]


def with_grades(study, grades):
    ratings = dataclasses.replace(
        study.ratings,
        median_grades=dict(zip(study.ratings.subjects, grades, strict=True)),
    )
    return dataclasses.replace(study, ratings=ratings)


def test_counts_are_those_of_the_median_grades(study):
    counted = Counter(study.ratings.median_grades.values())
    shown = texts(study)
    for grade in (1, 2, 3, 4):
        place = shown.index(f"Grade {grade}")
        number = counted[float(grade)]
        assert shown[place + 2] == f"n = {number} ({10 * number:.1f} %)"
    good = counted[3.0] + counted[4.0]
    assert shown[-1] == f"Acceptable: {good} of 10 ({10 * good:.1f} %)"
    assert shown[:2] == ["Test patients", "10 patients"]
    assert "Ann: 10 patients" in shown


def test_halves_are_shown_where_they_occur(study):
    grades = [4, 4, 3.5, 3, 3, 2.5, 2, 1, 1, 1]
    half = with_grades(study, [float(grade) for grade in grades])
    assert grade_counts(half.ratings) == {
        4.0: 2,
        3.5: 1,
        3.0: 2,
        2.5: 1,
        2.0: 1,
        1.0: 3,
    }
    shown = texts(half)
    assert "Grade 3.5" in shown
    assert "Acceptable: 5 of 10 (50.0 %)" in shown


def test_the_paper_s_numbers_in_form(study):
    """37 + 47 = 84 of 90 are acceptable; the paper's 85 is a slip."""
    grades = [4.0] * 37 + [3.0] * 47 + [2.0] * 4 + [1.0] * 2
    ratings = dataclasses.replace(
        study.ratings,
        subjects=tuple(map(str, range(90))),
        median_grades=dict(zip(map(str, range(90)), grades, strict=True)),
    )
    shown = texts(dataclasses.replace(study, ratings=ratings))
    assert "n = 37 (41.1 %)" in shown
    assert shown[-1] == "Acceptable: 84 of 90 (93.3 %)"


def test_a_rater_who_skipped_patients_is_named(study):
    scores = {s: dict(row) for s, row in study.ratings.scores.items()}
    del scores[study.ratings.subjects[0]]["Ben"]
    ratings = dataclasses.replace(study.ratings, scores=scores)
    assert graded_by(ratings) == {"Ann": 10, "Ben": 9, "Cleo": 10}
    illustration = draw_rating_workflow(
        dataclasses.replace(study, ratings=ratings)
    )
    assert "graded by Ben." in illustration.caption


def test_without_ratings(make_study):
    illustration = draw_rating_workflow(make_study(ratings=False))
    assert illustration.figure is None
    assert "--ratings" in illustration.missing
