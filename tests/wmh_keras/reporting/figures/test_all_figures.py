import dataclasses

import pytest

from wmh_keras.evaluation.head_to_head import compare_evaluations
from wmh_keras.reporting.figures.all_figures import make_figures
from wmh_keras.reporting.figures.save import save_figure

NAMES = [
    "figure_1_patient_flow",
    "figure_2a_examples",
    "figure_2b_lesion_sizes",
    "figure_2c_data_distribution",
    "figure_3_network",
    "figure_4_training",
    "figure_5a_rating_workflow",
    "figure_5b_roc",
    "figure_s1_precision_recall",
    "figure_s2_scores_by_model",
    "figure_s3_bland_altman",
    "figure_s4_found_lesions",
    "figure_s5_sites",
]


@pytest.mark.parametrize("whole", [True, False])
def test_every_figure_is_there_or_says_why_not(make_study, whole):
    study = make_study(
        models=2 if whole else 1,
        patients=4,
        ratings=whole,
        data=whole,
        curves=whole,
    )
    figures = list(make_figures(study))
    assert [item.name for item in figures] == NAMES
    for item in figures:
        assert item.title.startswith("Figure ")
        assert (item.figure is None) == bool(item.missing)
        assert bool(item.caption) == (item.figure is not None)
        assert item.missing == "" or len(item.missing) > 30
    missing = {item.name for item in figures if item.missing}
    always = {"figure_2a_examples", "figure_4_training"}
    assert missing >= always
    assert (missing == always) == whole


def test_names_that_matplotlib_would_take_for_something_else(
    make_study, tmp_path
):
    study = make_study(patients=3, ratings=False)
    names = ("_$x^2$", "a_very_long_name_" * 5, "100 % \\alpha $")
    evaluations = tuple(
        dataclasses.replace(item, name=name)
        for item, name in zip(study.evaluations, names, strict=True)
    )
    odd = dataclasses.replace(
        study,
        evaluations=evaluations,
        comparison=compare_evaluations(evaluations),
    )
    for item in make_figures(odd):
        if item.figure is not None:
            save_figure(item.figure, tmp_path / item.name)
            for legend in item.figure.legends:
                assert len(legend.get_texts()) >= 3, item.name


def test_same_study_same_bytes(make_study, tmp_path):
    for folder in ("a", "b"):
        for item in make_figures(make_study(models=1, patients=3)):
            if item.figure is not None:
                save_figure(item.figure, tmp_path / folder / item.name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 2 * 11
    for name in files:
        first, second = (tmp_path / f / name for f in ("a", "b"))
        assert first.read_bytes() == second.read_bytes(), name
