"""What is written is read back, to the last bit; damage is named."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest

from data_prep.errors import UserError
from wmh_keras.evaluation.cohort import summarize_cohort
from wmh_keras.evaluation.problems import Outcome
from wmh_keras.evaluation.read_results import read_evaluation
from wmh_keras.evaluation.results_folder import staging_folder, write_results


@pytest.fixture
def results(make_result, make_lesion):
    """With NaN, odd floats, label-like ids, no lesions, no site."""
    lesions = [
        make_lesion("reference", 1, side="both", found=False),
        make_lesion("reference", 2, touches=()),
        make_lesion("predicted", 1, size_class="large", overlap=0.0),
    ]
    first = make_result(
        "01",
        "1",
        site="a, b",
        curve=0.1 + 0.2,
        lesions=lesions,
        dice=0.1 + 0.2,
        challenge_h95_mm=math.nan,
        accuracy=float(np.nextafter(1, 0)),
        classes={"medium": {"dice_within": math.nan, "dice": 5e-324}},
    )
    return (first, make_result("01", "2", site="a, b"), make_result('é"x/y'))


@pytest.fixture
def folder(tmp_path, results):
    folder = tmp_path / "unet"
    history = tmp_path / "h.csv"
    history.write_text("epoch\n")
    pictures = {results[0].key.identity: "sub-01_ses-1.png"}
    with staging_folder(folder) as stage:
        (stage / "pictures").mkdir()
        (stage / "pictures/sub-01_ses-1.png").touch()
        write_results(
            folder,
            stage,
            Outcome(results, pictures=pictures),
            summarize_cohort(results),
            evaluated={"kind": "files"},
            paths={},
            history=history,
        )
    return folder


def test_round_trip(folder, results):
    read = read_evaluation(folder)
    assert read.name == "unet"
    assert read_evaluation(folder, "other").name == "other"
    assert read.subjects == ("01", 'é"x/y')
    assert read.summary["num_volumes"] == 3
    assert read.history == folder / "history.csv"
    assert read.pictures == {
        ("01", "1", ""): folder / "pictures/sub-01_ses-1.png"
    }
    assert len(read.volumes) == len(results)
    for received, expected in zip(read.volumes, results, strict=True):
        for name in ("key", "scores", "counts", "lesions"):
            # repr tells bits and NaN apart, which == does not.
            assert repr(getattr(received, name)) == repr(
                getattr(expected, name)
            )
        assert repr(dict(received.classes)) == repr(dict(expected.classes))
        if expected.curves is None:
            assert received.curves is None
            continue
        for name in ("tpr", "precision"):
            np.testing.assert_array_equal(
                getattr(received.curves, name), getattr(expected.curves, name)
            )


def test_values_by_subject(folder):
    read = read_evaluation(folder)
    means = read.by_subject("dice")
    assert means == {"01": (0.3 + 0.2 + 0.1 + 0.2) / 2, 'é"x/y': 0.5}
    assert math.isclose(read.by_subject("dice_within", "medium")["01"], 0.5), (
        "the scan without the class is left out"
    )


def test_pictures_and_history_that_are_gone_are_done_without(folder):
    (folder / "pictures/sub-01_ses-1.png").unlink()
    (folder / "history.csv").unlink()
    read = read_evaluation(folder)
    assert read.pictures == {}
    assert read.history is None


def test_a_history_that_is_no_part_of_it_is_not_taken(folder):
    summary = folder / "summary.json"
    content = json.loads(summary.read_text())
    del content["files"]["history.csv"]
    summary.write_text(json.dumps(content))
    assert read_evaluation(folder).history is None


@pytest.mark.parametrize(
    ("file", "pattern", "by"),
    [
        ("per_patient.csv", r"0\.3\d+", "0.9"),
        ("per_patient.csv", "precision,recall", "recall,precision"),
        ("size_classes.csv", r",0,", ",7,"),
        ("lesions.csv", "false", "true"),
        ("curves.csv", r"roc,1e-06,.*", "roc,1e-06,0.5"),
        ("history.csv", "epoch", "epochs"),
    ],
)
def test_an_edited_number_contradicts_the_others(folder, file, pattern, by):
    change(folder / file, pattern, by)
    with pytest.raises(UserError) as caught:
        read_evaluation(folder)
    assert str(folder / file) in str(caught.value)


def change(path, pattern, by):
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, by, text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "pattern", "by", "message"),
    [
        ("per_patient.csv", r"0\.3\d+", "0,3", "line 2: expected"),
        ("per_patient.csv", r"0\.3\d+", "much", "line 2: dice: .*'much'"),
        ("per_patient.csv", r"0\.3\d+", "inf", "line 2: dice"),
        ("per_patient.csv", "01,2", "01,1", "line 3: subject 01.* twice"),
        ("per_patient.csv", "\n01,2.*", "", "expected 3 volumes.*found 2"),
        ("per_patient.csv", "recall", "Recall", "the columns recall are"),
        ("size_classes.csv", "medium", "middle", "line 3: size_class: "),
        ("size_classes.csv", "medium", "small", "each size class"),
        ("size_classes.csv", r",0,", ",0.5,", "line 2: reference_lesions"),
        ("size_classes.csv", "01,2", "01,3", "line 5: subject 01, session 3"),
        ("lesions.csv", "false", "maybe", "line 2: found: expected 'true'"),
        ("lesions.csv", "1 2", "1;2", "line 2: touches"),
        ("lesions.csv", "both", "middle", "line 2: side"),
        ("lesions.csv", r"\n01.*predicted.*", "", "1 predicted lesions"),
        ("lesions.csv", "reference,2", "reference,4", "2 reference lesions"),
        ("lesions.csv", ',"a, b",', ",c,", "line 2: subject 01.* not in"),
        ("curves.csv", "roc,0.0", "roc,0.5", "points of curve roc"),
        ("curves.csv", r"\n01.*recall,0.5,.*", "", "101 points"),
        ("curves.csv", "roc", "rok", "line 2: curve"),
        ("summary.json", "{", "", "not a JSON file"),
        ("summary.json", '"evaluated"', '"e"', "not written by wmh-evaluate"),
        ("summary.json", '"sites"', '"places"', "sites: missing"),
        ("summary.json", '"format": 2', '"format": 1', "with --overwrite"),
    ],
)
def test_damage_is_named(folder, file, pattern, by, message):
    change(folder / file, pattern, by)
    with pytest.raises(UserError, match=rf"(?s)^.*{message}") as error:
        read_evaluation(folder)
    assert str(folder / file) in str(error.value)


@pytest.mark.parametrize("file", ["lesions.csv", "curves.csv", "summary.json"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(UserError, match=file):
        read_evaluation(folder)


def test_the_first_format_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "per_patient.csv").write_text("subject_id\n")
    (tmp_path / "summary.json").write_text(
        json.dumps({"format": 1, "evaluated": {}})
    )
    with pytest.raises(UserError, match="evaluate again with --overwrite"):
        read_evaluation(tmp_path)


def test_an_empty_set_of_lesions_and_curves(tmp_path, make_result):
    results = (make_result("a", reference_lesions=0, predicted_lesions=0),)
    with staging_folder(tmp_path / "e") as stage:
        write_results(
            tmp_path / "e",
            stage,
            Outcome(results),
            summarize_cohort(results),
            evaluated={},
            paths={},
        )
    (volume,) = read_evaluation(tmp_path / "e").volumes
    assert volume.lesions == ()
    assert volume.curves is None
    assert dataclasses.asdict(volume.scores) == dataclasses.asdict(
        results[0].scores
    )
