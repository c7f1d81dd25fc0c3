import json
import logging
import os

import pytest

from data_prep.cases import find_cases, find_images
from data_prep.cases.case import Case
from data_prep.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paths(cases):
    return [case.relative_path for case in cases]


def test_case_goes_through_json():
    case = Case("01", (("flair", "/a.nii"), ("t1", "/b.nii")), session="2")
    text = json.dumps(case.to_json())
    assert Case.from_json(json.loads(text)) == case
    assert case.flair == "/a.nii"
    with pytest.raises(ValueError, match="'flair'"):
        _ = Case("01", (("t1", "/b.nii"),)).flair


def test_folder_of_subject_folders(tmp_path):
    touch(
        tmp_path,
        "p1/T2_FLAIR.nii.gz",
        "p1/T1.nii.gz",
        "p1/lesion_mask.nii.gz",
        "p1/brain_mask.nii.gz",
        "p2/deep/er/p2_flair.nii",
        "p3/T1.nii.gz",
        ".p4/FLAIR.nii.gz",
    )
    said = []
    first, second = find_cases(tmp_path, warn=said.append)
    assert first == Case(
        subject_id="p1",
        images=(("flair", str(tmp_path / "p1/T2_FLAIR.nii.gz")),),
        mask=str(tmp_path / "p1/lesion_mask.nii.gz"),
        relative_path="p1/T2_FLAIR.nii.gz",
    )
    assert (second.subject_id, second.mask) == ("p2", None)
    assert second.relative_path == "p2/deep/er/p2_flair.nii"
    assert said == [f"{tmp_path}/p3: no FLAIR volume, left out"]


def test_ambiguous_subject_folders_are_all_listed(tmp_path):
    touch(
        tmp_path,
        "p1/a_FLAIR.nii",
        "p1/b_FLAIR.nii",
        "p2/FLAIR.nii",
        "p2/mask.nii",
        "p2/wmh.nii",
    )
    with pytest.raises(UserError) as info:
        find_cases(tmp_path)
    assert "p1: 2 FLAIR files (a_FLAIR.nii, b_FLAIR.nii)" in str(info.value)
    assert "p2: 2 mask files (mask.nii, wmh.nii)" in str(info.value)


def test_own_output_beside_a_flair_is_no_reference(tmp_path):
    touch(tmp_path, "p1/FLAIR.nii.gz", "p1/FLAIR_mask.nii.gz")
    (case,) = find_cases(tmp_path)
    assert case.mask is not None
    touch(tmp_path, "p1/FLAIR_probability.nii.gz")
    (case,) = find_cases(tmp_path)
    assert case.mask is None


def test_layout_of_the_wmh_challenge(tmp_path):
    for subject in ("Utrecht/0", "Amsterdam/GE3T/100"):
        touch(
            tmp_path,
            f"{subject}/pre/FLAIR.nii.gz",
            f"{subject}/pre/T1.nii.gz",
            f"{subject}/orig/FLAIR.nii.gz",
            f"{subject}/orig/3DT1_mask.nii.gz",
            f"{subject}/wmh.nii.gz",
        )
    cases = find_cases(tmp_path)
    assert [(case.site, case.subject_id) for case in cases] == [
        ("Amsterdam", "100"),
        ("Utrecht", "0"),
    ]
    assert cases[1].relative_path == "Utrecht/0/pre/FLAIR.nii.gz"
    assert cases[1].mask == str(tmp_path / "Utrecht/0/wmh.nii.gz")


def test_sub_folders_of_sites_are_never_taken_for_subjects(tmp_path):
    # Else one person's visits could land in different splits.
    touch(tmp_path, "anna/2019/FLAIR.nii", "anna/2020/FLAIR.nii")
    with pytest.raises(UserError, match="anna: 2 FLAIR files"):
        find_cases(tmp_path)


@pytest.mark.parametrize("find", [find_cases, find_images])
def test_nothing_found_says_what_was_looked_for(tmp_path, find):
    with pytest.raises(UserError, match="no such file"):
        find(tmp_path / "absent")
    with pytest.raises(UserError, match=r"expected .*DICOM"):
        find(tmp_path)
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="expected a NIfTI file"):
        find(tmp_path / "notes.txt")


@pytest.mark.parametrize("find", [find_cases, find_images])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"sc\xff/FLAIR.nii", r"\\xff"),
        (b"anna/FLAIR_\xff.nii", r"\\xff"),
        (b"anna/new\nFLAIR.nii", r"\\x0a"),
    ],
)
def test_names_that_are_no_text_are_told_at_once(tmp_path, find, name, shown):
    """Records and tables are text, and could not be written later on."""
    try:
        touch(tmp_path, os.fsdecode(name))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(UserError, match=rf"{shown}.*rename") as caught:
        find(tmp_path)
    str(caught.value).encode()  # the message itself can be printed


