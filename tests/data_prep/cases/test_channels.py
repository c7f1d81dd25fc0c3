"""Which file is the T1 of a FLAIR, and when nobody can tell."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from data_prep.cases import find_cases, find_images
from data_prep.cases.channels import relative_channels
from data_prep.cases.listing import is_role_name
from data_prep.errors import UserError

CHANNELS = ("flair", "t1")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def t1_of(case):
    """The T1's name, or why there is none."""
    path = dict(case.images).get("t1")
    return Path(path).name if path else dict(case.missing)["t1"]


def find_both(path):
    """What preparing and predicting find of one case: the same."""
    (one,) = find_cases(path, channels=CHANNELS)
    (other,) = find_images(path, channels=CHANNELS)
    assert t1_of(one) == t1_of(other)
    assert one.images[0] == ("flair", one.flair)
    return one


@pytest.mark.parametrize(
    ("flair", "others", "expected"),
    [
        ("sub-1_FLAIR", ["sub-1_T1w"], "sub-1_T1w"),
        ("sub-1_acq-ax_FLAIR", ["sub-1_acq-3d_T1w"], "sub-1_acq-3d_T1w"),
        ("sub-1_FLAIR", ["sub-1_run-2_T1w"], "sub-1_run-2_T1w"),
        (
            "sub-1_run-1_FLAIR",
            ["sub-1_run-01_T1w", "sub-1_run-2_T1w", "sub-1_T1w"],
            "sub-1_run-01_T1w",
        ),
        (
            "sub-1_FLAIR",
            ["sub-1_T1w", "sub-1_space-FLAIR_T1w", "sub-1_space-MNI_T1w"],
            "sub-1_space-FLAIR_T1w",
        ),
        ("sub-1_FLAIR", ["sub-1_T1w", "sub-1_space-MNI_T1w"], "sub-1_T1w"),
        ("sub-1_FLAIR", ["sub-2_T1w", "sub-1_T2w"], "found no image"),
        ("sub-1_run-1_FLAIR", ["sub-1_run-2_T1w"], "found no image"),
        ("sub-1_FLAIR", ["sub-1_ses-2_T1w"], "found no image"),
        (
            "sub-1_FLAIR",
            ["sub-1_acq-a_T1w", "sub-1_ce-gd_T1w"],
            "found 2 that can be it (sub-1_acq-a_T1w.nii, sub-1_ce-gd_T1w.nii)",
        ),
    ],
)
def test_bids(tmp_path, flair, others, expected):
    names = [flair, *others]
    touch(tmp_path, *(f"sub-1/anat/{name}.nii" for name in names))
    case = find_both(tmp_path)
    assert expected in t1_of(case)
    assert Path(case.flair).name == f"{flair}.nii"
    if case.missing:
        assert "CSV manifest with a column t1" in t1_of(case)
        assert case.images == (("flair", case.flair),)


def test_several_roles_come_in_the_order_of_the_channels(tmp_path):
    for suffix in ("FLAIR", "T1w", "T2w", "PDw"):
        touch(tmp_path, f"sub-1/ses-1/anat/sub-1_ses-1_{suffix}.nii.gz")
    (case,) = find_images(tmp_path, channels=("flair", "pd", "t2", "t1"))
    assert [role for role, _ in case.images] == ["flair", "pd", "t2", "t1"]
    assert relative_channels(case) == {
        role: f"sub-1/ses-1/anat/sub-1_ses-1_{role.upper()}w.nii.gz"
        for role in ("pd", "t2", "t1")
    }
    hidden = dataclasses.replace(case, relative_path="")  # a pseudonym's
    assert set(relative_channels(hidden).values()) == {""}
    (alone,) = find_images(tmp_path)
    assert alone.images == case.images[:1]
    assert alone.missing == ()


def test_manifest(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("subject_id,flair,t1\n1,a/f.nii,a/x.nii\n2,b/f.nii,\n")
    first, second = find_cases(path, channels=CHANNELS)
    assert first.images[1] == ("t1", str(tmp_path / "a/x.nii"))
    assert relative_channels(first) == {"t1": "a/x.nii"}
    assert "manifest's column t1" in t1_of(second)
    # One manifest serves a recipe with the FLAIR alone as well.
    assert find_images(path)[0].images == first.images[:1]
    with pytest.raises(UserError, match="does not have t2"):
        find_images(path, channels=("flair", "t2"))
    with pytest.raises(UserError, match="site cannot be a channel"):
        find_images(path, channels=("flair", "site"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["FLAIR", "T1", "T1_mask", "T2"], "T1"),
        (["p_T2_FLAIR", "p_3DT1", "p_T1ce"], "p_3DT1"),
        (["p_FLAIR", "p_T1_to_FLAIR"], "p_T1_to_FLAIR"),
        (["FLAIR", "T1", "3DT1"], "T1"),
        (["FLAIR", "T1", "orig/T1"], "T1"),
        (["FLAIR", "anat/t1w"], "t1w"),
        (["FLAIR", "T1_csf"], "found no image"),
        (["p_FLAIR", "p_T1", "p_3DT1"], "found 2 that can be it"),
    ],
)
def test_folder_of_subjects(tmp_path, names, expected):
    touch(tmp_path, *(f"p/{name}.nii.gz" for name in names))
    assert expected in t1_of(find_both(tmp_path))


