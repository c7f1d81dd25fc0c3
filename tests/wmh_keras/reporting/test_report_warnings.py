"""What the page says before the numbers."""

import dataclasses

import pytest

from wmh_keras.reporting.report_warnings import (
    collect_warnings,
    data_warnings,
)


@pytest.mark.parametrize(
    ("models", "patients", "p"),
    [(2, 6, "test can give is 0.031"), (3, 6, "adjustment can give is 0.094")],
)
def test_few_patients_cannot_show_much(make_study, models, patients, p):
    """Of 2^6 signs of the differences two are the most extreme: 2 / 64."""
    study = make_study(models=models, patients=patients, ratings=False)
    (warning,) = [t for t in collect_warnings(study) if "too narrow" in t]
    assert warning.startswith("6 patients: ")
    assert warning.endswith(p)


def test_one_model_has_no_test_and_ten_patients_no_warning(make_study):
    one = make_study(models=1, patients=6, ratings=False)
    assert "Wilcoxon" not in " ".join(collect_warnings(one))
    many = make_study(models=2, patients=10, ratings=False)
    assert "too narrow" not in " ".join(collect_warnings(many))


def test_masks_of_patients_that_a_model_may_have_seen(study):
    evaluation = study.evaluations[0]
    evaluated = dict(evaluation.summary["evaluated"])
    evaluated |= {"kind": "files", "data_identity": None}
    files = dataclasses.replace(
        evaluation, summary={**evaluation.summary, "evaluated": evaluated}
    )
    assert data_warnings([files], study.data) == ()
    cases = [
        {**case, "split": "train"}
        if case["subject_id"] in evaluation.subjects[:3]
        else case
        for case in study.data.cases
    ]
    data = dataclasses.replace(study.data, cases=cases)
    (warning,) = data_warnings([files], data)
    assert "has 3 in train:" in warning
    assert data_warnings([evaluation], data) == ()
