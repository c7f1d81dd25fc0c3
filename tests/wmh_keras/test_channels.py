"""A model of FLAIR and T1, from data to results."""

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from data_prep import prepare
from data_prep.files import read_csv, sha256_of
from data_prep.nifti_writing import write_image, write_mask
from data_prep.phantom import write_cohort
from wmh_keras import evaluate, predict

ON_FLAIR, ON_T1 = (20, 14, 5), (9, 12, 4)


@pytest.fixture
def write_scan(make_head):
    """Writes a FLAIR and a T1 that are bright in different places."""

    def write(folder, suffixes=("FLAIR", "T1"), prefix=""):
        heads = {"FLAIR": make_head([ON_FLAIR])}
        heads["T1"] = make_head([ON_T1])
        heads["T2"] = make_head([(15, 20, 2)])
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in suffixes:
            path = folder / f"{prefix}{suffix}.nii.gz"
            write_image(path, heads[suffix].data, heads[suffix])
        return heads

    return write


def run_predict(source, target, model, *flags):
    return predict.cli(
        [
            "wmh-predict",
            f"--input={source}",
            f"--output_dir={target}",
            f"--model={model}",
            *flags,
        ]
    )


def voxels_of(path):
    return np.asarray(nib.load(path).dataobj)


def test_what_lacks_its_t1_fails_and_the_rest_goes_on(
    write_scan, make_head, t1_model_dir, tmp_path, capsys
):
    source, out = tmp_path / "in", tmp_path / "out"
    heads = write_scan(source / "a")
    write_scan(source / "b", ["FLAIR"])
    write_scan(source / "c", ["FLAIR"])
    other = make_head([ON_T1], shape=(32, 28, 9))
    write_image(source / "c/T1.nii.gz", other.data, other)
    assert run_predict(source, out, t1_model_dir) == 1
    shown = capsys.readouterr().out
    assert "1 segmented, 0 already done, 2 failed" in shown
    # The network saw the T1, not the FLAIR: channels are in their order.
    mask = voxels_of(out / "a/FLAIR_mask.nii.gz")
    np.testing.assert_array_equal(mask, heads["T1"].data > 300)
    rows = {row["file"]: row for row in read_csv(out / "volumes.csv")}
    assert len(rows) == 3
    assert rows["b/FLAIR.nii.gz"]["status"] == "failed"
    error = rows["b/FLAIR.nii.gz"]["error"]
    assert error.startswith("b/FLAIR.nii.gz: the model needs")
    assert "t1: found no image" in error
    error = rows["c/FLAIR.nii.gz"]["error"]
    assert error.startswith("c/FLAIR.nii.gz: ")
    assert "c/T1.nii.gz: t1 on another grid" in error
    assert str(source) not in (out / "volumes.csv").read_text()
    assert not (out / "b/FLAIR_mask.nii.gz").exists()
    record = json.loads((out / "a/FLAIR_prediction.json").read_text())
    t1 = source / "a/T1.nii.gz"
    assert record["channels_sha256"] == {"t1": sha256_of(t1)}
    assert record["input_sha256"] == sha256_of(source / "a/FLAIR.nii.gz")

    assert run_predict(source / "a", out / "a", t1_model_dir) == 0
    assert "1 already done" in capsys.readouterr().out
    heads["T1"].data[3, 3, 3] += 1
    write_image(t1, heads["T1"].data, heads["T1"])
    assert run_predict(source / "a", out / "a", t1_model_dir) == 1
    assert f"the image {t1} has changed since" in capsys.readouterr().err
    t1.unlink()
    assert run_predict(source / "a", out / "a", t1_model_dir) == 1
    assert "its t1 can no longer be found" in capsys.readouterr().err


def test_one_file_with_its_t1(
    write_scan, t1_model_dir, bright_model_dir, tmp_path, capsys
):
    heads = write_scan(tmp_path / "in", prefix="p_")
    flair, t1 = (tmp_path / "in" / f"p_{n}.nii.gz" for n in ("FLAIR", "T1"))
    flag = f"--image=t1={t1}"
    assert run_predict(flair, tmp_path / "out", t1_model_dir, flag) == 0
    mask = voxels_of(tmp_path / "out/p_FLAIR_mask.nii.gz")
    np.testing.assert_array_equal(mask, heads["T1"].data > 300)
    capsys.readouterr()
    assert run_predict(flair, tmp_path / "o2", t1_model_dir) == 1
    assert "--image=t1=FILE" in capsys.readouterr().out
    assert run_predict(flair, tmp_path / "o3", bright_model_dir, flag) == 1
    assert "none beside the FLAIR" in capsys.readouterr().err
    for faulty in ("--image=t1", "--image==x", f"{flag} {flag}"):
        arguments = faulty.split()
        assert (
            run_predict(flair, tmp_path / "o4", t1_model_dir, *arguments) == 2
        )
    assert "given twice" in capsys.readouterr().err


