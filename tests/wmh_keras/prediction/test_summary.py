import csv

import pytest

from wmh_keras.prediction.records import DONE, Record, write_record
from wmh_keras.prediction.summary import VOLUME_COLUMNS, write_summary

# A scan in which nothing was found.
ROW = {
    "volume_ml": 0.0,
    "lesions": 0,
    "seconds": 1.0,
    "model_name": "wmh-robust-1 1.0",
    "model_checksum": "0a1b2c3d4e5f",
}
NOT_THE_SAME = "not all segmented by the same model"


@pytest.fixture
def summarize(tmp_path):
    """Writes records, given as changes of ROW and the model; gives the page."""

    def write(*scans):
        for index, (model, changes) in enumerate(scans):
            settings = {"model": model, "threshold": 0.5, "min_lesion_mm3": 0}
            row = {**ROW, "file": f"{index}.nii", **changes}
            row = {name: value for name, value in row.items() if value != ""}
            path = tmp_path / f"{index}_prediction.json"
            write_record(Record(DONE, "", settings, row, path=path))
        write_summary(tmp_path)
        return (tmp_path / "index.html").read_text(encoding="utf-8")

    return write


def test_page_and_table_name_model_version_and_checksum(summarize, tmp_path):
    page = summarize(("unet-1", {}))
    assert "model wmh-robust-1 1.0 (unet-1, checksum 0a1b2c3d4e5f)" in page
    with open(tmp_path / "volumes.csv", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert tuple(row) == VOLUME_COLUMNS
    assert list(row)[-2:] == ["unlike_training", "model_checksum"]
    assert row["model_checksum"] == ROW["model_checksum"]
    assert NOT_THE_SAME not in page


def test_records_of_earlier_versions_have_no_checksum(summarize, tmp_path):
    earlier = {"model_name": "wmh-robust-1", "model_checksum": ""}
    page = summarize(("unet-1", earlier), ("unet-1", {}))
    assert "model wmh-robust-1 (unet-1), wmh-robust-1 1.0 (unet-1, " in page
    assert NOT_THE_SAME not in page  # only called otherwise
    with open(tmp_path / "volumes.csv", newline="") as stream:
        first, _ = csv.DictReader(stream)
    assert first["model_checksum"] == ""


def test_a_model_without_a_name_has_a_checksum(summarize):
    page = summarize(("unet-1", {"model_name": ""}))
    assert "model unet-1 (checksum 0a1b2c3d4e5f)" in page


def test_other_weights_are_another_model(summarize):
    assert NOT_THE_SAME in summarize(("unet-1", {}), ("unet-2", {}))
