from types import SimpleNamespace

import pytest

from data_prep.cases.case import Case
from wmh_keras.inference.engine import Engine
from wmh_keras.prediction.outputs import plan_jobs
from wmh_keras.prediction.records import Settings
from wmh_keras.prediction.scan import (
    LoadedScan,
    RunInfo,
    fail_scan,
    segment_scan,
)
from wmh_keras.prediction.summary import write_summary


@pytest.mark.parametrize(
    ("flair", "message", "stored"),
    [
        ("/home/in/a/x.nii", "/home/in/a/x.nii: bad", "a/x.nii: bad"),
        ("/home/in/a/x.nii", "bad", "a/x.nii: bad"),
        (
            "in/a/x.nii",
            "in/a/x.nii: t1: none in 'in/a', main/b: full",
            "a/x.nii: t1: none in 'a', main/b: full",
        ),
        ("a/x.nii", "a/x.nii: bad, ../b", "a/x.nii: bad, ../b"),
    ],
)
def test_stored_messages_name_files_below_the_input(
    tmp_path, flair, message, stored
):
    outputs = SimpleNamespace(results=[], record=tmp_path / "record.json")
    case = Case("x", (("flair", flair),), relative_path="a/x.nii")
    run = SimpleNamespace(
        settings=Settings("m", 0.5, 0.0),
        model_name="m",
        model_checksum="",
        engine=Engine("openvino", "fp32"),
    )
    job = SimpleNamespace(case=case, outputs=outputs)
    record = fail_scan(job, run, OSError(message))
    assert record.row["error"] == stored
    assert stored in (tmp_path / "record.json").read_text()


def test_the_page_of_an_interrupted_scan_names_its_model_in_full(tmp_path):
    class Segmenter:
        def segment(self, images, on_progress):
            raise KeyboardInterrupt

    case = Case("x", (("flair", "x.nii"),), relative_path="x.nii")
    (job,) = plan_jobs([case], tmp_path, is_bids=False)
    run = RunInfo(
        Settings("unet-1", 0.5, 0.0),
        Engine("none"),
        model_name="robust 1.0",
        model_checksum="0a1b",
    )
    scan = LoadedScan((), "00", 0.0)
    with pytest.raises(KeyboardInterrupt):
        segment_scan(job, scan, Segmenter(), run)
    write_summary(tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "interrupted" in page
    assert "model robust 1.0 (unet-1, checksum 0a1b)" in page
