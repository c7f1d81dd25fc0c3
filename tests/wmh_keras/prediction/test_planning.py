import dataclasses

import pytest

from data_prep.errors import UserError
from data_prep.files import sha256_of
from wmh_keras.inference.engine import Engine
from wmh_keras.prediction import records
from wmh_keras.prediction.planning import Scans, plan_scans, segment_scans
from wmh_keras.prediction.records import Record, Settings
from wmh_keras.prediction.scan import RunInfo

SETTINGS = Settings("unet-1", 0.5, 0.0)
RUN = RunInfo(SETTINGS, Engine("none"))


@pytest.fixture
def scans(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "A_FLAIR.nii.gz").write_bytes(b"an image")
    return Scans(tmp_path / "in", tmp_path / "out", summarize=False)


@pytest.fixture
def plan(scans):
    return plan_scans(scans, SETTINGS, channels=("flair",))


def finish(job, settings):
    """Does what another process would, between plan and work."""
    for path in job.outputs.results:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"result")
    records.write_record(
        Record(
            status=records.DONE,
            input_sha256=sha256_of(job.case.flair),
            settings=settings.to_json(),
            row={"file": "A_FLAIR.nii.gz"},
            files={path.stem: path.name for path in job.outputs.results},
            path=job.outputs.record,
        )
    )


def no_segmenter():
    pytest.fail("nothing is to be segmented")


def test_what_another_process_has_done_meanwhile_is_not_done_again(scans, plan):
    (job,) = plan.waiting
    finish(job, SETTINGS)
    result = segment_scans(scans, plan, no_segmenter, RUN)
    assert (len(result.segmented), result.num_skipped) == (0, 1)


def test_what_another_process_gave_otherwise_meanwhile_is_kept(scans, plan):
    (job,) = plan.waiting
    finish(job, dataclasses.replace(SETTINGS, threshold=0.25))
    with pytest.raises(UserError, match="results that this run would not give"):
        segment_scans(scans, plan, no_segmenter, RUN)
    assert job.outputs.mask.read_bytes() == b"result"


def test_subjects_without_flair_are_told_of_where_nobody_is_named(tmp_path):
    for name in ("sub-1/anat/sub-1_FLAIR.nii", "sub-2/anat/sub-2_T1w.nii"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    plan = plan_scans(
        Scans(tmp_path, tmp_path / "derivatives" / "x"),
        SETTINGS,
        channels=("flair",),
    )
    assert plan.warnings == ("sub-2: no FLAIR volume, left out",)


def test_a_name_too_long_for_its_results_is_told_before_any(scans):
    image = scans.input_path / f"{'a' * 220}_FLAIR.nii.gz"
    image.write_bytes(b"an image")
    with pytest.raises(UserError, match=r"shorter name.*rename"):
        plan_scans(scans, SETTINGS, channels=("flair",))
