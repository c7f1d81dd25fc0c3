"""Numbers of Tables 1 to 5 against numbers counted from the study anew."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from wmh_keras.reporting.tables.head_to_head import head_to_head_table
from wmh_keras.reporting.tables.lesions import lesions_table
from wmh_keras.reporting.tables.ratings import ratings_table
from wmh_keras.reporting.tables.size_classes import size_classes_table
from wmh_keras.reporting.tables.spacings import spacings_table
from wmh_keras.reporting.tables.table import BEST


def lesions_of(evaluation, mask, size):
    return [
        lesion
        for volume in evaluation.volumes
        for lesion in volume.lesions
        if lesion.mask == mask and lesion.size_class == size
    ]


def test_table_1_counts_the_splits_and_the_evaluated_lesions(study, cells):
    table = lesions_table(study)
    small = len(lesions_of(study.evaluations[0], "reference", "small"))
    evaluated = cells(table, "evaluated (test)")
    assert evaluated["Small"].startswith(f"{small} (")
    assert evaluated["Patients"] == "10"
    splits = study.data.card["splits"]
    train = splits["train"]["lesions"]
    share = 100 * train["large"] / train["count"]
    assert cells(table, "train")["Large"] == f"{train['large']} ({share:.1f} %)"
    total = sum(split["lesions"]["count"] for split in splits.values())
    assert cells(table, "all with masks")["All"] == str(total)


def test_table_1_knows_splits_without_masks(study, cells):
    card = dict(study.data.card)
    card["splits"] = {
        **card["splits"],
        "unlabelled": {**card["splits"]["train"], "lesions": None},
    }
    data = dataclasses.replace(study.data, card=card)
    table = lesions_table(dataclasses.replace(study, data=data))
    assert cells(table, "unlabelled")["All"] == "–"
    assert cells(table, "all with masks")["Patients"] == "30"
    assert any("unlabelled" in note for note in table.notes)


def test_table_2_spacings(study, cells):
    row = cells(spacings_table(study), "train", part=0)
    smallest, median, largest = study.data.card["splits"]["train"][
        "spacing_mm"
    ]["z"]
    expected = f"{median:.2f} ({smallest:.2f} to {largest:.2f})"
    assert row["between slices"] == expected
    evaluated = cells(spacings_table(study), "evaluated", part=0)
    assert evaluated["Volumes"] == "10"


def test_table_2_found_lesions(study, cells):
    table = spacings_table(study)
    for evaluation in study.evaluations:
        for part, mask in ((1, "reference"), (2, "predicted")):
            lesions = lesions_of(evaluation, mask, "medium")
            found = sum(lesion.found for lesion in lesions)
            share = 100 * found / len(lesions)
            row = cells(table, evaluation.name, part=part)
            assert row["Medium"] == f"{found}/{len(lesions)} ({share:.1f} %)"


def test_table_3_is_over_the_patients_with_the_class(study, cells):
    table = size_classes_table(study)
    evaluation = study.evaluations[1]
    values = [
        v.classes["large"].dice_within
        for v in evaluation.volumes
        if v.classes["large"].reference_lesions
    ]
    row = cells(table, evaluation.name, "large")
    assert row["Patients with"] == f"{len(values)} of 10"
    expected = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert row["Dice within"] == expected
    auc = np.array([v.scores.auc for v in evaluation.volumes])
    known = auc[~np.isnan(auc)]
    row = cells(table, evaluation.name, part=1)
    assert row["ROC AUC"] == f"{known.mean():.4f} ± {known.std(ddof=1):.4f}"
    assert row["n"] == "9"
    assert any("cannot see false positives" in note for note in table.notes)


def test_table_4_compares_over_common_patients(study, cells):
    table = head_to_head_table(study)
    values = np.array(
        [[v.scores.dice for v in e.volumes] for e in study.evaluations]
    )
    row = cells(table, "Dice")
    best = int(values.mean(axis=1).argmax())
    for index, evaluation in enumerate(study.evaluations):
        text = row[evaluation.name]
        assert text.startswith(BEST) == (index == best)
        mean, sd = values[index].mean(), values[index].std(ddof=1)
        assert text.removeprefix(BEST).startswith(f"{mean:.3f} ± {sd:.3f}\n[")
    assert row["n"] == "10"
    assert row["ANOVA p"] == f"{stats.f_oneway(*values).pvalue:.3f}"
    assert study.evaluations[best].name not in row["Wilcoxon-Holm p"]


def test_table_4_says_whose_values_are_missing(study, cells):
    row = cells(head_to_head_table(study), "Recall")
    assert row["n"] == "9"
    undefined = {
        e.name: int(sum(np.isnan(v.scores.recall) for v in e.volumes))
        for e in study.evaluations
    }
    assert sorted(undefined.values()) == [0, 0, 1]
    for name, count in undefined.items():
        assert ("1 undefined" in row[name]) == (count == 1)
        assert ("over n = 9" in row[name]) == (count == 0)


def test_table_4_of_two_models_has_one_p_value(make_study, cells):
    study = make_study(models=2)
    values = [[v.scores.dice for v in e.volumes] for e in study.evaluations]
    p = stats.wilcoxon(np.subtract(*values)).pvalue
    row = cells(head_to_head_table(study), "Dice")
    assert row["Wilcoxon p"] == f"{p:.3f}"


def test_table_4_of_one_model_has_no_tests(make_study, cells):
    table = head_to_head_table(make_study(models=1))
    assert table.parts[0].header == ("Score", "unet", "n")
    assert "±" in cells(table, "Dice")["unet"]
    assert not table.missing


def test_table_5_counts_grades(study, cells):
    table = ratings_table(study)
    grades = np.array(
        [
            [row[r] for r in study.ratings.raters]
            for row in study.ratings.scores.values()
        ]
    )
    row = cells(table, "3 acceptable with minor revision")
    for rater, column in zip(study.ratings.raters, grades.T, strict=True):
        count = int((column == 3).sum())
        assert row[rater] == f"{count} ({10 * count:.1f} %)"
    accepted = int((np.median(grades, axis=1) >= 3).sum())
    row = cells(table, "Accepted (3 and 4)")
    assert row["Median grade"] == f"{accepted}/10 ({10 * accepted:.1f} %)"
    exact = np.mean([len(set(row)) == 1 for row in grades])
    assert cells(table, "Exact agreement")["Value"] == f"{100 * exact:.1f} %"
    friedman = stats.friedmanchisquare(*grades.T)
    row = cells(table, "Friedman's test of level")
    assert row["p"] == f"{friedman.pvalue:.3f}"
    assert row["Test"] == f"χ²(2) = {friedman.statistic:.2f}"
    kappas = [r[0] for r in table.parts[1].rows if "kappa" in r[0]]
    assert len(kappas) == 3


@pytest.mark.parametrize(("score", "accepted"), [(3.5, True), (2.5, False)])
def test_table_5_medians_between_grades(study, cells, score, accepted):
    medians = dict.fromkeys(study.ratings.subjects, score)
    ratings = dataclasses.replace(study.ratings, median_grades=medians)
    table = ratings_table(dataclasses.replace(study, ratings=ratings))
    assert cells(table, f"{score}")["Median grade"] == "10 (100.0 %)"
    row = cells(table, "Accepted (3 and 4)")
    assert row["Median grade"].startswith("10/10" if accepted else "0/10")
    assert any("half way" in note for note in table.notes)


@pytest.mark.parametrize("models", [1, 3])
def test_tables_3_and_4_agree_on_size_classes(make_study, cells, models):
    study = make_study(models=models)
    three, four = size_classes_table(study), head_to_head_table(study)
    for evaluation in study.evaluations:
        for size in ("small", "medium", "large"):
            mean = cells(three, evaluation.name, size, part=0)["Dice"]
            text = cells(four, f"Dice, {size}")[evaluation.name]
            assert text.removeprefix(BEST).split("\n")[0] == mean
