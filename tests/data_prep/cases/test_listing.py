import json
import os
from pathlib import Path

import pytest

from data_prep.cases import find_cases, find_images
from data_prep.cases.listing import (
    is_derived_name,
    is_flair_name,
    is_mask_name,
    is_own_folder,
    list_images,
)
from data_prep.errors import UserError

FLAIRS = [
    "FLAIR.nii.gz",
    "sub-01_ses-1_FLAIR.nii.gz",
    "p1_flair.nii",
    "mslesseg07_FLAIR.nii.gz",  # holds "seg" and "les"
    "WMH007_FLAIR.nii.gz",
    "lesionstudy_12_T2_FLAIR.nii.gz",
    "3D_FLAIR_brain.nii.gz",
    "FLAIR_to_T1.nii.gz",
    "probe5_FLAIR.nii.gz",
]
MASKS = [
    "mask.nii.gz",
    "wmh.nii.gz",
    "FLAIR_mask.nii.gz",
    "mask_FLAIR.nii.gz",
    "sub-01_FLAIR_label-WMH_mask.nii.gz",
    "FLAIRlesions.nii",
    "p1-lesion-seg.nii.gz",
    "labels.nii.gz",
    "manual_segmentation2.nii.gz",
    "lesionmask01.nii.gz",
]
NEITHER = [
    "T1.nii.gz",
    "T1_FLAIR.nii.gz",
    "T1w_to_FLAIR.nii.gz",
    "brain_mask.nii.gz",
    "FLAIR_brainmask.nii.gz",
    "3DT1_mask.nii.gz",
    "p1_probability.nii.gz",
    "p1_uncertainty.nii.gz",
    "p1_FLAIR_uncertainty.nii.gz",
    "FLAIR_lesion_prob.nii.gz",
    "csf_seg.nii.gz",
]


@pytest.mark.parametrize("name", FLAIRS)
def test_names_of_flairs(name):
    assert is_flair_name(name)
    assert not is_mask_name(name)
    assert not is_derived_name(name)


@pytest.mark.parametrize("name", MASKS)
def test_names_of_masks(name):
    assert is_mask_name(name)
    assert is_derived_name(name)
    assert not is_flair_name(name)


@pytest.mark.parametrize("name", NEITHER)
def test_names_of_neither(name):
    assert not is_flair_name(name)
    assert not is_mask_name(name)


def test_hidden_files_and_own_output_are_passed_over(tmp_path):
    own = tmp_path / "derivatives" / "wmh-keras"
    for name in (
        "b/x_FLAIR.nii.gz",
        "a/y.nii",
        "a/._y.nii",
        "a/.tmp-12-y.nii",
        ".incomplete-7/z.nii.gz",
        "a/y_mask.nii.gz",
        "a/y_probability.nii.gz",
        "a/other_mask.nii.gz",
        "a/table.csv",
        "derivatives/wmh-keras/sub-1_mask.nii.gz",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    description = {"GeneratedBy": [{"Name": "wmh-keras"}]}
    (own / "dataset_description.json").write_text(json.dumps(description))
    assert is_own_folder(own)
    found = [p.relative_to(tmp_path).as_posix() for p in list_images(tmp_path)]
    # other_mask has no probability map beside it, so it may be a reference.
    assert found == ["a/other_mask.nii.gz", "a/y.nii", "b/x_FLAIR.nii.gz"]


def test_a_broken_link_is_listed_for_the_checks_to_report(tmp_path):
    (tmp_path / "FLAIR.nii.gz").symlink_to(tmp_path / "annex" / "key")
    assert [p.name for p in list_images(tmp_path)] == ["FLAIR.nii.gz"]


def test_linked_folders_are_entered_once(tmp_path):
    (tmp_path / "store" / "p1").mkdir(parents=True)
    (tmp_path / "store" / "p1" / "FLAIR.nii").touch()
    (tmp_path / "store" / "loop").symlink_to(tmp_path / "store")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p1").symlink_to(tmp_path / "store" / "p1")
    (tmp_path / "in" / "p2").symlink_to(tmp_path / "store")
    assert list_images(tmp_path / "in") == [tmp_path / "in/p1/FLAIR.nii"]
    assert list_images(tmp_path / "store") == [tmp_path / "store/p1/FLAIR.nii"]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"GeneratedBy": null}', '{"GeneratedBy": 3}', "[" * 100_000],
)
def test_a_damaged_description_is_nobodys(tmp_path, text):
    (tmp_path / "dataset_description.json").write_text(text)
    assert not is_own_folder(tmp_path)


def close(monkeypatch, closed):
    """Lets the system refuse a folder; to the superuser it never does."""
    scandir = os.scandir

    def refuse(folder="."):
        if Path(folder) == closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.parametrize("find", [find_cases, find_images])
@pytest.mark.parametrize(
    ("flairs", "closed"),
    [
        (("anna/FLAIR.nii", "bert/FLAIR.nii"), "bert"),
        (("sub-1/anat/sub-1_FLAIR.nii", "sub-2/anat/sub-2_FLAIR.nii"), "sub-2"),
        (
            ("sub-1/anat/sub-1_FLAIR.nii", "sub-2/anat/sub-2_FLAIR.nii"),
            "sub-2/anat",
        ),
    ],
)
def test_a_folder_that_cannot_be_read_is_never_left_out_silently(
    tmp_path, monkeypatch, find, flairs, closed
):
    for name in flairs:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert len(find(tmp_path)) == 2
    close(monkeypatch, tmp_path / closed)
    with pytest.raises(UserError, match=rf"{closed}: .*Permission denied"):
        find(tmp_path)
