"""The whole way once, as a user goes it: each program in a process."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(module: str, *flags: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", module, *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Everything that the programs leave behind."""
    root = tmp_path_factory.mktemp("all")
    run(
        "data_prep.make_phantoms",
        f"--output_dir={root / 'heads'}",
        "--num_subjects=8",
    )
    run(
        "data_prep.prepare",
        f"--input={root / 'heads/cohort'}",
        f"--data_dir={root / 'data'}",
        "--side=64",
        "--fractions=0.5,0.25,0.25",
    )
    run(
        "wmh_keras.train",
        "--flagfile=wmh_keras/flagfiles/demo.cfg",
        f"--data_dir={root / 'data'}",
        f"--workdir={root / 'run'}",
        "--filters=4,8",
        "--epochs=2",
        "--steps_per_epoch=6",
    )
    run(
        "wmh_keras.evaluate",
        f"--data_dir={root / 'data'}",
        "--split=test",
        f"--model={root / 'run'}",
        f"--output_dir={root / 'evaluation'}",
        "--threshold=0.02",  # so little training gives low probabilities
    )
    run(
        "wmh_keras.predict",
        f"--input={root / 'heads/cohort'}",
        f"--model={root / 'run'}",
        f"--output_dir={root / 'prediction'}",
        "--threshold=0.02",
    )
    return root


def test_every_subject_is_in_one_split(folder):
    rows = rows_of(folder / "data/splits.csv")
    assert len({row["subject_id"] for row in rows}) == len(rows) == 8
    counts = [row["split"] for row in rows]
    assert {s: counts.count(s) for s in set(counts)} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }


def test_training_leaves_model_history_and_picture(folder):
    assert [row["epoch"] for row in rows_of(folder / "run/history.csv")] == [
        "1",
        "2",
    ]
    model = json.loads((folder / "run/model/model.json").read_text())
    assert model["preprocess"]["side"] == 64
    assert len(model["seen_subjects"]) == 6
    assert (folder / "run/curves.png").read_bytes().startswith(b"\x89PNG")


def test_masks_lie_on_their_flair(folder):
    flairs = sorted((folder / "heads/cohort").glob("sub-*/anat/*.nii.gz"))
    assert len(flairs) == 8
    for flair in flairs:
        name = flair.name.replace("_FLAIR", "_label-WMH_mask")
        relative = flair.parent.relative_to(folder / "heads/cohort")
        mask = nib.load(folder / "prediction" / relative / name)
        image = nib.load(flair)
        assert mask.shape == image.shape
        np.testing.assert_array_equal(mask.affine, image.affine)
        assert mask.get_data_dtype() == np.uint8
        assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}


def test_a_model_and_its_files_get_the_same_scores(folder):
    """The model on the test split, and the masks that predict wrote."""
    run(
        "wmh_keras.evaluate",
        f"--references={folder / 'heads/cohort/derivatives/manual'}",
        f"--predictions={folder / 'prediction'}",
        f"--probabilities={folder / 'prediction'}",
        f"--output_dir={folder / 'from_files'}",
    )
    by_model = rows_of(folder / "evaluation/per_patient.csv")
    by_files = {
        row["subject_id"]: row
        for row in rows_of(folder / "from_files/per_patient.csv")
    }
    assert len(by_model) == 2
    assert len(by_files) == 8
    for row in by_model:
        assert float(row["predicted_volume_ml"]) > 0
        assert row == by_files[row["subject_id"]]


def test_the_evaluation_becomes_a_report(folder):
    """Only ratings and a second model are missing; nothing is far away."""
    run(
        "wmh_keras.report",
        f"--evaluations={folder / 'evaluation'}",
        f"--data_dir={folder / 'data'}",
        f"--output_dir={folder / 'report'}",
    )
    missing = {
        entry["name"]
        for kind in ("tables", "figures")
        for entry in json.loads((folder / "report/report.json").read_text())[
            kind
        ]
        if entry["missing"]
    }
    assert missing == {
        "table_5_ratings",
        "table_s3_pairwise_tests",
        "table_s5_rater_pairs",
        "figure_5a_rating_workflow",
    }
    page = (folder / "report/report.html").read_text()
    rows = rows_of(folder / "evaluation/per_patient.csv")
    mean = np.mean([float(row["dice"]) for row in rows])
    assert f"{mean:.3f} ±" in page
    assert "://" not in page
