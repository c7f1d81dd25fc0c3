import dataclasses
import hashlib

import nibabel as nib
import numpy as np
import pytest

from data_prep.cases.case import Case
from data_prep.errors import UserError
from data_prep.files import sha256_of, temporary_beside
from data_prep.preprocess import PreprocessConfig
from wmh_keras.inference.ensemble import model_identity
from wmh_keras.model_info import Member, ModelInfo
from wmh_keras.prediction import records
from wmh_keras.prediction.outputs import plan_jobs
from wmh_keras.prediction.records import (
    Record,
    Settings,
    check_earlier,
    warn_of_changed_masks,
)

SETTINGS = Settings("unet-1", 0.5, 0.0)


@pytest.fixture
def job(tmp_path):
    flair = tmp_path / "in" / "X.nii"
    flair.parent.mkdir()
    flair.write_bytes(b"voxels")
    case = Case("X", (("flair", str(flair)),), relative_path="X.nii")
    (job,) = plan_jobs([case], tmp_path / "out", is_bids=False)
    return job


def finish(job, **changes):
    for path in job.outputs.results:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"result")
    record = Record(
        status=records.DONE,
        input_sha256=sha256_of(job.case.flair),
        settings=SETTINGS.to_json(),
        row={"volume_ml": 1.25},
        files={path.stem: path.name for path in job.outputs.results},
        path=job.outputs.record,
    )
    record = dataclasses.replace(record, **changes)
    records.write_record(record)
    return record


def test_a_record_comes_back_as_it_was(job):
    record = finish(job, warnings=["one"], thumbnails=["AAAA"])
    assert records.read_record(job.outputs.record) == record
    assert list(records.find_records(job.outputs.folder)) == [record]


def test_what_a_kill_left_unfinished_is_no_record(job):
    record = finish(job, warnings=[], thumbnails=[])
    unfinished = temporary_beside(job.outputs.record)
    unfinished.write_bytes(job.outputs.record.read_bytes())
    assert list(records.find_records(job.outputs.folder)) == [record]


def test_results_of_another_run_in_a_sub_folder_are_its_own(job, tmp_path):
    """They may be of the same scans, which a table would then have twice."""
    record = finish(job, warnings=[], thumbnails=[])
    other = tmp_path / "out" / "threshold_0.3"
    other.mkdir()
    records.write_record(
        dataclasses.replace(record, path=other / job.outputs.record.name)
    )
    assert len(list(records.find_records(tmp_path / "out"))) == 2
    (other / records.VOLUMES_FILE).touch()
    assert list(records.find_records(tmp_path / "out")) == [record]
    assert len(list(records.find_records(other))) == 1


def test_new_and_done(job):
    assert check_earlier([job], SETTINGS, overwrite=False) == ([job], [])
    finish(job)
    assert check_earlier([job], SETTINGS, overwrite=False) == ([], [job])
    assert check_earlier([job], SETTINGS, overwrite=True) == ([job], [])


@pytest.mark.parametrize("status", [records.STARTED, records.FAILED])
def test_not_done_is_done_again(job, status):
    finish(job, status=status)
    assert check_earlier([job], SETTINGS, overwrite=False) == ([job], [])


def test_a_missing_result_is_made_again(job):
    finish(job)
    job.outputs.lesions.unlink()
    assert check_earlier([job], SETTINGS, overwrite=False) == ([job], [])


def test_a_mask_corrected_by_hand_is_never_replaced_in_silence(job):
    finish(job, mask_sha256=hashlib.sha256(b"result").hexdigest())
    assert warn_of_changed_masks([job]) == ()
    correction = nib.Nifti1Image(np.ones((2, 3, 4), np.uint8), np.eye(4))
    correction.to_filename(job.outputs.mask)
    assert check_earlier([job], SETTINGS, overwrite=False) == ([], [job])
    (warning,) = warn_of_changed_masks([job])
    assert str(job.outputs.mask) in warning
    job.outputs.lesions.unlink()
    with pytest.raises(UserError, match=r"correction by hand.*lesions\.csv"):
        check_earlier([job], SETTINGS, overwrite=False)
    assert check_earlier([job], SETTINGS, overwrite=True) == ([job], [])


def test_a_torn_mask_is_not_taken_for_a_correction(job):
    finish(job, mask_sha256=hashlib.sha256(b"result").hexdigest())
    job.outputs.mask.write_bytes(b"resu")
    with pytest.raises(UserError, match=r"no mask any more.*X_mask"):
        check_earlier([job], SETTINGS, overwrite=False)
    assert check_earlier([job], SETTINGS, overwrite=True) == ([job], [])


@pytest.mark.parametrize(
    "other",
    [
        Settings("unet-2", 0.5, 0.0),
        Settings("unet-1", 0.25, 0.0),
        Settings("unet-1", 0.5, 3.0),
    ],
)
def test_other_settings_are_refused(job, other):
    finish(job)
    with pytest.raises(UserError, match="--overwrite"):
        check_earlier([job], other, overwrite=False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "other"}'])
def test_a_damaged_record_protects_the_files(job, content):
    finish(job)
    job.outputs.record.write_text(content)
    assert records.read_record(job.outputs.record) is None
    with pytest.raises(UserError, match="without a record"):
        check_earlier([job], SETTINGS, overwrite=False)


def test_identity_is_that_of_the_results():
    info = ModelInfo(
        network="unet",
        network_arguments={"side": 32},
        preprocess=PreprocessConfig(side=32),
        members=(Member("a.h5"),),
        files={"a.h5": "0" * 64},
    )
    name = model_identity(info)
    assert name.startswith("unet-")
    same = dataclasses.replace(info, threshold=0.1, scores={"val_dice": 1.0})
    assert model_identity(same) == name
    for change in (
        {"files": {"a.h5": "1" * 64}},
        {"network_arguments": {"side": 64}},
        {"preprocess": PreprocessConfig(side=32, padding="background")},
    ):
        assert model_identity(dataclasses.replace(info, **change)) != name


@pytest.mark.parametrize(
    ("row", "precision", "is_done"),
    [
        ({"precision": "bf16"}, "bf16", True),
        ({"precision": "bf16"}, "fp32", False),
        ({}, "fp32", True),
        ({}, "bf16", False),
    ],
)
def test_a_precision_that_is_asked_for_has_to_be_that_of_the_result(
    job, row, precision, is_done
):
    finish(job, row=row)
    if is_done:
        assert check_earlier(
            [job], SETTINGS, overwrite=False, precision=precision
        ) == ([], [job])
        return
    with pytest.raises(UserError, match=f"this run has {precision}"):
        check_earlier([job], SETTINGS, overwrite=False, precision=precision)
