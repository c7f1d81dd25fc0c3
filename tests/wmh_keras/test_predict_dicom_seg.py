"""Masks of DICOM folders as DICOM Segmentation objects."""

import csv
import json
import sys

import nibabel as nib
import numpy as np
import pytest

from wmh_keras.predict import cli

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")
pytest.importorskip("dcm2niix")

MASK, SEG = "study_FLAIR_mask.nii.gz", "study_FLAIR_mask.dcm"


@pytest.fixture
def predict(bright_model_dir):
    def run(source, target, *flags):
        where = [f"--input={source}", f"--output_dir={target}"]
        model = f"--model={bright_model_dir}"
        return cli(["wmh-predict", *where, model, *flags])

    return run


@pytest.fixture
def write_study(tmp_path, write_dicom_series):
    """Writes an axial FLAIR with two lesions: its folder."""

    def write(name="study", **arguments):
        pixels = np.full((10, 28, 32), 50)
        pixels[:, 4:24, 4:28] = 100
        pixels[5, 10:13, 8:11] = 400
        pixels[2, 15:19, 20:22] = 400
        write_dicom_series(tmp_path / name, pixels, spacing=(2, 2), **arguments)
        return tmp_path / name

    return write


def lesions_of(study):
    """Slice UID to lesion pixels, from the files themselves."""
    sources = [pydicom.dcmread(path) for path in study.iterdir()]
    return {s.SOPInstanceUID: s.pixel_array > 300 for s in sources}


def frames_of(path):
    """Slice UID to the segmentation's pixels."""
    segmentation = pydicom.dcmread(path)
    return {
        group.DerivationImageSequence[0]
        .SourceImageSequence[0]
        .ReferencedSOPInstanceUID: frame == 1
        for frame, group in zip(
            segmentation.pixel_array,
            segmentation.PerFrameFunctionalGroupsSequence,
            strict=True,
        )
    }


def test_the_mask_lies_on_the_slices(predict, write_study, tmp_path):
    study, out = write_study(), tmp_path / "out"
    assert predict(study, out, "--dicom_seg") == 0
    expected, frames = lesions_of(study), frames_of(out / SEG)
    assert expected.keys() == frames.keys()
    assert sum(map(np.sum, frames.values())) == 17
    for uid, lesion in expected.items():
        np.testing.assert_array_equal(frames[uid], lesion)
    record = json.loads((out / "study_FLAIR_prediction.json").read_text())
    assert record["files"]["dicom_seg"] == SEG
    assert f'href="{SEG}"' in (out / "index.html").read_text()
    # The patient is named there, and nowhere else.
    for path in out.iterdir():
        named = b"SECRET77" in path.read_bytes()
        assert named == (path.name == SEG), path


def test_a_scan_is_done_with_its_segmentation(
    predict, write_study, tmp_path, capsys
):
    study, out = write_study(), tmp_path / "out"
    assert predict(study, out) == 0
    assert not (out / SEG).exists()
    for flags, said, exists in (
        (["--dicom_seg"], "1 segmented", True),
        (["--dicom_seg"], "1 already done", True),
        ([], "1 already done", True),
        (["--overwrite"], "1 segmented", False),  # it was of another mask
    ):
        capsys.readouterr()
        assert predict(study, out, *flags) == 0
        assert said in capsys.readouterr().out
        assert (out / SEG).exists() == exists
    assert predict(study, out, "--dicom_seg") == 0
    (out / SEG).unlink()
    assert predict(study, out, "--dicom_seg") == 0
    assert (out / SEG).exists()


def test_a_corrected_mask_is_not_replaced(
    predict, write_study, tmp_path, capsys
):
    study, out = write_study(), tmp_path / "out"
    assert predict(study, out) == 0
    image = nib.load(out / MASK)
    corrected = np.asarray(image.dataobj).copy()
    corrected[3, 3, 3] = 1
    nib.save(nib.Nifti1Image(corrected, image.affine, image.header), out / MASK)
    before = (out / MASK).read_bytes()
    assert predict(study, out, "--dicom_seg") == 1
    assert "its DICOM SEG is missing" in capsys.readouterr().err
    assert (out / MASK).read_bytes() == before
    assert not (out / SEG).exists()


def test_without_its_segmentation_a_scan_has_the_rest(
    predict, write_study, tmp_path, capsys
):
    study = write_study(
        changes=lambda dataset, index: delattr(dataset, "FrameOfReferenceUID")
    )
    out = tmp_path / "out"
    assert predict(study, out, "--dicom_seg") == 1
    said = capsys.readouterr().out
    assert "1 segmented, 0 already done, 0 failed" in said
    assert said.count("has no FrameOfReferenceUID") == 1
    assert (out / MASK).exists()
    assert not (out / SEG).exists()
    with open(out / "volumes.csv", newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert row["status"] == "done"
    assert "no DICOM SEG" in row["warnings"]
    # Nothing to do a second time, and it still says so.
    assert predict(study, out, "--dicom_seg") == 1
    said = capsys.readouterr().out
    assert "0 segmented, 1 already done" in said
    assert "has no FrameOfReferenceUID" in said
    assert predict(study, out) == 0


def test_it_is_of_dicom_alone(predict, make_head, tmp_path, capsys):
    from data_prep.nifti_writing import write_image

    head = make_head()
    write_image(tmp_path / "X.nii.gz", head.data, head)
    assert predict(tmp_path / "X.nii.gz", tmp_path / "out", "--dicom_seg") == 1
    assert "expected a DICOM folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_missing_extra_is_named_at_once(
    predict, write_study, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    assert predict(write_study(), tmp_path / "out", "--dicom_seg") == 1
    assert ".[dicom]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