def test_layout_of_the_wmh_challenge(tmp_path):
    names = ("pre/FLAIR", "pre/T1", "orig/FLAIR", "orig/T1", "orig/3DT1", "wmh")
    touch(tmp_path, *(f"Utrecht/0/{name}.nii.gz" for name in names))
    (case,) = find_cases(tmp_path, channels=CHANNELS)
    assert relative_channels(case) == {"t1": "Utrecht/0/pre/T1.nii.gz"}
    found = find_images(tmp_path / "Utrecht/0", channels=CHANNELS)
    assert [relative_channels(case)["t1"] for case in found] == [
        "orig/T1.nii.gz",
        "pre/T1.nii.gz",
    ]


def test_a_flat_folder_is_matched_by_names_and_never_by_order(tmp_path):
    touch(
        tmp_path,
        "p1_FLAIR.nii",
        "p1_T1.nii",
        "p1_b_FLAIR.nii",
        "p2_T2_FLAIR.nii",
        "p2_T1_to_FLAIR.nii",
        "p2_extra.nii",
    )
    said = []
    cases = find_images(tmp_path, channels=CHANNELS, warn=said.append)
    assert {c.relative_path: t1_of(c)[:18] for c in cases} == {
        "p1_FLAIR.nii": "p1_T1.nii",
        "p1_b_FLAIR.nii": "found no image; ex",
        "p2_T2_FLAIR.nii": "p2_T1_to_FLAIR.nii",
    }
    (warning,) = said  # of what is used, nothing is said
    assert "passed over 1 images" in warning


def test_a_t1_is_never_another_scan_to_segment(tmp_path):
    touch(tmp_path, "a/p1.nii", "a/p1_T1.nii", "b/p2.nii", "b/3DT1_p2.nii")
    cases = find_images(tmp_path, channels=CHANNELS)
    assert [(c.relative_path, t1_of(c)) for c in cases] == [
        ("a/p1.nii", "p1_T1.nii"),
        ("b/p2.nii", "3DT1_p2.nii"),
    ]


def test_one_file_needs_its_images_named(tmp_path):
    touch(tmp_path, "p1.nii", "p1_T1.nii", "list.csv")
    flair, t1 = tmp_path / "p1.nii", tmp_path / "p1_T1.nii"
    (case,) = find_images(flair, channels=CHANNELS, images={"t1": t1})
    assert case.images == (("flair", str(flair)), ("t1", str(t1)))
    (case,) = find_images(flair, channels=CHANNELS)
    assert "--image=t1=FILE" in t1_of(case)
    with pytest.raises(UserError, match="no such file"):
        find_images(flair, channels=CHANNELS, images={"t1": "absent.nii"})
    with pytest.raises(UserError, match=r"takes \(t1\)"):
        find_images(flair, channels=CHANNELS, images={"t2": t1})
    with pytest.raises(UserError, match="none beside the FLAIR"):
        find_images(flair, images={"t1": t1})
    with pytest.raises(UserError, match="goes with a single NIfTI file"):
        find_images(tmp_path, channels=CHANNELS, images={"t1": t1})


def test_flair_and_t1_the_wrong_way_round(tmp_path):
    touch(tmp_path, "p1_FLAIR.nii", "p1_T1w.nii", "p1.nii")
    flair, t1 = tmp_path / "p1_FLAIR.nii", tmp_path / "p1_T1w.nii"
    with pytest.raises(UserError, match="the other way round"):
        find_images(t1, channels=CHANNELS, images={"t1": flair})
    warnings = []
    find_images(t1, warn=warnings.append)
    assert warnings == [f"{t1}: taken for the FLAIR, though its name says T1"]
    for name in (flair, tmp_path / "p1.nii"):
        find_images(name, warn=warnings.append)
    assert len(warnings) == 1


@pytest.mark.parametrize("find", [find_cases, find_images])
@pytest.mark.parametrize("where", ["", "p1"])
def test_dicom_is_told_to_be_converted_first(tmp_path, find, where):
    pydicom = pytest.importorskip("pydicom")
    example = pydicom.examples.get_path("mr")
    for folder in ("p1", "p2"):
        (tmp_path / folder).mkdir()
        shutil.copy(example, tmp_path / folder / "1.dcm")
    with pytest.raises(UserError, match="not the t1; convert the series"):
        find(tmp_path / where, channels=CHANNELS)


@pytest.mark.parametrize(
    ("name", "role", "expected"),
    [
        ("T1.nii", "t1", True),
        ("sub-1_T1w.nii.gz", "t1", True),
        ("x-3DT1-y.nii", "t1", True),
        ("T1_FLAIR.nii", "t1", True),
        ("FLAIR_to_T1.nii", "t1", False),
        ("T2_FLAIR.nii", "t2", False),
        ("T2w.nii", "t2", True),
        ("T2star.nii", "t2", False),
        ("T1_lesion_mask.nii", "t1", False),
        ("T1gd.nii", "t1", False),
        ("pat1.nii", "t1", False),
    ],
)
def test_names_of_a_role(name, role, expected):
    assert is_role_name(name, role) == expected