def test_letters_beyond_ascii_are_text(tmp_path):
    touch(tmp_path, "Müller/FLAIR_日.nii")
    assert [case.subject_id for case in find_cases(tmp_path)] == ["Müller"]


def test_only_masks_in_a_folder_says_so(tmp_path):
    touch(tmp_path, "a_mask.nii", "b_seg.nii")
    with pytest.raises(UserError, match="none but 2 whose names say mask"):
        find_images(tmp_path)


def test_an_empty_folder_has_no_masks_to_speak_of(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="found none there or below; is it"):
        find_images(tmp_path)


def test_mask_derivative_needs_a_data_set(tmp_path):
    touch(tmp_path, "p1/FLAIR.nii")
    with pytest.raises(UserError, match="needs a BIDS data set"):
        find_cases(tmp_path, mask_derivative="manual")


def test_manifests_are_dispatched(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "subject_id,flair,mask,exclude_reason\n1,a.nii,m.nii,\n2,b.nii,,old\n"
    )
    first, second = find_cases(path)
    assert first.mask == str(tmp_path / "m.nii")
    assert second.exclude_reason == "old"
    said = []
    (case,) = find_images(path, warn=said.append)
    assert (case.subject_id, case.mask) == ("1", None)
    assert said == ["sub-2: excluded (old)"]
    path.write_text("subject_id,flair,exclude_reason\n1,a.nii,old\n")
    with pytest.raises(UserError, match="all 1 volumes are excluded"):
        find_images(path)


def test_one_file_is_taken_whatever_its_name(tmp_path):
    touch(tmp_path, "brain_mask.nii.gz", "sub-7_ses-2_FLAIR.nii")
    (case,) = find_images(str(tmp_path / "brain_mask.nii.gz"))
    assert (case.subject_id, case.relative_path) == (
        "brain_mask",
        "brain_mask.nii.gz",
    )
    (case,) = find_images(tmp_path / "sub-7_ses-2_FLAIR.nii")
    assert case.volume_id == "sub-7_ses-2"


def test_relative_input_gives_absolute_paths(tmp_path, monkeypatch):
    touch(tmp_path, "x/FLAIR.nii")
    monkeypatch.chdir(tmp_path / "x")
    assert find_images(".")[0].flair == str(tmp_path / "x/FLAIR.nii")
    assert find_images("FLAIR.nii")[0].flair == str(tmp_path / "x/FLAIR.nii")


def test_folder_with_flairs_gives_these_alone(tmp_path):
    touch(
        tmp_path,
        "b/scan_FLAIR.nii.gz",
        "b/T1.nii.gz",
        "a/x/p_flair.nii",
        "a/x/p_flair_mask.nii.gz",
        "a/x/p_flair_probability.nii.gz",
        "a/x/p_flair_uncertainty.nii.gz",
        "a/._p_flair.nii",
    )
    cases = find_images(tmp_path)
    assert paths(cases) == ["a/x/p_flair.nii", "b/scan_FLAIR.nii.gz"]
    assert [case.subject_id for case in cases] == [
        "a_x_p_flair",
        "b_scan_FLAIR",
    ]


def test_folder_without_flairs_gives_all_but_masks_and_maps(tmp_path):
    touch(
        tmp_path,
        "p1.nii.gz",
        "p2.nii",
        "p2_mask.nii.gz",
        "p2_probability.nii.gz",
        "p2_uncertainty.nii.gz",
        "p2_lesions.csv",
        "labels/p1.nii.gz",
    )
    assert paths(find_images(tmp_path)) == ["p1.nii.gz", "p2.nii"]
    # What the user points at is not judged by its own name.
    assert paths(find_images(tmp_path / "labels")) == ["p1.nii.gz"]


def test_ids_in_a_folder_come_from_names_where_they_are_distinct(tmp_path):
    touch(tmp_path, "x/sub-1_FLAIR.nii", "y/sub-1_FLAIR.nii", "sub-2_FLAIR.nii")
    ids = {case.relative_path: case.volume_id for case in find_images(tmp_path)}
    assert ids == {
        "sub-2_FLAIR.nii": "sub-2",
        "x/sub-1_FLAIR.nii": "sub-x_sub-1_FLAIR",
        "y/sub-1_FLAIR.nii": "sub-y_sub-1_FLAIR",
    }


def test_warnings_are_logged_by_default(tmp_path, caplog):
    touch(tmp_path, "p1/FLAIR.nii", "p2/T1.nii")
    with caplog.at_level(logging.WARNING):
        find_cases(tmp_path)
    assert "p2: no FLAIR volume" in caplog.text


def test_real_folder_without_description(realdata_extra_dir):
    cases = find_images(realdata_extra_dir)
    assert len(cases) == 11
    assert cases[0].relative_path.startswith("unlabelled/sub-ljlong01/ses-1/")
    assert cases[0].volume_id == "sub-ljlong01_ses-1"
