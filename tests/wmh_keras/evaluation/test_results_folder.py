import csv
import json
import math
import os

import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation import layout
from wmh_keras.evaluation.cohort import summarize_cohort
from wmh_keras.evaluation.earlier_results import check_place
from wmh_keras.evaluation.problems import Outcome, Problem
from wmh_keras.evaluation.results import COLUMNS
from wmh_keras.evaluation.results_folder import staging_folder, write_results
from wmh_keras.evaluation.rules import Rules

EVALUATED = {
    "kind": "files",
    "references": "r",
    "rules": Rules(min_lesion_mm3=1.0).to_json(),
}


@pytest.fixture
def write(make_result):
    def write(
        folder,
        problems=(),
        warnings=(),
        pictures=(),
        predictions=(),
        **options,
    ):
        results = tuple(
            make_result(name, dice=1 / 3, auc=math.nan, counts=(1, 2, 3, 4))
            for name in "ab"
        )
        names = {(name, "", ""): f"sub-{name}.png" for name in pictures}
        with staging_folder(folder) as stage:
            (stage / "pictures").mkdir()
            for name in names.values():
                (stage / "pictures" / name).write_text("new")
            for name in predictions:
                (stage / "predictions").mkdir(exist_ok=True)
                (stage / "predictions" / f"{name}_mask.nii.gz").touch()
            write_results(
                folder,
                stage,
                Outcome(results, problems, warnings, names),
                summarize_cohort(results),
                evaluated=EVALUATED,
                paths={},
                **options,
            )

    return write


def files_in(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_the_table_has_the_columns_and_empty_fields_for_nan(tmp_path, write):
    write(tmp_path / "new" / "eval")
    with open(tmp_path / "new/eval/per_patient.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["subject_id"] for row in rows] == ["a", "b"]
    assert rows[0]["auc"] == ""
    assert float(rows[0]["dice"]) == 1 / 3  # to the last digit
    assert [rows[0][name] for name in ("tp", "fp", "fn", "tn")] == list("1234")


def test_the_summary_says_what_was_evaluated_and_left_out(tmp_path, write):
    write(
        tmp_path,
        problems=(Problem("subject c", "c.nii", "unreadable"),),
        warnings=("beware",),
        pictures="b",
    )
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["format"] == 2
    assert summary["evaluated"] == EVALUATED
    assert summary["evaluated"]["rules"] == {
        "size": {"unit": "mm3", "small_below": 20.0, "large_above": 150.0},
        "lesion_overlap": 0.4,
        "lesion_precision": "same",
        "min_lesion_mm3": 1.0,
    }
    assert (summary["num_subjects"], summary["num_volumes"]) == (2, 2)
    dice = summary["scores"]["dice"]
    assert dice["mean"] == dice["q1"] == pytest.approx(1 / 3)
    assert summary["scores"]["auc"]["mean"] is None
    assert summary["scores"]["auc"]["n_nan"] == 2
    assert summary["scores"]["auc"]["nan_volumes"] == 2
    assert summary["pooled_dice"] == pytest.approx(2 * 2 / (2 * 2 + 10))
    assert summary["pooled_counts"] == {"tp": 2, "fp": 4, "fn": 6, "tn": 8}
    assert list(summary["sites"]) == [""]
    assert list(summary["size_classes"]) == ["small", "medium", "large"]
    assert summary["size_classes"]["small"]["scores_with"]["dice"]["n"] == 0
    assert summary["volume_agreement"]["bland_altman"]["n"] == 2
    assert summary["mean_curves"] is None
    assert summary["skipped"] == [
        {"subject": "subject c", "file": "c.nii", "reason": "unreadable"}
    ]
    assert summary["warnings"] == ["beware"]
    assert summary["pictures"] == {"b//": "sub-b.png"}
    assert summary["versions"]["wmh-keras"]
    assert summary["bootstrap"]["seed"] == 0


def test_the_same_evaluation_may_be_repeated_and_another_not(tmp_path, write):
    check_place(tmp_path / "none", EVALUATED)
    write(tmp_path)
    check_place(tmp_path, EVALUATED)
    rules = Rules(lesion_precision="any", min_lesion_mm3=1.0).to_json()
    rules["size"]["unit"] = "voxels"
    other = {**EVALUATED, "references": "s", "rules": rules}
    with pytest.raises(
        UserError, match=r"other references, lesion_precision, unit\).*--overw"
    ):
        check_place(tmp_path, other)
    check_place(tmp_path, other, overwrite=True)


@pytest.mark.parametrize("moved", range(6))
def test_what_a_killed_evaluation_left_is_no_obstacle_and_goes(
    tmp_path, write, monkeypatch, moved
):
    """Killed after each file that was moved into place."""
    write(tmp_path, pictures="ab")
    replace, count = os.replace, 0

    def die(source, target):
        nonlocal count
        if "-stage" in str(source) and "-stage" not in str(target):
            if count == moved:
                raise KeyboardInterrupt
            count += 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, pictures="b")
    assert not (tmp_path / "summary.json").exists()
    (tmp_path / ".tmp-0123-stage/pictures").mkdir(parents=True)
    check_place(tmp_path, EVALUATED)
    write(tmp_path, pictures="b")
    assert files_in(tmp_path) == [
        "curves.csv",
        "lesions.csv",
        "per_patient.csv",
        "pictures/sub-b.png",
        "size_classes.csv",
        "summary.json",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "lesions.csv",
        "per_patient.csv",
        "history.csv",
        "pictures/sub-mine.png",
        "predictions/x_mask.nii.gz",
    ],
)
def test_what_is_not_ours_is_neither_replaced_nor_removed(
    tmp_path, write, name
):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"holds {name}, but no summary"):
        check_place(tmp_path, EVALUATED)
    check_place(tmp_path, EVALUATED, overwrite=True)
    write(tmp_path, pictures="a")
    is_result = name in ("lesions.csv", "per_patient.csv")
    assert ((tmp_path / name).read_text() == "mine") != is_result
    write(tmp_path)
    assert (tmp_path / name).exists()


