"""The BIDS App as a user, or a cluster, runs it."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from data_prep.files import locked_folder, write_json
from data_prep.nifti import read_mask
from data_prep.nifti_writing import write_image
from wmh_keras.bids_app import cli

SCANS = (
    "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz",
    "sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz",
    "sub-02/anat/sub-02_FLAIR.nii.gz",
    "sub-03/anat/sub-03_FLAIR.nii.gz",
)


@pytest.fixture
def data_set(make_head, tmp_path):
    head = make_head()
    for name in SCANS:
        path = tmp_path / "bids" / name
        path.parent.mkdir(parents=True)
        write_image(path, head.data, head)
    write_json(
        tmp_path / "bids" / "dataset_description.json",
        {"Name": "test", "BIDSVersion": "1.8.0"},
    )
    return tmp_path / "bids"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def app(data_set, out, bright_model_dir):
    def run(level, *arguments):
        model = [f"--model={bright_model_dir}"] if level != "group" else []
        return cli(
            ["wmh-bids-app", str(data_set), str(out), level, *model, *arguments]
        )

    return run


def masks_in(folder):
    names = sorted(p.name for p in folder.rglob("*_mask.nii.gz"))
    return [name.removesuffix("_label-WMH_mask.nii.gz") for name in names]


def rows_of(folder):
    with open(folder / "volumes.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_participants_then_group(app, out, make_head, capsys):
    assert app("participant", "--participant_label", "02", "sub-03") == 0
    assert masks_in(out) == ["sub-02", "sub-03"]
    mask = read_mask(out / "sub-02/anat/sub-02_label-WMH_mask.nii.gz")
    np.testing.assert_array_equal(mask.data, make_head().data > 300)
    kind = json.loads((out / "dataset_description.json").read_text())
    assert kind["DatasetType"] == "derivative"
    # Table and page are the group's: several participants run side by side.
    assert not (out / "volumes.csv").exists()
    assert not (out / "index.html").exists()
    capsys.readouterr()

    assert app("group") == 1
    shown = capsys.readouterr().out
    assert "2 scans: 2 done" in shown
    assert "  - sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz" in shown
    assert "  - sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz" in shown
    assert "sub-02/" not in shown
    assert app("group", "--participant-label", "02", "03") == 0

    assert app("participant") == 0
    assert "2 segmented, 2 already done, 0 failed" in capsys.readouterr().out
    assert app("group") == 0
    assert "4 scans: 4 done" in capsys.readouterr().out
    assert [row["file"] for row in rows_of(out)] == list(SCANS)
    assert (out / "index.html").read_text().count("<article") == 4


def test_one_session(app, out):
    assert app("participant", "--session_label", "2") == 0
    assert masks_in(out) == ["sub-01_ses-2"]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ("--participant_label 01 04", "sub-04"),
        ("--session_label 3", "ses-3"),
        ("--participant_label 01 02 --session_label 2", "sub-02"),
    ],
)
@pytest.mark.parametrize("level", ["participant", "group"])
def test_who_is_not_there_is_named(app, out, labels, named, level, capsys):
    assert app(level, *labels.split()) == 1
    error = capsys.readouterr().err
    absent, present = error.split("There are:")
    assert f"  - {named}\n" in absent
    assert "sub-01 ses-2" in present
    assert not out.exists()


def test_a_participant_without_flair_is_told_of(app, data_set, capsys):
    (data_set / "sub-04" / "anat").mkdir(parents=True)
    assert app("participant") == 0
    assert "warning: sub-04: no FLAIR volume, left out" in (
        capsys.readouterr().out
    )


def test_participants_side_by_side(app, out, capsys):
    """Others may have the folder, but not this participant's."""
    busy = "another process writes there"
    with (
        locked_folder(out, "a test", shared=True),
        locked_folder(out / "sub-02", "a test"),
    ):
        assert app("participant", "--participant_label", "03") == 0
        assert app("participant", "--participant_label", "02") == 1
        assert f"sub-02: {busy}" in capsys.readouterr().err
        # Neither everybody nor the table, while somebody is still written.
        assert app("participant") == 1
        assert app("group", "--participant_label", "03") == 1
        assert capsys.readouterr().err.count(f"out: {busy}") == 2
    with locked_folder(out, "a test"):
        assert app("participant", "--participant_label", "02") == 1
    assert masks_in(out) == ["sub-03"]


def test_two_processes_at_once(data_set, out, bright_model_dir):
    def start(label):
        arguments = [data_set, out, "participant", "--participant_label", label]
        program = [sys.executable, "-m", "wmh_keras.bids_app"]
        return subprocess.Popen(
            [*program, *arguments, f"--model={bright_model_dir}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    running = [start("01"), start("02")]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert masks_in(out) == ["sub-01_ses-1", "sub-01_ses-2", "sub-02"]


def test_a_failed_scan_stays_failed_in_the_group(app, data_set, out, capsys):
    (data_set / SCANS[2]).write_bytes(b"no image")
    assert app("participant") == 1
    assert app("group") == 1
    shown = capsys.readouterr().out
    assert "4 scans: 3 done, 1 failed" in shown
    assert f"  - {SCANS[2]}: " in shown
    by_file = {row["file"]: row["status"] for row in rows_of(out)}
    assert by_file[SCANS[2]] == "failed"


def test_results_that_were_not_made_alike(app, data_set, out, capsys):
    assert app("participant", "--participant_label", "02") == 0
    assert (
        app("participant", "--participant_label", "03", "--threshold=0.25") == 0
    )
    (data_set / SCANS[3]).unlink()
    app("group")
    shown = capsys.readouterr().out
    assert "their threshold is 0.25, 0.5: do not compare them" in shown
    assert "its scan is not in the data set" in shown


def test_group_without_results(app, out, capsys):
    assert app("group") == 1
    assert (
        "expected results of the participant level" in capsys.readouterr().err
    )
    assert not out.exists()


def test_output_never_mixes_with_raw_data(data_set, bright_model_dir, capsys):
    for level in ("participant", "group"):
        arguments = [str(data_set), str(data_set), level]
        assert cli(["", *arguments, f"--model={bright_model_dir}"]) == 1
        assert "derivatives/wmh-keras" in capsys.readouterr().err
    assert not (data_set / "volumes.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("", 2, "--bids_dir, --output_dir, --analysis_level"),
        ("bids out", 2, "--analysis_level"),
        ("bids out participants", 2, "participant|group"),
        ("bids out participant --participant_label", 2, "an empty one"),
        ("bids out group more", 2, "received 'more'"),
        ("bids out group --labels=1", 2, "labels"),
        ("nowhere out group", 1, "no such folder"),
        (". out group", 1, "expected a BIDS data set, with sub-*"),
        ("bids out participant --model=none", 1, "none"),
    ],
)
def test_wrong_usage(data_set, arguments, code, message, monkeypatch, capsys):
    monkeypatch.chdir(data_set.parent)
    assert cli(["wmh-bids-app", *arguments.split()]) == code
    assert message in capsys.readouterr().err
    assert not (data_set.parent / "out").exists()


def test_customary_flags(app, out, capsys):
    assert cli(["wmh-bids-app", "-v"]) == 0
    assert capsys.readouterr().out.startswith("wmh-bids-app 0.")
    label = ("--participant_label", "02")
    assert app("participant", "--skip_bids_validator", *label) == 0
    assert masks_in(out) == ["sub-02"]
