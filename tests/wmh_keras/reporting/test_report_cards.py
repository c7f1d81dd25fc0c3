"""The numbers at the top of the page."""

import copy
import dataclasses

from wmh_keras.reporting.report_cards import render_key_numbers


def test_a_mean_over_fewer_patients_says_so(study):
    evaluation = study.evaluations[0]
    summary = copy.deepcopy(dict(evaluation.summary))
    summary["scores"]["precision"] |= {"mean": 0.25, "sd": 0.5, "n": 7}
    changed = dataclasses.replace(evaluation, summary=summary)
    page = render_key_numbers(
        dataclasses.replace(
            study, evaluations=(changed, *study.evaluations[1:])
        )
    )
    assert "<dd>0.250 ± 0.500 (n = 7)</dd>" in page
    dice = evaluation.summary["scores"]["dice"]
    assert dice["n"] == len(evaluation.subjects)
    assert f"<dd>{dice['mean']:.3f} ± {dice['sd']:.3f}</dd>" in page
    assert "intervals and tests" in page


def test_accepted_patients_are_counted(study):
    ratings = study.ratings
    accepted = sum(grade >= 3 for grade in ratings.median_grades.values())
    share = 100 * accepted / len(ratings.subjects)
    text = f"<dd>{accepted}/{len(ratings.subjects)} ({share:.1f} %)</dd>"
    page = render_key_numbers(study)
    assert page.count(text) == page.count("Accepted by raters") == 1


def test_one_model_is_not_tested(make_study):
    page = render_key_numbers(make_study(models=1, ratings=False))
    assert "tests" not in page
    assert "Kendall" not in page
