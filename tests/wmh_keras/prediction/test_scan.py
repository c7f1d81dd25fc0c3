from types import SimpleNamespace

import pytest

from data_prep.cases.case import Case
from wmh_keras.inference.engine import Engine
from wmh_keras.prediction.records import Settings
from wmh_keras.prediction.scan import fail_scan


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
