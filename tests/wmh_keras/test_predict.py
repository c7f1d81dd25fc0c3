"""The program as a user runs it."""

import ast
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import nibabel as nib
import numpy as np
import pytest

from data_prep.files import locked_folder, write_json
from data_prep.nifti import read_mask, read_volume
from data_prep.nifti_writing import write_image
from data_prep.subject_digest import subject_digest
from data_prep.version import installed_versions
from wmh_keras.artifacts import read_model_info
from wmh_keras.plausibility.training_range import TrainingRange
from wmh_keras.predict import cli
from wmh_keras.prediction import result_files
from wmh_keras.prediction.summary import VOLUME_COLUMNS


@pytest.fixture
def predict(bright_model_dir):
    def run(source, target, *flags):
        return cli(
            [
                "wmh-predict",
                f"--input={source}",
                f"--output_dir={target}",
                f"--model={bright_model_dir}",
                *flags,
            ]
        )

    return run


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_head(path, volume):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, volume.data, volume)
    return path


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_one_file(predict, make_head, tmp_path, capsys):
    head = make_head(blobs=[(20, 14, 5), (8, 9, 3)])
    flair = write_head(tmp_path / "in" / "X.nii.gz", head)
    before = flair.read_bytes()
    assert predict(flair, tmp_path / "out") == 0
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "X_lesions.csv",
        "X_mask.nii.gz",
        "X_overview.png",
        "X_prediction.json",
        "X_probability.nii.gz",
        "index.html",
        "volumes.csv",
    ]
    mask = nib.load(out / "X_mask.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    assert (mask.dataobj.slope, mask.dataobj.inter) == (1, 0)
    np.testing.assert_array_equal(mask.dataobj, head.data > 300)
    probability = nib.load(out / "X_probability.nii.gz")
    assert probability.get_data_dtype() == np.float32
    np.testing.assert_array_equal(
        np.asarray(probability.dataobj) >= 0.5, np.asarray(mask.dataobj) == 1
    )
    (row,) = rows_of(out / "volumes.csv")
    assert list(row) == list(VOLUME_COLUMNS)
    assert row["status"] == "done"
    assert row["lesions"] == "2"
    assert row["large_lesions"] == "2"
    assert float(row["volume_ml"]) == pytest.approx(18 * 24 / 1000)
    assert row["engine"] == "jax"
    assert row["model"].startswith("unet-")
    # The model is as those of earlier versions.
    assert row["unlike_training"] == "not checked"
    assert "1 of these scans could not be compared" in (
        out / "index.html"
    ).read_text(encoding="utf-8")
    lesions = rows_of(out / "X_lesions.csv")
    assert [float(lesion["volume_mm3"]) for lesion in lesions] == [216, 216]
    assert flair.read_bytes() == before
    shown = capsys.readouterr()
    assert "X.nii.gz -> X_mask.nii.gz" in shown.out
    assert "1 segmented" in shown.out
    assert "scan 1 of 1" in shown.err


def test_blob_stays_in_place_in_any_orientation(predict, make_head, tmp_path):
    head = make_head(blobs=[(22, 9, 3)])
    image = nib.Nifti1Image(head.data, head.affine)
    world = head.affine @ [22, 9, 3, 1]
    codes = ("RAS", "LAS", "LPS", "PIR", "ASL", "SPL")
    for code in codes:
        target = nib.orientations.axcodes2ornt(code)
        start = nib.orientations.io_orientation(head.affine)
        turn = nib.orientations.ornt_transform(start, target)
        nib.save(image.as_reoriented(turn), tmp_path / f"{code}_FLAIR.nii.gz")
    # Two more: an oblique one, and one in metres with a scaled integer type.
    angle = np.deg2rad(20)
    turned = np.eye(4)
    turned[1:3, 1:3] = [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    oblique = nib.Nifti1Image(head.data, turned @ head.affine)
    nib.save(oblique, tmp_path / "oblique_FLAIR.nii.gz")
    metres = nib.Nifti1Image(
        head.data, np.diag([1e-3, 1e-3, 1e-3, 1]) @ head.affine
    )
    metres.set_data_dtype(np.int16)
    metres.header.set_xyzt_units("meter")
    nib.save(metres, tmp_path / "metres_FLAIR.nii.gz")

    out = tmp_path / "out"
    assert predict(tmp_path, out) == 0
    for code in (*codes, "oblique", "metres"):
        flair = nib.load(tmp_path / f"{code}_FLAIR.nii.gz")
        mask = nib.load(out / f"{code}_FLAIR_mask.nii.gz")
        assert mask.shape == flair.shape
        np.testing.assert_array_equal(mask.affine, flair.affine)
        assert (
            mask.header.get_xyzt_units()[0] == flair.header.get_xyzt_units()[0]
        )
        np.testing.assert_array_equal(
            np.asarray(mask.dataobj) == 1, flair.get_fdata() > 300
        )
        (lesion,) = rows_of(out / f"{code}_FLAIR_lesions.csv")
        place = turned @ world if code == "oblique" else world
        for axis, mm in zip("xyz", place, strict=False):
            assert float(lesion[f"centroid_{axis}_mm"]) == pytest.approx(
                mm, abs=0.02
            )
        assert lesion["side"] == "right"
        assert float(lesion["volume_mm3"]) == pytest.approx(216, rel=1e-4)


def test_nothing_found(predict, make_head, tmp_path):
    flair = write_head(tmp_path / "X.nii.gz", make_head(blobs=[]))
    assert predict(flair, tmp_path / "out") == 0
    (row,) = rows_of(tmp_path / "out" / "volumes.csv")
    assert (row["volume_ml"], row["lesions"], row["status"]) == (
        "0.0",
        "0",
        "done",
    )
    assert read_mask(tmp_path / "out" / "X_mask.nii.gz").data.sum() == 0
    table = (tmp_path / "out" / "X_lesions.csv").read_text()
    assert table.startswith("id,centroid_x_mm")
    assert table.count("\n") == 1
    assert (tmp_path / "out" / "X_overview.png").stat().st_size > 1000


def test_a_bad_file_is_reported_and_the_rest_goes_on(
    predict, make_head, tmp_path, capsys
):
    source = tmp_path / "in"
    head = make_head()
    write_head(source / "a" / "one_FLAIR.nii.gz", head)
    write_head(source / "b" / "two_FLAIR.nii.gz", head)
    broken = source / "a" / "broken<i>_FLAIR.nii.gz"
    broken.write_bytes((source / "a" / "one_FLAIR.nii.gz").read_bytes()[:999])
    flat = head.with_data(np.full(head.shape, 7, np.float32))
    write_head(source / "b" / "flat_FLAIR.nii", flat)
    out = tmp_path / "out"
    assert predict(source, out) == 1
    shown = capsys.readouterr().out
    assert "2 segmented, 0 already done, 2 failed" in shown
    assert "flat_FLAIR.nii" in shown
    by_file = {row["file"]: row for row in rows_of(out / "volumes.csv")}
    assert {file: row["status"] for file, row in by_file.items()} == {
        "a/broken<i>_FLAIR.nii.gz": "failed",
        "a/one_FLAIR.nii.gz": "done",
        "b/flat_FLAIR.nii": "failed",
        "b/two_FLAIR.nii.gz": "done",
    }
    assert "truncated" in by_file["a/broken<i>_FLAIR.nii.gz"]["error"]
    assert (out / "a" / "one_FLAIR_mask.nii.gz").exists()
    assert not (out / "b" / "flat_FLAIR_mask.nii.gz").exists()

    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<article") == 4
    assert "broken&lt;i&gt;_FLAIR" in page
    assert "<i>" not in page
    # What is handed on does not tell where the scans lay.
    for path in out.rglob("*.*"):
        if path.suffix in (".html", ".csv", ".json"):
            assert str(source) not in path.read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//[a-z]", page)

    # Repaired, the same command does what is left and nothing else.
    write_head(broken, head)
    write_head(source / "b" / "flat_FLAIR.nii", head)
    done = out / "a" / "one_FLAIR_mask.nii.gz"
    stamp = done.stat().st_mtime_ns
    assert predict(source, out) == 0
    assert "2 segmented, 2 already done" in capsys.readouterr().out
    assert done.stat().st_mtime_ns == stamp
    assert {row["status"] for row in rows_of(out / "volumes.csv")} == {"done"}


def test_a_result_that_went_bad_leaves_no_old_mask(
    predict, make_head, tmp_path
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out) == 0
    flair.write_bytes(b"no image")
    assert predict(flair, out, "--overwrite") == 1
    assert not (out / "X_mask.nii.gz").exists()
    (row,) = rows_of(out / "volumes.csv")
    assert (row["status"], row["volume_ml"]) == ("failed", "")


def test_run_twice_changes_nothing(predict, make_head, tmp_path, capsys):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out) == 0
    before = snapshot(out)
    assert predict(flair, out) == 0
    assert "0 segmented, 1 already done" in capsys.readouterr().out
    after = snapshot(out)
    for name in ("index.html", "volumes.csv"):
        before.pop(name), after.pop(name)
    assert after == before


def test_other_settings_need_overwrite(predict, make_head, tmp_path, capsys):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out) == 0
    before = snapshot(out)
    for flag, word in (
        ("--threshold=0.25", "threshold 0.5, this run has 0.25"),
        ("--min_lesion_mm3=9", "min_lesion_mm3"),
    ):
        assert predict(flair, out, flag) == 1
        assert word in capsys.readouterr().err
    write_head(flair, make_head(blobs=[]))
    assert predict(flair, out) == 1
    assert "has changed since" in capsys.readouterr().err
    assert snapshot(out) == before
    assert predict(flair, out, "--threshold=0.25", "--overwrite") == 0
    (row,) = rows_of(out / "volumes.csv")
    assert row["threshold"] == "0.25"
    assert row["lesions"] == "0"