def test_the_flair_is_not_taken_for_its_own_t1(
    write_scan, t1_model_dir, tmp_path, capsys
):
    write_scan(tmp_path, prefix="p_")
    flair, copy = tmp_path / "p_FLAIR.nii.gz", tmp_path / "copy.nii.gz"
    shutil.copy(flair, copy)
    out, flag = tmp_path / "out", f"--image=t1={copy}"
    assert run_predict(flair, out, t1_model_dir, flag) == 1
    message = "copy.nii.gz: t1 has the same voxels as the FLAIR"
    assert message in capsys.readouterr().out
    assert not list(out.glob("*_mask.nii.gz"))


def test_evaluation_takes_channels_by_role_and_not_by_place(
    write_scan, t1_model_dir, bright_model_dir, tmp_path, capsys
):
    """The data set has a T2 between; references are the T1's bright voxels."""
    roles = ("flair", "t2", "t1")
    lines = ["subject_id,flair,t2,t1,mask,split"]
    for name, split in (("a", "test"), ("b", "test"), ("c", "train")):
        heads = write_scan(tmp_path / name, ["FLAIR", "T2", "T1"])
        heads["FLAIR"].data[0, 0, 0] += ord(name)  # no scan twice
        write_image(
            tmp_path / name / "FLAIR.nii.gz",
            heads["FLAIR"].data,
            heads["FLAIR"],
        )
        mask = (heads["T1"].data > 300).astype(np.uint8)
        write_mask(tmp_path / name / "mask.nii.gz", mask, heads["T1"])
        files = [f"{name}/{r.upper()}.nii.gz" for r in roles]
        lines.append(f"{name},{','.join(files)},{name}/mask.nii.gz,{split}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    common = [f"--input={tmp_path / 'list.csv'}", "--side=32"]
    for data, channels in (("data", "flair,t2,t1"), ("alone", "flair")):
        flags = [f"--data_dir={tmp_path / data}", f"--channels={channels}"]
        assert prepare.cli(["wmh-prepare", *common, *flags]) == 0

    def run(data, model, out):
        return evaluate.cli(
            [
                "wmh-evaluate",
                f"--data_dir={tmp_path / data}",
                "--split=test",
                f"--model={model}",
                f"--output_dir={tmp_path / out}",
                "--nopictures",
            ]
        )

    assert run("data", t1_model_dir, "by_t1") == 0
    rows = read_csv(tmp_path / "by_t1/per_patient.csv")
    assert [float(row["dice"]) for row in rows] == [1, 1]
    assert run("data", bright_model_dir, "by_flair") == 0
    rows = read_csv(tmp_path / "by_flair/per_patient.csv")
    assert [float(row["dice"]) for row in rows] == [0, 0]
    capsys.readouterr()
    assert run("alone", t1_model_dir, "none") == 1
    assert "holds flair, but the model takes t1" in capsys.readouterr().err


def test_heads_with_a_t1_are_prepared_learned_and_predicted(tmp_path):
    """Each program once; so little training finds nothing worth a score."""
    write_cohort(tmp_path / "heads", 3, with_t1=True)
    flags = [f"--data_dir={tmp_path / 'data'}"]
    prepare_flags = [f"--input={tmp_path / 'heads'}", "--channels=flair,t1"]
    prepare_flags += ["--side=32", "--fractions=0.4,0.3,0.3"]
    prepare_flags += ["--normalization=robust_zscore", "--oversize=resize"]
    prepare_flags += ["--padding=background"]
    assert prepare.cli(["wmh-prepare", *flags, *prepare_flags]) == 0
    subprocess.run(
        [
            sys.executable,
            *("-m", "wmh_keras.train", *flags),
            f"--workdir={tmp_path / 'run'}",
            *("--filters=2,4", "--epochs=1", "--steps_per_epoch=2"),
            "--global_batch_size=4",
        ],
        check=True,
        capture_output=True,
    )
    model = json.loads((tmp_path / "run/model/model.json").read_text())
    assert model["preprocess"] == {
        "side": 32,
        "padding": "background",
        "normalization": "robust_zscore",
        "channels": ["flair", "t1"],
        "oversize": "resize",
    }
    assert model["network_arguments"]["channels"] == 2
    out = tmp_path / "out"
    assert run_predict(tmp_path / "heads", out, tmp_path / "run") == 0
    rows = read_csv(out / "volumes.csv")
    assert [row["status"] for row in rows] == ["done"] * 3
    assert all("are made smaller, to 32" in row["warnings"] for row in rows)
    for number in (1, 2, 3):
        anat = f"sub-00{number}/anat"
        stem = f"{anat}/sub-00{number}"
        flair = nib.load(tmp_path / "heads" / f"{stem}_FLAIR.nii.gz")
        mask = nib.load(out / f"{stem}_label-WMH_mask.nii.gz")
        assert mask.shape == flair.shape
        np.testing.assert_array_equal(mask.affine, flair.affine)
        sidecar = out / f"{stem}_label-WMH_mask.json"
        assert json.loads(sidecar.read_text())["Sources"] == [
            f"bids:raw:{stem}_FLAIR.nii.gz",
            f"bids:raw:{stem}_T1w.nii.gz",
        ]
