"""Text for a manuscript: its numbers are those of the study."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from wmh_keras.reporting.report_text import manuscript_text


def text_of(study):
    sections = {s.title: " ".join(s.paragraphs) for s in manuscript_text(study)}
    assert list(sections) == ["Methods", "Results"]
    for text in sections.values():
        assert "nan" not in text.split()
        assert "None" not in text
        assert ".." not in text
    return sections


def test_results_of_a_model(study):
    results = text_of(study)["Results"]
    evaluation = study.evaluations[0]
    dice = np.array([v.scores.dice for v in evaluation.volumes])
    assert (
        f"unet reached a voxel-wise Dice of {dice.mean():.3f} ± "
        f"{dice.std(ddof=1):.3f} (95 % CI " in results
    )
    found = [
        (c.found_lesions, c.reference_lesions)
        for c in (v.classes["small"] for v in evaluation.volumes)
    ]
    part, whole = map(sum, zip(*found, strict=True))
    share = 100 * part / whole
    assert f"It found {part}/{whole} ({share:.1f} %) small, " in results
    lesions = sum(v.scores.reference_lesions for v in evaluation.volumes)
    assert f"{lesions} reference lesions" in results
    assert "10 patients (10 volumes from 2 sites)" in results


def test_results_of_the_comparison(study):
    results = text_of(study)["Results"]
    values = {
        e.name: [v.scores.dice for v in e.volumes] for e in study.evaluations
    }
    means = {name: np.mean(dice) for name, dice in values.items()}
    best = max(means, key=means.get)
    assert f"was highest for {best}: {means[best]:.3f}" in results
    for other in set(means) - {best}:
        assert (
            f"{other} by {means[best] - means[other]:.3f} (95 % CI" in results
        )
    anova = stats.f_oneway(*values.values())
    assert f"F = {anova.statistic:.2f}, p = {anova.pvalue:.3f}" in results


def test_differences_point_from_the_best_model_whatever_the_order(make_study):
    study = make_study(models=2)
    pair = study.comparison.scores["dice"].comparison.pairs[0]
    # The second of the pair is the better one here.
    assert pair.mean_difference < 0
    results = text_of(study)["Results"]
    assert (
        f"above unet by {-pair.mean_difference:.3f} (95 % CI "
        f"{-pair.ci_high:.3f} to {-pair.ci_low:.3f};" in results
    )


def test_results_of_the_rating(study):
    results = text_of(study)["Results"]
    medians = list(study.ratings.median_grades.values())
    accepted = sum(m >= 3 for m in medians)
    assert f"minor revision in {accepted}/10 ({10 * accepted:.1f} %)" in results
    assert f"{medians.count(4)} perfectly acceptable" in results
    agreement = study.ratings.agreement
    assert f"Kendall's W over patients was {agreement.kendall_w:.3f}" in results


def test_methods_name_every_rule(study):
    methods = text_of(study)["Methods"]
    for words in (
        "small below 20 mm³",
        "large above 150 mm³",
        "at least 40 % of its voxels",
        "10,000 resamples, seed 0",
        "Holm's adjustment",
        "Tukey's HSD",
        "wmh-keras 0.1.0",
        "The probabilities of unet, unet3d and uresnet were thresholded at 0.5",
        "3 raters graded the masks of unet",
    ):
        assert words in methods


@pytest.mark.parametrize("engine", ["openvino", "jax"])
def test_methods_name_openvino_where_it_computed(study, engine):
    first = study.evaluations[0]
    summary = {
        **first.summary,
        "engine": engine,
        "versions": {"wmh-keras": "0.1.0", "openvino": "2025.1"},
    }
    alone = dataclasses.replace(
        study, evaluations=(dataclasses.replace(first, summary=summary),)
    )
    methods = text_of(alone)["Methods"]
    assert ("(openvino 2025.1)" in methods) == (engine == "openvino")


def test_methods_name_ensembles_and_flips(study):
    first, *others = study.evaluations
    evaluated = first.summary["evaluated"]
    changed = {
        **evaluated,
        "other_models": [evaluated["model"]] * 2,
        "test_time_flips": "all",
    }
    summary = {**first.summary, "evaluated": changed}
    ensemble = dataclasses.replace(first, summary=summary)
    both = dataclasses.replace(study, evaluations=(ensemble, *others))
    assert (
        "The probabilities of unet are the mean over the networks of 3 models "
        "and the image and its mirror images (left-right and anterior-"
        "posterior). The probabilities of unet, " in text_of(both)["Methods"]
    )
    assert "mean over the networks" not in text_of(study)["Methods"]


def test_methods_say_who_was_predicted_out_of_fold(study):
    assert "cross-validation" not in text_of(study)["Methods"]
    folded = [
        dataclasses.replace(
            evaluation,
            summary={
                **evaluation.summary,
                "evaluated": {
                    **evaluation.summary["evaluated"],
                    "folds": [{"name": "fold_1"}, {"name": "fold_2"}],
                },
            },
        )
        for evaluation in study.evaluations[:2]
    ]
    folded = (*folded, *study.evaluations[2:])
    methods = text_of(dataclasses.replace(study, evaluations=folded))["Methods"]
    assert "unet and unet3d: each patient was predicted by the one of 2 " in (
        methods
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ((0.45, 5.0), (0.3, 0.0)),
            "thresholded at 0.3 to 0.45 and predicted lesions below 0 to 5 mm³ "
            "were removed; each cross-validation model had values of its own.",
        ),
        (
            ((0.4, 0.0), (0.4, 0.0)),
            "thresholded at 0.4 and predicted lesions of any size were kept; "
            "each",
        ),
    ],
)
def test_methods_state_no_threshold_of_all_folds(study, settings, words):
    first, *others = study.evaluations
    evaluated = {
        **first.summary["evaluated"],
        "threshold": None,
        "folds": [
            {"name": str(n), "threshold": threshold, "min_lesion_mm3": size}
            for n, (threshold, size) in enumerate(settings)
        ],
    }
    summary = {**first.summary, "evaluated": evaluated}
    first = dataclasses.replace(first, summary=summary)
    methods = text_of(dataclasses.replace(study, evaluations=(first, *others)))[
        "Methods"
    ]
    assert f"The probabilities of unet were {words}" in methods
    assert "taken as given" not in methods


def test_methods_follow_the_rules_of_the_evaluation(study):
    evaluation = study.evaluations[0]
    evaluated = dict(evaluation.summary["evaluated"])
    evaluated["rules"] = {
        "size": {"unit": "px_2d", "small_below": 5.0, "large_above": 50.0},
        "lesion_overlap": 0.25,
        "lesion_precision": "any",
        "min_lesion_mm3": 6.0,
    }
    evaluated["threshold"] = None
    summary = {**evaluation.summary, "evaluated": evaluated}
    other = dataclasses.replace(evaluation, summary=summary)
    methods = text_of(
        dataclasses.replace(
            study, evaluations=(other,), comparison=None, ratings=None
        )
    )["Methods"]
    for words in (
        "small below 5 pixels",
        "within an axial slice",
        "at least 25 %",
        "if any voxel overlaps",
        "The masks of unet were taken as given; predicted lesions below 6 mm³",
    ):
        assert words in methods
    assert "Holm" not in methods
    assert "raters" not in methods


def test_what_is_not_there_is_not_spoken_of(make_study):
    study = make_study(
        models=1, ratings=False, data=False, curves=False, patients=2
    )
    sections = text_of(study)
    assert "AUC" not in sections["Results"]
    assert "ROC" not in sections["Methods"]
    assert "Kendall" not in sections["Results"]