def test_files_of_others_are_not_replaced(predict, make_head, tmp_path, capsys):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    out.mkdir()
    (out / "X_mask.nii.gz").write_bytes(b"a day of somebody's work")
    assert predict(flair, out) == 1
    assert "without a record" in capsys.readouterr().err
    assert os.listdir(out) == ["X_mask.nii.gz"]


def test_results_may_lie_beside_the_images(
    predict, make_head, tmp_path, capsys
):
    write_head(tmp_path / "A_FLAIR.nii.gz", make_head())
    assert predict(tmp_path, tmp_path) == 0
    assert predict(tmp_path, tmp_path) == 0
    assert "0 segmented, 1 already done" in capsys.readouterr().out


def test_two_inputs_with_one_output(predict, make_head, tmp_path, capsys):
    write_head(tmp_path / "in" / "X.nii.gz", make_head())
    write_head(tmp_path / "in" / "X.nii", make_head())
    assert predict(tmp_path / "in", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "X.nii.gz" in error
    assert "both would write" in error
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_write_into_one_folder(
    predict, make_head, tmp_path, capsys
):
    write_head(tmp_path / "in" / "a.nii", make_head())
    out = tmp_path / "out"
    with locked_folder(out, "a test"):
        assert predict(tmp_path / "in", out) == 1
    assert "another process writes there" in capsys.readouterr().err
    assert not any(out.iterdir())
    assert predict(tmp_path / "in", out) == 0


def test_dry_run_writes_nothing(predict, make_head, tmp_path, capsys):
    for number in range(25):
        write_head(tmp_path / "in" / f"{number}.nii", make_head())
    out = tmp_path / "out"
    assert predict(tmp_path / "in", out, "--dry_run") == 0
    shown = capsys.readouterr().out
    assert shown.count(" -> ") == 25
    assert "25 to segment" in shown
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ([], 2),
        (["--input=missing.nii"], 2),
        (["--input=missing.nii", "--model=none", "--output_dir=out"], 1),
        (
            [
                "--input=x.nii",
                "--model=m",
                "--output_dir=out",
                "--threshold=0",
            ],
            2,
        ),
        (["--engine=torch"], 2),
        (["--batch_size=0"], 2),
    ],
)
def test_wrong_usage(flags, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli(["wmh-predict", *flags]) == code
    assert "error" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_output_dir_is_a_file(predict, make_head, tmp_path, capsys):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    assert predict(flair, flair / "out") == 1
    assert "is a file" in capsys.readouterr().err


def test_output_that_cannot_be_written(predict, make_head, tmp_path, capsys):
    write_head(tmp_path / "in" / "a" / "X.nii.gz", make_head())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("a file in the way")
    assert predict(tmp_path / "in", tmp_path / "out") == 1
    assert "cannot be written to" in capsys.readouterr().err


def write_bids(folder, head):
    names = {
        "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz",
        "sub-01/ses-2/anat/sub-01_ses-2_run-1_FLAIR.nii.gz",
        "sub-02/anat/sub-02_acq-ax_FLAIR.nii.gz",
    }
    for name in names:
        write_head(folder / name, head)
    write_json(
        folder / "dataset_description.json",
        {"Name": "test", "BIDSVersion": "1.8.0"},
    )
    return names


def test_bids_gives_derivatives(predict, make_head, tmp_path, capsys):
    source = tmp_path / "bids"
    write_bids(source, make_head())
    out = source / "derivatives" / "wmh-keras"
    assert predict(source, out) == 0
    prefixes = [
        "sub-01/ses-1/anat/sub-01_ses-1_label-WMH",
        "sub-01/ses-2/anat/sub-01_ses-2_run-1_label-WMH",
        "sub-02/anat/sub-02_acq-ax_label-WMH",
    ]
    for prefix in prefixes:
        for ending in (
            "mask.nii.gz",
            "mask.json",
            "probseg.nii.gz",
            "probseg.json",
            "lesions.csv",
            "overview.png",
        ):
            assert (out / f"{prefix}_{ending}").is_file()
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "wmh-keras"
    assert description["DatasetLinks"] == {"raw": "../.."}
    sidecar = json.loads((out / f"{prefixes[0]}_mask.json").read_text())
    link = "bids:raw:sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz"
    assert sidecar["Sources"] == [link]
    assert sidecar["SpatialReference"] == link
    assert sidecar["Threshold"] == 0.5
    assert sidecar["Model"]["Network"] == "unet"
    rows = rows_of(out / "volumes.csv")
    assert [(r["subject_id"], r["session"], r["run"]) for r in rows] == [
        ("01", "1", ""),
        ("01", "2", "1"),
        ("02", "", ""),
    ]
    # Inside the data set as it is, the output is no input of the next run.
    assert predict(source, out) == 0
    assert "0 segmented, 3 already done" in capsys.readouterr().out


def test_bids_output_never_mixes(predict, make_head, tmp_path, capsys):
    source = tmp_path / "bids"
    names = write_bids(source, make_head())
    before = snapshot(source)
    assert predict(source, source) == 1
    assert "derivatives/wmh-keras" in capsys.readouterr().err
    other = tmp_path / "other"
    write_json(
        other / "dataset_description.json",
        {"Name": "x", "GeneratedBy": [{"Name": "fmriprep"}]},
    )
    assert predict(source, other) == 1
    assert "another --output_dir" in capsys.readouterr().err
    assert snapshot(source) == before
    assert len(names) == 3


def test_subset_keeps_earlier_rows(predict, make_head, tmp_path):
    for name in ("A", "B"):
        write_head(tmp_path / f"{name}.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(tmp_path / "A.nii.gz", out) == 0
    assert predict(tmp_path / "B.nii.gz", out) == 0
    assert [row["file"] for row in rows_of(out / "volumes.csv")] == [
        "A.nii.gz",
        "B.nii.gz",
    ]
    assert (out / "index.html").read_text().count("<article") == 2


def test_killed_and_run_again(predict, make_head, tmp_path, bright_model_dir):
    """Killed in mid-run, the same command goes on with what is left."""
    source, out = tmp_path / "in", tmp_path / "out"
    for number in range(12):
        write_head(source / f"{number:02}_FLAIR.nii.gz", make_head())
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "wmh_keras.predict",
            f"--input={source}",
            f"--output_dir={out}",
            f"--model={bright_model_dir}",
            "--engine=jax",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list(out.glob("*_mask.nii.gz"))) < 3:
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    # What a kill in the middle of writing leaves behind.
    shutil.copy(out / "00_FLAIR_mask.nii.gz", out / "11_FLAIR_mask.nii.gz")
    record = json.loads((out / "00_FLAIR_prediction.json").read_text())
    record["status"] = "started"
    (out / "11_FLAIR_prediction.json").write_text(json.dumps(record))
    (out / ".tmp-0123abcd-11_FLAIR_mask.nii.gz").write_bytes(b"half")
    assert not (out / "volumes.csv").exists()
    first = (out / "00_FLAIR_mask.nii.gz").stat().st_mtime_ns
    assert predict(source, out) == 0
    assert (out / "00_FLAIR_mask.nii.gz").stat().st_mtime_ns == first
    rows = rows_of(out / "volumes.csv")
    assert len(rows) == 12
    assert {row["status"] for row in rows} == {"done"}
    assert not list(out.glob(".tmp-*"))


@pytest.fixture
def predict_alone(bright_model_dir):
    """Predicts in a process of its own; returns what frameworks it imported."""
    code = (
        "import sys\n"
        "from wmh_keras.predict import cli\n"
        "code = cli(sys.argv)\n"
        "heavy = {'keras', 'jax', 'tensorflow', 'torch', 'matplotlib'}\n"
        "print('imported', sorted(heavy & set(sys.modules)))\n"
        "sys.exit(code)"
    )

    def run(source, target, *flags):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                f"--input={source}",
                f"--output_dir={target}",
                f"--model={bright_model_dir}",
                *flags,
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return ast.literal_eval(done.stdout.split("imported ")[1])

    return run


@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_engines_agree(predict, predict_alone, make_head, tmp_path, engine):
    if engine == "openvino":
        pytest.importorskip("wmh_keras.inference.openvino_runtime")
    head = make_head(blobs=[(20, 14, 5), (8, 9, 3)])
    flair = write_head(tmp_path / "X.nii.gz", head)
    assert predict(flair, tmp_path / "jax") == 0
    imported = predict_alone(
        flair,
        tmp_path / engine,
        f"--engine={engine}",
        "--batch_size=3",
    )
    assert ("tensorflow" in imported) == (engine == "tensorflow")
    (row,) = rows_of(tmp_path / engine / "volumes.csv")
    assert (row["engine"], row["precision"]) == (engine, "fp32")
    first, second = (
        read_volume(tmp_path / name / "X_probability.nii.gz").data
        for name in ("jax", engine)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_cpu_needs_no_framework(predict_alone, make_head, tmp_path):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    assert predict_alone(flair, tmp_path / "out") == []
    (row,) = rows_of(tmp_path / "out" / "volumes.csv")
    assert (row["engine"], row["precision"]) == ("openvino", "fp32")
    # The same command again is done.
    before = snapshot(tmp_path / "out")
    predict_alone(flair, tmp_path / "out")
    after = snapshot(tmp_path / "out")
    assert after["X_mask.nii.gz"] == before["X_mask.nii.gz"]


def test_a_precision_that_the_engine_does_not_have(
    predict, make_head, tmp_path, capsys
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out, "--engine=jax", "--precision=bf16") == 1
    assert "--engine=openvino or --precision=fp32" in capsys.readouterr().err
    assert not list(out.glob("X_*"))


def write_dicom(folder, shape=(10, 28, 32)):
    """An axial FLAIR series: dim, with a bright block in slice 5."""
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("dcm2niix")
    folder.mkdir(parents=True)
    pixels = np.full(shape, 50, np.uint16)
    pixels[:, 4:24, 4:28] = 100
    pixels[5, 10:13, 8:11] = 400  # towards the patient's right
    for index, plane in enumerate(pixels):
        uid = f"1.2.3.4.{index + 1}"
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        dataset.SOPInstanceUID = uid
        dataset.StudyInstanceUID = "1.2.3"
        dataset.SeriesInstanceUID = "1.2.3.4"
        dataset.FrameOfReferenceUID = "1.2.3.9"
        dataset.PatientName = "Doe^Jane"
        dataset.PatientID = "SECRET77"
        dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.SeriesNumber, dataset.InstanceNumber = 4, index + 1
        dataset.SeriesDescription = "AX FLAIR FS"
        dataset.EchoTime, dataset.RepetitionTime = 100.0, 9000.0
        dataset.InversionTime = 2500.0
        dataset.SliceThickness = dataset.SpacingBetweenSlices = 6.0
        dataset.PixelSpacing = [2.0, 2.0]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [-31, -27, -27 + 6 * index]
        dataset.Rows, dataset.Columns = shape[1:]
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        dataset.PixelData = plane.tobytes()
        dataset.save_as(folder / f"IM{index:04}", enforce_file_format=True)


def test_dicom_folder(predict, tmp_path, capsys):
    source, out = tmp_path / "study", tmp_path / "out"
    write_dicom(source)
    assert predict(source, out) == 0
    flair = nib.load(out / "study_FLAIR.nii.gz")  # kept, else useless
    mask = nib.load(out / "study_FLAIR_mask.nii.gz")
    assert mask.shape == flair.shape
    np.testing.assert_array_equal(mask.affine, flair.affine)
    np.testing.assert_array_equal(
        np.asarray(mask.dataobj) == 1, flair.get_fdata() > 300
    )
    (lesion,) = rows_of(out / "study_FLAIR_lesions.csv")
    # DICOM counts x to the left: column 9 is at -31 + 18 = -13 mm there.
    assert float(lesion["centroid_x_mm"]) == pytest.approx(13, abs=0.01)
    assert lesion["side"] == "right"
    written = b"".join(
        path.read_bytes() for path in out.iterdir() if path.suffix != ".gz"
    )
    assert b"SECRET77" not in written
    assert predict(source, out) == 0
    assert "0 segmented, 1 already done" in capsys.readouterr().out
    assert predict(source, source / "out") == 1
    assert "outside" in capsys.readouterr().err


def test_manifest_of_scattered_files(predict, make_head, tmp_path):
    write_head(tmp_path / "far" / "one.nii.gz", make_head())
    write_head(tmp_path / "list" / "two.nii.gz", make_head())
    table = tmp_path / "list" / "cases.csv"
    table.write_text(
        f"subject_id,flair\np1,{tmp_path / 'far' / 'one.nii.gz'}\n"
        "p2,two.nii.gz\n"
    )
    out = tmp_path / "out"
    assert predict(table, out) == 0
    rows = rows_of(out / "volumes.csv")
    assert [row["subject_id"] for row in rows] == ["p1", "p2"]
    assert len(list(out.rglob("*_mask.nii.gz"))) == 2


# --- several models ----------------------------------------------------------


def models_flag(*folders):
    """Flags after the first --model, which the fixture gives."""
    return [f"--model={folder}" for folder in folders]


def mean_and_sd(maps):
    maps = np.stack(maps).astype(np.float64)
    return maps.mean(0), maps.std(0)


def test_an_ensemble_and_its_uncertainty(
    predict, softer_model_dir, make_head, tmp_path, capsys
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    one, both = tmp_path / "one", tmp_path / "both"
    assert predict(flair, one) == 0
    assert predict(flair, both, *models_flag(softer_model_dir)) == 0
    assert "(2 networks)" in capsys.readouterr().out
    assert not (one / "X_uncertainty.nii.gz").exists()
    assert list(rows_of(one / "X_lesions.csv")[0])[-1] == "mean_probability"
    uncertainty = nib.load(both / "X_uncertainty.nii.gz")
    assert uncertainty.get_data_dtype() == np.float32
    first = read_volume(one / "X_probability.nii.gz").data
    second = 2 * read_volume(both / "X_probability.nii.gz").data - first
    mean, sd = mean_and_sd([first, second])
    assert sd.max() > 0.05
    np.testing.assert_allclose(np.asarray(uncertainty.dataobj), sd, atol=1e-5)
    mask = np.asarray(nib.load(both / "X_mask.nii.gz").dataobj) == 1
    np.testing.assert_array_equal(mask, mean >= 0.5)
    (lesion,) = rows_of(both / "X_lesions.csv")
    assert float(lesion["mean_disagreement"]) == pytest.approx(
        sd[mask].mean(), abs=1e-4
    )
    (row,) = rows_of(both / "volumes.csv")
    assert row["model"].count("unet-") == 2
    assert "X_uncertainty.nii.gz" in (both / "index.html").read_text()

    # What is done stays, whatever the order of the flags.
    before = snapshot(both)
    command = ["wmh-predict", f"--input={flair}", f"--output_dir={both}"]
    (record,) = [json.loads((both / "X_prediction.json").read_text())]
    assert record["files"]["uncertainty"] == "X_uncertainty.nii.gz"
    assert cli([*command, *models_flag(softer_model_dir)]) == 1
    assert "this run has unet-" in capsys.readouterr().err
    assert predict(flair, both, *models_flag(softer_model_dir)) == 0
    assert "0 segmented, 1 already done" in capsys.readouterr().out
    after = snapshot(both)
    for name in ("index.html", "volumes.csv"):
        before.pop(name), after.pop(name)
    assert after == before


def test_a_lost_uncertainty_is_made_again_and_an_old_one_goes(
    predict, softer_model_dir, make_head, tmp_path, capsys
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out, *models_flag(softer_model_dir)) == 0
    (out / "X_uncertainty.nii.gz").unlink()
    assert predict(flair, out, *models_flag(softer_model_dir)) == 0
    assert "1 segmented" in capsys.readouterr().out
    assert (out / "X_uncertainty.nii.gz").exists()
    # A single model again: no map of another run beside its mask.
    assert predict(flair, out) == 1
    assert predict(flair, out, "--overwrite") == 0
    assert not (out / "X_uncertainty.nii.gz").exists()
    assert "mean_disagreement" not in (out / "X_lesions.csv").read_text()


def test_a_failed_scan_leaves_no_uncertainty(
    predict, softer_model_dir, make_head, tmp_path
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    flags = (*models_flag(softer_model_dir), "--overwrite")
    assert predict(flair, tmp_path / "out", *flags) == 0
    flair.write_bytes(b"no image")
    assert predict(flair, tmp_path / "out", *flags) == 1
    assert not (tmp_path / "out" / "X_uncertainty.nii.gz").exists()


def test_an_uncertainty_is_no_input_of_the_next_run(
    predict, softer_model_dir, make_head, tmp_path, capsys
):
    write_head(tmp_path / "A.nii.gz", make_head())
    flags = models_flag(softer_model_dir)
    assert predict(tmp_path, tmp_path, *flags) == 0
    assert predict(tmp_path, tmp_path, *flags) == 0
    assert "0 segmented, 1 already done" in capsys.readouterr().out


def test_an_ensemble_of_bids(predict, softer_model_dir, make_head, tmp_path):
    source, out = tmp_path / "bids", tmp_path / "out"
    write_bids(source, make_head())
    flags = models_flag(softer_model_dir)
    assert predict(source, out, *flags, "--test_time_flips=left_right") == 0
    stem = out / "sub-02/anat/sub-02_acq-ax_label-WMH"
    sidecar = json.loads(
        (out / f"{stem}_desc-disagreement_probseg.json").read_text()
    )
    assert "standard deviation" in sidecar["Description"]
    assert sidecar["Model"]["TestTimeFlips"] == "left_right"
    names = [m["Identity"] for m in sidecar["Model"]["Ensemble"]]
    assert sidecar["Model"]["Identity"] == "+".join(
        [*names, "flips_left_right"]
    )
    assert (out / f"{stem}_desc-disagreement_probseg.nii.gz").exists()
    record = json.loads((out / f"{stem}_prediction.json").read_text())
    files = set(record["files"].values())
    assert files == {
        path.name
        for path in stem.parent.iterdir()
        if "_prediction" not in path.name
    }


def test_flips_are_another_result(predict, make_head, tmp_path, capsys):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    assert predict(flair, out) == 0
    before = snapshot(out)
    assert predict(flair, out, "--test_time_flips=all") == 1
    assert "+flips_all" in capsys.readouterr().err
    assert snapshot(out) == before
    other = tmp_path / "other"
    assert predict(flair, other, "--test_time_flips=all") == 0
    first, second = (
        read_volume(folder / "X_probability.nii.gz").data
        for folder in (out, other)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)  # it is symmetric
    assert not (other / "X_uncertainty.nii.gz").exists()
    assert predict(flair, other) == 1


def test_models_that_do_not_agree(
    predict, softer_model, save_model, make_head, tmp_path, capsys
):
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    other = save_model(tmp_path / "other", [softer_model], threshold=0.3)
    out = tmp_path / "out"
    assert predict(flair, out, *models_flag(other)) == 1
    error = capsys.readouterr().err
    assert "--threshold" in error
    assert f"{other}: 0.3" in error
    assert not out.exists()
    assert predict(flair, out, *models_flag(other), "--threshold=0.4") == 0
    (row,) = rows_of(out / "volumes.csv")
    assert row["threshold"] == "0.4"


def test_the_same_model_twice(predict, bright_model_dir, tmp_path, capsys):
    flags = models_flag(bright_model_dir)
    assert predict(tmp_path / "X.nii", tmp_path / "out", *flags) == 1
    assert "two votes" in capsys.readouterr().err


def test_slices_and_patches_together(
    predict, bright_patch_model_dir, make_head, tmp_path
):
    head = make_head(blobs=[(20, 14, 5), (8, 9, 3)])
    flair = write_head(tmp_path / "X.nii.gz", head)
    out = tmp_path / "out"
    assert predict(flair, out, *models_flag(bright_patch_model_dir)) == 0
    mask = np.asarray(nib.load(out / "X_mask.nii.gz").dataobj)
    np.testing.assert_array_equal(mask == 1, head.data > 300)
    # Both take the same voxels for lesions, and are equally sure.
    uncertainty = read_volume(out / "X_uncertainty.nii.gz").data
    assert uncertainty.max() < 1e-4
    alone = tmp_path / "alone"
    flags = [f"--input={flair}", f"--output_dir={alone}"]
    model = f"--model={bright_patch_model_dir}"
    assert cli(["wmh-predict", *flags, model]) == 0
    np.testing.assert_array_equal(
        np.asarray(nib.load(alone / "X_mask.nii.gz").dataobj), mask
    )


def test_an_image_that_one_model_needs_is_missing(
    predict, softer_model, save_model, make_head, tmp_path, capsys
):
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras.models import build_model

    flair = write_head(tmp_path / "X.nii.gz", make_head())
    two = save_model(
        tmp_path / "two",
        [build_model("unet", side=32, channels=2, filters=(2,))],
        network_arguments={"side": 32, "channels": 2, "filters": [2]},
        preprocess=PreprocessConfig(side=32, channels=("flair", "t1")),
    )
    assert predict(flair, tmp_path / "out", *models_flag(two)) == 1
    assert "the model needs flair, t1; t1: " in capsys.readouterr().out


def test_a_scan_unlike_the_training_scans_is_warned_of_everywhere(
    save_model, bright_model, make_head, tmp_path, capsys, monkeypatch
):
    pictures = {}
    draw = result_files.write_overview

    def note(path, tiles, **texts):
        pictures[path.name] = texts
        draw(path, tiles, **texts)

    monkeypatch.setattr(result_files, "write_overview", note)
    seen = TrainingRange(9, {"slice_mm": (5.0, 6.0), "lesions": (1.0, 2.0)})
    model = save_model(tmp_path / "model", [bright_model], training_range=seen)
    like, unlike = make_head(), make_head(affine=np.diag([2.0, 2.0, 9.0, 1]))
    write_head(tmp_path / "in" / "a_FLAIR.nii.gz", like)
    write_head(tmp_path / "in" / "b_FLAIR.nii.gz", unlike)
    out = tmp_path / "out"
    arguments = [
        "wmh-predict",
        f"--input={tmp_path / 'in'}",
        f"--model={model}",
        f"--output_dir={out}",
    ]
    assert cli(arguments) == 0
    sentence = (
        "not the grid of the 9 training scans: slices 9 mm apart (training "
        "scans 5 to 6). Look at the mask with care"
    )
    assert f"warning: b_FLAIR.nii.gz: {sentence}" in capsys.readouterr().out
    first, second = rows_of(out / "volumes.csv")
    assert first["unlike_training"] == "no"
    assert first["warnings"] == ""
    assert second["unlike_training"] == "spacing"
    assert second["warnings"] == sentence
    assert second["status"] == "done"  # it never refuses
    record = json.loads((out / "b_FLAIR_prediction.json").read_text())
    assert record["warnings"] == [sentence]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count('<p class="mark">Unlike the training scans: spacing') == 1
    assert sentence in page
    assert "could not be compared" not in page
    texts = pictures["b_FLAIR_overview.png"]
    assert texts["warnings"] == [f"warning: {sentence}"]
    assert texts["subtitle"].endswith("; threshold 0.5")
    assert not pictures["a_FLAIR_overview.png"]["warnings"]


def test_subjects_that_the_model_has_seen_are_named(
    bright_model, save_model, make_head, tmp_path, capsys
):
    digests = tuple(sorted(map(subject_digest, ("s1", "s9"))))
    folder = save_model(
        tmp_path / "model", [bright_model], seen_subjects=digests
    )
    sentence = "the model has seen subjects of these ids: s1."
    for subject, is_said in (("s1", True), ("s2", False)):
        study = tmp_path / f"study_{subject}"
        write_head(study / f"sub-{subject}_FLAIR.nii.gz", make_head())
        out = tmp_path / f"out_{subject}"
        arguments = [f"--input={study}", f"--output_dir={out}"]
        assert cli(["wmh-predict", *arguments, f"--model={folder}"]) == 0
        assert (sentence in capsys.readouterr().out) == is_said
        (path,) = out.rglob("*_prediction.json")
        record = json.loads(path.read_text())
        assert record["seen_subjects"] == list(digests)
        of_scan = "the model has seen a subject of this id"
        assert [text.split(":")[0] for text in record["warnings"]] == (
            [of_scan] if is_said else []
        )
        (row,) = rows_of(out / "volumes.csv")
        assert (of_scan in row["warnings"]) == is_said
        assert row["unlike_training"] == "not checked"
        page = (out / "index.html").read_text(encoding="utf-8")
        assert (of_scan in page) == is_said
        assert record["versions"] == installed_versions()


def test_a_model_with_a_name_is_called_by_it(
    predict, bright_model, save_model, make_head, tmp_path, capsys
):
    folder = save_model(
        tmp_path / "named", [bright_model], name="wmh-robust-1", version="1.0"
    )
    flair = write_head(tmp_path / "X.nii.gz", make_head())
    out = tmp_path / "out"
    arguments = [f"--input={flair}", f"--output_dir={out}"]
    assert cli(["wmh-predict", *arguments, f"--model={folder}"]) == 0
    (row,) = rows_of(out / "volumes.csv")
    checksum = read_model_info(folder).checksum[:12]
    assert row["model_name"] == "wmh-robust-1 1.0"
    assert row["model_checksum"] == checksum
    assert list(row)[-1] == "model_checksum"
    shown = f"model {row['model']} (wmh-robust-1 1.0)"
    assert shown in capsys.readouterr().out
    page = (out / "index.html").read_text()
    named = f"wmh-robust-1 1.0 ({row['model']}, checksum {checksum})"
    assert f"model {named}" in page
    record = json.loads((out / "X_prediction.json").read_text())
    assert record["row"]["model_name"] == "wmh-robust-1 1.0"
    assert record["row"]["model_checksum"] == checksum
    assert record["settings"]["model"] == row["model"]
    # The same weights without a name are the same model.
    assert predict(flair, out) == 0
    assert "0 to segment, 1 already done" in capsys.readouterr().out
