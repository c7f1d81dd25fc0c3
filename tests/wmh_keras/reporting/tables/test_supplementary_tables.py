"""Numbers of Tables S1 to S6 against numbers counted from the study anew."""

import dataclasses

import numpy as np
from scipy import stats

from wmh_keras.evaluation.grade_proposals import propose_grades
from wmh_keras.reporting.tables.all_scores import all_scores_table
from wmh_keras.reporting.tables.automatic_grades import automatic_grades_table
from wmh_keras.reporting.tables.pairwise import pairwise_table
from wmh_keras.reporting.tables.rater_pairs import rater_pairs_table
from wmh_keras.reporting.tables.sites import sites_table
from wmh_keras.reporting.tables.volume_agreement import volume_agreement_table


def test_all_scores(study, cells):
    table = all_scores_table(study)
    recall = np.array([v.scores.recall for v in study.evaluations[0].volumes])
    known = recall[~np.isnan(recall)]
    row = cells(table, "Recall", part=0)
    assert row["Mean"] == f"{known.mean():.3f}"
    q1, q3 = np.percentile(known, (25, 75))
    assert row["Quartiles"] == f"{q1:.3f} to {q3:.3f}"
    assert (row["n"], row["Undefined"]) == ("9", "1")
    counts = [v.counts for v in study.evaluations[0].volumes]
    tp, wrong = sum(c.tp for c in counts), sum(c.fp + c.fn for c in counts)
    pooled = cells(table, "Dice of the pooled voxels", part=0)
    assert pooled["Mean"] == f"{2 * tp / (2 * tp + wrong):.3f}"


def test_sites(study, cells):
    dice = [
        v.scores.dice
        for v in study.evaluations[2].volumes
        if v.key.site == "south"
    ]
    row = cells(sites_table(study), "south", part=2)
    assert row["Patients"] == str(len(dice))
    expected = f"{np.mean(dice):.3f} ± {np.std(dice, ddof=1):.3f}"
    assert row["Dice"] == expected


def test_pairs_of_models(study, cells):
    table = pairwise_table(study)
    assert [part.caption for part in table.parts] == [
        "unet minus unet3d",
        "unet minus uresnet",
        "unet3d minus uresnet",
    ]
    assert table.folded
    values = [[v.scores.dice for v in e.volumes] for e in study.evaluations]
    difference = np.subtract(values[0], values[2])
    row = cells(table, "Dice", part=1)
    assert row["Difference [95 %]"].startswith(f"{difference.mean():.3f} [")
    p = stats.wilcoxon(difference).pvalue
    assert row["Wilcoxon p"] == f"{p:.3f}"
    tukey = stats.tukey_hsd(*values).pvalue[0, 2]
    assert row["Tukey p"] == f"{tukey:.3f}"


def test_scores_that_cannot_be_tested_are_named(make_study):
    table = pairwise_table(make_study(models=2, curves=False))
    assert not [r for r in table.records if r["score"] == "auc"]
    assert any("ROC AUC" in note for note in table.notes)


def test_volumes(study, cells):
    row = cells(volume_agreement_table(study), "unet3d")
    volumes = np.array(
        [
            (v.scores.reference_volume_ml, v.scores.predicted_volume_ml)
            for v in study.evaluations[1].volumes
        ]
    )
    bias = float(np.mean(volumes[:, 1] - volumes[:, 0])) + 0.0
    assert row["Bias (ml)"].startswith(f"{bias:.2f}\n[")
    r = stats.pearsonr(*volumes.T).statistic
    assert row["Pearson r"].startswith(f"{r:.3f}\n[")
    assert row["n"] == "10"


def test_pairs_of_raters(study, cells):
    table = rater_pairs_table(study)
    scores = study.ratings.scores.values()
    equal = np.mean([row["Ann"] == row["Cleo"] for row in scores])
    row = cells(table, "Ann and Cleo")
    assert row["Exact agreement"] == f"{100 * equal:.1f} %"
    assert len(table.records) == 3


def test_a_single_rater_has_no_pair(study):
    ratings = dataclasses.replace(study.ratings, raters=("Ann",))
    table = rater_pairs_table(dataclasses.replace(study, ratings=ratings))
    assert "Ann is the only rater" in table.missing


def test_automatic_grades_stand_beside_the_human_ones(study, cells):
    table = automatic_grades_table(study)
    proposals = propose_grades(study.evaluations[0])
    twos = [s for s, p in proposals.items() if p.grade == 2]
    row = cells(table, "2 acceptable with major revision", part=0)
    assert row["unet"].startswith(f"{len(twos)} (")
    medians = study.ratings.median_grades
    both = sum(medians[s] == 4 for s in twos)
    assert cells(table, "2 proposed", part=1)["median 4"] == str(both)
    row = cells(table, "p02", part=2)
    assert row["Proposed"] == str(proposals["p02"].grade)
    assert row["Why"] == proposals["p02"].reason
    assert any("never in its place" in note for note in table.notes)
    assert any("our reading" in note for note in table.notes)
    models = {r["model"] for r in table.records if r["median_grade"]}
    assert models == {"unet"}
    assert len(table.records) == 30


def test_the_mismatch_is_the_one_asked_for(study):
    by_dice = dataclasses.replace(study, mismatch_by="dice")
    table = automatic_grades_table(by_dice)
    assert any("1 - Dice of the class" in note for note in table.notes)
    expected = propose_grades(study.evaluations[0], mismatch_by="dice")
    assert (
        table.records[0]["mismatch_small"]
        == (expected["p01"].mismatch["small"])
    )


def test_many_patients_are_left_to_the_csv(make_study):
    study = make_study(models=1, patients=120, ratings=False, data=False)
    table = automatic_grades_table(study)
    assert len(table.parts[-1].rows) == 100
    assert "the first 100 of 120" in table.parts[-1].caption
    assert len(table.records) == 120
