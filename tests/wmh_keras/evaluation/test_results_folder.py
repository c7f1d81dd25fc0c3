import csv
import json
import math

import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation.cohort import summarize_cohort
from wmh_keras.evaluation.patient import (
    COLUMNS,
    SCORE_COLUMNS,
    PatientResult,
    PatientScores,
    VolumeKey,
)
from wmh_keras.evaluation.problems import Outcome, Problem
from wmh_keras.evaluation.results_folder import check_place, write_results
from wmh_keras.metrics.pixel import PixelCounts

EVALUATED = {"kind": "files", "references": "r", "min_lesion_mm3": 0.0}


def result(subject, **scores):
    values = dict.fromkeys(SCORE_COLUMNS, 1 / 3) | scores
    return PatientResult(
        VolumeKey(subject, site="north"),
        PatientScores(**values),
        PixelCounts(1, 2, 3, 4),
    )


def write(folder, problems=(), warnings=()):
    results = (result("a", auc=math.nan), result("b", auc=math.nan))
    write_results(
        folder,
        Outcome(results, problems, warnings),
        summarize_cohort(results),
        evaluated=EVALUATED,
        paths={},
    )


def test_the_table_has_the_columns_and_empty_fields_for_nan(tmp_path):
    write(tmp_path / "new" / "eval")
    with open(tmp_path / "new/eval/per_patient.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["subject_id"] for row in rows] == ["a", "b"]
    assert rows[0]["auc"] == ""
    assert float(rows[0]["dice"]) == 1 / 3  # to the last digit


def test_the_summary_says_what_was_evaluated_and_left_out(tmp_path):
    write(
        tmp_path,
        problems=(Problem("subject c", "c.nii", "unreadable"),),
        warnings=("beware",),
    )
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["evaluated"] == EVALUATED
    assert (summary["num_subjects"], summary["num_volumes"]) == (2, 2)
    assert summary["scores"]["dice"]["mean"] == pytest.approx(1 / 3)
    assert summary["scores"]["auc"]["mean"] is None
    assert summary["scores"]["auc"]["n_nan"] == 2
    assert summary["pooled_dice"] == pytest.approx(2 * 2 / (2 * 2 + 10))
    assert summary["skipped"] == [
        {"subject": "subject c", "file": "c.nii", "reason": "unreadable"}
    ]
    assert summary["warnings"] == ["beware"]
    assert summary["versions"]["wmh-keras"]
    assert summary["bootstrap"]["seed"] == 0


def test_the_same_evaluation_may_be_repeated_and_another_not(tmp_path):
    check_place(tmp_path / "none", EVALUATED)
    write(tmp_path)
    check_place(tmp_path, EVALUATED)
    other = {**EVALUATED, "min_lesion_mm3": 3.0}
    with pytest.raises(UserError, match=r"other min_lesion_mm3.*--overwrite"):
        check_place(tmp_path, other)
    check_place(tmp_path, other, overwrite=True)


def test_what_a_killed_evaluation_left_is_no_obstacle(tmp_path):
    header = ",".join(COLUMNS)
    (tmp_path / "per_patient.csv").write_text(f"{header}\na,,,,1\n")
    check_place(tmp_path, EVALUATED)


def test_what_is_not_ours_is_not_replaced(tmp_path):
    (tmp_path / "per_patient.csv").write_text("mine")
    with pytest.raises(UserError, match=r"per_patient\.csv without"):
        check_place(tmp_path, EVALUATED)
    (tmp_path / "summary.json").write_text("[1]")
    with pytest.raises(UserError, match="another program"):
        check_place(tmp_path, EVALUATED)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="expected a folder"):
        check_place(file, EVALUATED)


def test_no_half_result_is_left_when_writing_fails(tmp_path, monkeypatch):
    write(tmp_path)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("wmh_keras.evaluation.results_folder.write_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path)
    # The old table alone: no summary, so nobody takes it for complete.
    assert not (tmp_path / "summary.json").exists()
