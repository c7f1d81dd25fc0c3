"""What holds for every table."""

import math

import pytest

from wmh_keras.reporting.tables.all_tables import make_tables
from wmh_keras.reporting.tables.formats import UNKNOWN

NAMES = [
    "table_1_lesions",
    "table_2_spacings_and_lesions",
    "table_3_size_classes_and_auc",
    "table_4_head_to_head",
    "table_5_ratings",
    "table_s1_all_scores",
    "table_s2_sites",
    "table_s3_pairwise_tests",
    "table_s4_volume_agreement",
    "table_s5_rater_pairs",
    "table_s6_automatic_grades",
]


def by_name(study):
    return {table.name: table for table in make_tables(study)}


def test_every_table_is_there(study):
    tables = make_tables(study)
    assert [table.name for table in tables] == NAMES
    assert not [table.name for table in tables if table.missing]
    for table in tables:
        number = table.name.split("_")[1].upper()
        assert table.title.startswith(f"Table {number}. ")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"models": 1, "ratings": False, "data": False, "curves": False},
        {"models": 2},
        {"models": 1, "patients": 2},
        {"models": 2, "patients": 1},
    ],
)
def test_rows_and_records_fit_their_headers(make_study, options):
    for table in make_tables(make_study(**options)):
        for part in table.parts:
            assert part.rows
            assert {len(row) for row in part.rows} == {len(part.header)}
        assert len(set(table.columns)) == len(table.columns)
        for record in table.records:
            assert set(record) <= set(table.columns)
        shown = [c for p in table.parts for row in p.rows for c in row]
        assert not [c for c in shown if "nan" in c.split() or "None" in c]


def test_what_is_missing_names_the_flag_that_gives_it(make_study):
    tables = by_name(make_study(models=1, ratings=False, data=False))
    missing = {name: t.missing for name, t in tables.items() if t.missing}
    assert set(missing) == {
        "table_5_ratings",
        "table_s3_pairwise_tests",
        "table_s5_rater_pairs",
    }
    assert "--ratings" in missing["table_5_ratings"]
    assert "--ratings" in missing["table_s5_rater_pairs"]
    assert "--evaluations" in missing["table_s3_pairwise_tests"]
    for name, flag in (
        ("table_1_lesions", "--data_dir"),
        ("table_2_spacings_and_lesions", "--data_dir"),
        ("table_4_head_to_head", "--evaluations"),
        ("table_s6_automatic_grades", "--ratings"),
    ):
        assert any(flag in note for note in tables[name].notes), name


def test_without_probabilities_table_3_says_what_gives_the_auc(
    make_study, cells
):
    table = by_name(make_study(models=1, curves=False))[NAMES[2]]
    assert cells(table, "unet", part=1)["ROC AUC"] == UNKNOWN
    assert any("--probabilities" in note for note in table.notes)


def test_without_sites_table_s2_says_so(make_study):
    study = make_study(models=1)
    sites = study.evaluations[0].summary["sites"]
    sites[""] = sites.pop("north")
    del sites["south"]
    table = by_name(study)["table_s2_sites"]
    assert "participants.tsv" in table.missing


def test_records_hold_full_precision(study):
    table = by_name(study)["table_s1_all_scores"]
    (record,) = (
        r
        for r in table.records
        if (r["model"], r["score"]) == ("unet3d", "dice")
    )
    dice = [v.scores.dice for v in study.evaluations[1].volumes]
    assert math.isclose(record["mean"], math.fsum(dice) / len(dice))
    assert record["mean"] != round(record["mean"], 6)
