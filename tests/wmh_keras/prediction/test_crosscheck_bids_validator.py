"""The official validator looks at what wmh-predict writes for a BIDS input."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from data_prep.nifti_writing import write_image
from wmh_keras.predict import cli

pytest.importorskip("bids_validator_deno")

VALIDATE = "from bids_validator_deno import cli; cli()"
# Who made the masks is for the user to say.
FOR_THE_USER = {"TOO_FEW_AUTHORS"}


def issues_of(folder, *options):
    """What the validator finds: (severity, code, file) each.

    The findings in nested data sets are those of `derivativesSummary`.
    """
    result = subprocess.run(
        [sys.executable, "-c", VALIDATE, "--format=json", *options, folder],
        env={**os.environ, "DENO_NO_UPDATE_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.startswith("{"), result.stderr
    found = json.loads(result.stdout)
    nested = found.get("derivativesSummary", {}).values()
    return {
        (issue["severity"], issue["code"], issue.get("location", ""))
        for each in (found, *nested)
        for issue in each["issues"]["issues"]
    }


def errors_in(issues):
    return {issue for issue in issues if issue[0] == "error"}


def predict(source, target, *model_dirs):
    flags = [f"--model={folder}" for folder in model_dirs]
    return cli(
        ["wmh-predict", f"--input={source}", f"--output_dir={target}", *flags]
    )


@pytest.fixture
def bids(tmp_path, make_head):
    """Two subjects: one plain, one with sessions and further entities."""
    root = tmp_path / "raw"
    for name in (
        "sub-01/anat/sub-01_FLAIR.nii.gz",
        "sub-02/ses-1/anat/sub-02_ses-1_acq-ax_rec-x_run-1_FLAIR.nii.gz",
        "sub-02/ses-2/anat/sub-02_ses-2_acq-ax_run-1_part-mag_FLAIR.nii.gz",
    ):
        (root / name).parent.mkdir(parents=True)
        head = make_head()
        write_image(root / name, head.data, head)
    (root / "dataset_description.json").write_text(
        '{"Name": "Heads", "BIDSVersion": "1.8.0", "DatasetType": "raw"}'
    )
    return root


def test_the_validator_does_find_faults(bids):
    (bids / "sub-01" / "anat" / "sub-01_flare.nii.gz").write_bytes(b"x")
    codes = {code for _, code, _ in errors_in(issues_of(bids))}
    assert "NOT_INCLUDED" in codes


def test_a_derivative_of_its_own(bids, bright_model_dir, tmp_path):
    out = tmp_path / "out"
    assert predict(bids, out, bright_model_dir) == 0
    found = issues_of(out)
    assert not errors_in(found)
    assert {code for _, code, _ in found} <= FOR_THE_USER
    # It would say so if it had not looked: without the list of what BIDS has
    # no name for, it complains of just these files.
    (out / ".bidsignore").unlink()
    assert errors_in(issues_of(out))


def test_an_ensemble_s_results_inside_the_raw_data_set(
    bids, bright_model_dir, softer_model_dir
):
    out = bids / "derivatives" / "wmh-keras"
    assert predict(bids, out, bright_model_dir, softer_model_dir) == 0
    assert len(list(out.rglob("*_desc-disagreement_probseg.nii.gz"))) == 3
    assert not errors_in(issues_of(bids))
    found = issues_of(out)
    assert not errors_in(found)
    assert {code for _, code, _ in found} <= FOR_THE_USER
    # Version 3.0.2 of the validator passes over the .bidsignore of a nested
    # data set when it goes into it itself; nothing else may be wrong then.
    ignored = (".csv", ".png", "_prediction.json", ".html")
    for _, _, file in errors_in(issues_of(bids, "--recursive")):
        assert file.endswith(ignored), file


def test_a_readme_that_is_there_is_kept(bids, bright_model_dir, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "README").write_text("Corrected by hand.")
    assert predict(bids, out, bright_model_dir) == 0
    assert (out / "README").read_text() == "Corrected by hand."
    assert not (out / "README.md").exists()


@pytest.mark.parametrize("nested", [False, True])
def test_real_volumes(realdata_dir, bright_model_dir, tmp_path, nested):
    root = tmp_path / "raw"
    for subject in ("sub-tabriz101228", "sub-ljubljana07"):
        shutil.copytree(realdata_dir / subject, root / subject)
    shutil.copy(realdata_dir / "dataset_description.json", root)
    out = root / "derivatives" / "wmh-keras" if nested else tmp_path / "out"
    assert predict(root, out, bright_model_dir) == 0
    assert not errors_in(issues_of(root))
    found = issues_of(out)
    assert not errors_in(found)
    assert {code for _, code, _ in found} <= FOR_THE_USER