def test_a_list_of_files_that_was_tampered_with_reaches_nothing(
    tmp_path, write
):
    folder = tmp_path / "eval"
    write(folder)
    (tmp_path / "precious").touch()
    (folder / "notes.txt").touch()
    summary = json.loads((folder / "summary.json").read_text())
    summary["files"] |= {"../precious": "", "notes.txt": "", "summary.json": ""}
    (folder / "summary.json").write_text(json.dumps(summary))
    write(folder)
    assert (tmp_path / "precious").exists()
    assert (folder / "notes.txt").exists()


def test_other_places_are_refused(tmp_path):
    (tmp_path / "summary.json").write_text("[1]")
    with pytest.raises(UserError, match="another program"):
        check_place(tmp_path, EVALUATED)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="expected a folder"):
        check_place(file, EVALUATED)


def test_nothing_of_an_earlier_evaluation_stays(tmp_path, write):
    history = tmp_path / "epochs.csv"
    history.write_text("epoch\n1\n")
    folder = tmp_path / "eval"
    write(folder, pictures="ab", history=history, predictions="a")
    (folder / "pictures" / "my notes.txt").touch()
    assert (folder / "history.csv").read_text() == "epoch\n1\n"
    write(folder, pictures="b", keep_predictions=True)
    found = files_in(folder)
    assert "history.csv" not in found
    assert [name for name in found if "/" in name] == [
        "pictures/my notes.txt",
        "pictures/sub-b.png",
        "predictions/a_mask.nii.gz",
    ]
    write(folder, keep_predictions=True)
    assert (folder / "predictions/a_mask.nii.gz").exists()
    write(folder)
    assert not (folder / "predictions").exists()


@pytest.mark.parametrize("name", [layout.LESIONS_FILE, layout.SUMMARY_FILE])
def test_an_error_while_writing_leaves_what_was_there(
    tmp_path, write, monkeypatch, name
):
    write(tmp_path)
    before = {n: (tmp_path / n).read_bytes() for n in files_in(tmp_path)}
    replace = os.replace

    def fail(source, target):
        if str(target).endswith(name):
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path, warnings=("another",))
    after = {n: (tmp_path / n).read_bytes() for n in files_in(tmp_path)}
    assert after == before


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        staging_folder(tmp_path / "a" / "b") as stage,
    ):
        (stage / "half").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_two_evaluations_at_once_into_one_folder(tmp_path):
    with (
        staging_folder(tmp_path / "x") as stage,
        pytest.raises(UserError, match="another wmh-evaluate"),
        staging_folder(tmp_path / "x"),
    ):
        pytest.fail("both were let in")
    assert not stage.exists()
