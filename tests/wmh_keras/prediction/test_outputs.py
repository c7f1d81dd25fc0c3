from pathlib import Path

import pytest

from data_prep.cases.case import Case
from data_prep.errors import UserError
from wmh_keras.prediction.outputs import plan_jobs


def case(relative, root="/in"):
    return Case(
        subject_id="01",
        images=(("flair", f"{root}/{relative}"),),
        relative_path=relative,
    )


def mask_names(*relative, is_bids=False):
    jobs = plan_jobs([case(r) for r in relative], "/out", is_bids=is_bids)
    return [str(job.outputs.mask) for job in jobs]


def test_plain_names_mirror_the_folders():
    assert mask_names("a/b/X.nii.gz", "a/X.NII", "X.y.nii") == [
        "/out/a/b/X_mask.nii.gz",
        "/out/a/X_mask.nii.gz",
        "/out/X.y_mask.nii.gz",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub-1_FLAIR.nii", "sub-1_label-WMH_mask.nii.gz"),
        ("sub-1_ses-2_run-3_FLAIR.nii.gz", "sub-1_ses-2_run-3_label-WMH_mask"),
        ("sub-1_acq-ax_FLAIR.nii.gz", "sub-1_acq-ax_label-WMH_mask.nii.gz"),
        ("sub-1_desc-x_FLAIR.nii.gz", "sub-1_label-WMH_desc-x_mask.nii.gz"),
    ],
)
def test_bids_names(name, expected):
    (path,) = mask_names(f"sub-1/anat/{name}", is_bids=True)
    assert path.startswith(f"/out/sub-1/anat/{expected}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub-1_FLAIR.nii", "sub-1_label-WMH_desc-disagreement_probseg"),
        (
            "sub-1_desc-x_FLAIR.nii",
            "sub-1_label-WMH_desc-xDisagreement_probseg",
        ),
    ],
)
def test_the_uncertainty_in_bids_has_a_description(name, expected):
    (job,) = plan_jobs([case(name)], "/out", is_bids=True)
    assert job.outputs.uncertainty == Path(f"/out/{expected}.nii.gz")
    assert job.outputs.of_ensembles == (
        Path(f"/out/{expected}.nii.gz"),
        Path(f"/out/{expected}.json"),
    )
    assert set(job.outputs.of_ensembles) < set(job.outputs.results)


def test_no_uncertainty_replaces_a_probability():
    both = [case("sub-1_FLAIR.nii"), case("sub-1_desc-disagreement_FLAIR.nii")]
    with pytest.raises(UserError, match=r"both would write .*_desc-dis"):
        plan_jobs(both, "/out", is_bids=True)


def test_collisions_are_all_listed():
    with pytest.raises(UserError) as caught:
        mask_names("X.nii", "X.nii.gz", "b/Y.nii", "b/Y.nii.gz", "Z.nii")
    assert str(caught.value).count("both would write") == 2
    assert "Z" not in str(caught.value)


def test_an_input_is_never_an_output(tmp_path):
    both = [
        case("X.nii.gz", str(tmp_path)),
        case("X_mask.nii.gz", str(tmp_path)),
    ]
    with pytest.raises(UserError, match="would replace"):
        plan_jobs(both, tmp_path, is_bids=False)


@pytest.mark.parametrize("relative", ["../X.nii", "a/../../X.nii", "/X.nii"])
def test_nothing_leaves_the_output_folder(relative):
    with pytest.raises(UserError, match="below the input folder"):
        mask_names(relative)


def test_converted_images_are_kept_with_their_results():
    converted = Case(
        subject_id="p",
        images=(("flair", "/elsewhere/p_FLAIR.nii"),),
        relative_path="p/p_FLAIR.nii.gz",
    )
    jobs = plan_jobs(
        [case("X.nii"), converted], "/out", is_bids=False, input_dir=Path("/in")
    )
    assert jobs[0].outputs.flair is None
    assert jobs[1].outputs.flair == Path("/out/p/p_FLAIR.nii.gz")
    assert jobs[1].outputs.flair in jobs[1].outputs.results
