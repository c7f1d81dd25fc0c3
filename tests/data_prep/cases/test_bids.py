import json

import pytest

from data_prep.cases import find_cases, find_images
from data_prep.cases.bids import is_bids_dataset
from data_prep.cases.bids_names import parse_bids_name
from data_prep.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def describe(folder, **content):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dataset_description.json"
    path.write_text(
        json.dumps({"Name": "x", "BIDSVersion": "1.9.0", **content})
    )


def raw(root, *stems):
    for stem in stems:
        parts = stem.split("_")
        folder = "/".join(p for p in parts if p[:4] in ("sub-", "ses-"))
        touch(root, f"{folder}/anat/{stem}_FLAIR.nii.gz")


def mask(root, pipeline, *stems, suffix="label-WMH_mask"):
    for stem in stems:
        parts = stem.split("_")
        folder = "/".join(p for p in parts if p[:4] in ("sub-", "ses-"))
        touch(
            root, f"derivatives/{pipeline}/{folder}/anat/{stem}_{suffix}.nii.gz"
        )


def names(cases):
    return {
        case.volume_id: case.mask and case.mask.rsplit("/", 1)[1]
        for case in cases
    }


def test_sessions_runs_and_metadata(tmp_path):
    raw(tmp_path, "sub-01_ses-1", "sub-01_ses-2_run-1", "sub-01_ses-2_run-2")
    raw(tmp_path, "sub-02", "sub-03")
    touch(tmp_path, "sub-02/anat/sub-02_T1w.nii.gz")
    touch(tmp_path, "sub-02/anat/sub-02_FLAIR.json")
    mask(tmp_path, "manual", "sub-01_ses-1", "sub-01_ses-2_run-02", "sub-02")
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tsite\tscanner\tfield_strength\tage\tsex\tsplit\t"
        "exclude_reason\theight\n"
        "sub-01\tBern\tGE\t3\t70\tF\ttrain\tn/a\t180\n"
        "02\tUlm\tn/a\tn/a\tn/a\tn/a\tn/a\tstroke\t170\n"
    )
    cases = find_cases(tmp_path)
    assert names(cases) == {
        "sub-01_ses-1": "sub-01_ses-1_label-WMH_mask.nii.gz",
        "sub-01_ses-2_run-1": None,
        "sub-01_ses-2_run-2": "sub-01_ses-2_run-02_label-WMH_mask.nii.gz",
        "sub-02": "sub-02_label-WMH_mask.nii.gz",
        "sub-03": None,
    }
    first, second, third, fourth, fifth = cases
    assert (first.site, first.scanner, first.field_strength) == (
        "Bern",
        "GE",
        "3",
    )
    assert (first.age, first.sex, first.split) == ("70", "F", "train")
    assert first.exclude_reason == ""
    assert second.split == third.split == "train"
    assert (fourth.exclude_reason, fourth.scanner, fourth.split) == (
        "stroke",
        "",
        None,
    )
    assert fifth.site == ""
    assert first.relative_path == (
        "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz"
    )


def test_a_data_set_is_known_without_its_description(tmp_path):
    assert not is_bids_dataset(tmp_path)
    raw(tmp_path, "sub-01_ses-1")
    assert is_bids_dataset(tmp_path)
    assert not is_bids_dataset(tmp_path / "sub-01")


def test_only_one_pipeline_with_masks_is_taken_by_itself(tmp_path):
    raw(tmp_path, "sub-01")
    touch(tmp_path, "derivatives/reports/sub-01/anat/sub-01_report.html")
    mask(tmp_path, "fmriprep", "sub-01", suffix="desc-brain_mask")
    mask(tmp_path, "fmriprep", "sub-01", suffix="dseg")
    mask(tmp_path, "fmriprep", "sub-01", suffix="desc-aseg_dseg")
    mask(tmp_path, "wmh-keras", "sub-01")
    mask(tmp_path, "renamed", "sub-01")
    describe(
        tmp_path / "derivatives/renamed", GeneratedBy=[{"Name": "wmh-keras"}]
    )
    said = []
    (case,) = find_cases(tmp_path, warn=said.append)
    assert case.mask is None
    assert "no reference masks" in said[0]
    mask(tmp_path, "manual", "sub-01")
    (case,) = find_cases(tmp_path)
    assert "/manual/" in case.mask


def test_several_pipelines_are_listed_and_the_flag_chooses(tmp_path):
    raw(tmp_path, "sub-01")
    mask(tmp_path, "rater1", "sub-01")
    mask(tmp_path, "rater2", "sub-01")
    with pytest.raises(UserError, match=r"(?s)rater1 .1 masks.*rater2") as info:
        find_cases(tmp_path)
    assert "--mask_derivative" in str(info.value)
    (case,) = find_cases(tmp_path, mask_derivative="rater2")
    assert "/rater2/" in case.mask
    with pytest.raises(UserError, match=r"does not exist.*rater1"):
        find_cases(tmp_path, mask_derivative="rater3")


def test_own_output_is_refused_as_reference_even_if_asked_for(tmp_path):
    raw(tmp_path, "sub-01")
    mask(tmp_path, "wmh-keras", "sub-01")
    mask(tmp_path, "out", "sub-01")
    describe(tmp_path / "derivatives/out", GeneratedBy=[{"Name": "wmh-keras"}])
    for name in ("wmh-keras", "out"):
        with pytest.raises(UserError, match="never taken for a reference"):
            find_cases(tmp_path, mask_derivative=name)


@pytest.mark.parametrize(
    "suffix",
    [
        "label-lesion_mask",
        "desc-WMH_mask",
        "label-L_mask",
        "mask",
        "label-WMH_dseg",
        "space-FLAIR_label-WMH_mask",
        "label-WMH_desc-manual_mask",
        "lesion",
    ],
)
def test_names_of_masks(tmp_path, suffix):
    raw(tmp_path, "sub-01")
    mask(tmp_path, "manual", "sub-01", suffix=suffix)
    (case,) = find_cases(tmp_path)
    assert case.mask.endswith(f"sub-01_{suffix}.nii.gz")


def test_lesion_label_and_native_space_go_first(tmp_path):
    raw(tmp_path, "sub-01")
    for suffix in (
        "label-WMH_mask",
        "space-MNI152_label-WMH_mask",
        "desc-roi_mask",
        "label-GM_mask",
    ):
        mask(tmp_path, "manual", "sub-01", suffix=suffix)
    (case,) = find_cases(tmp_path)
    assert case.mask.endswith("sub-01_label-WMH_mask.nii.gz")


def test_two_masks_for_a_flair_are_all_listed(tmp_path):
    raw(tmp_path, "sub-01", "sub-02")
    for suffix in ("desc-rater1_mask", "desc-rater2_mask"):
        mask(tmp_path, "manual", "sub-01", "sub-02", suffix=suffix)
    with pytest.raises(UserError, match=r"(?s)sub-01.*rater2.*sub-02.*rater2"):
        find_cases(tmp_path)


def test_a_mask_that_fits_two_flairs_is_an_error(tmp_path):
    raw(tmp_path, "sub-01_run-1", "sub-01_run-2")
    mask(tmp_path, "manual", "sub-01")
    with pytest.raises(UserError, match="fits several FLAIRs"):
        find_cases(tmp_path)


def test_an_exact_match_goes_before_a_loose_one(tmp_path):
    raw(tmp_path, "sub-01", "sub-01_run-2")
    mask(tmp_path, "manual", "sub-01", "sub-01_run-2")
    assert names(find_cases(tmp_path)) == {
        "sub-01": "sub-01_label-WMH_mask.nii.gz",
        "sub-01_run-2": "sub-01_run-2_label-WMH_mask.nii.gz",
    }


def test_a_mask_may_lack_entities_and_must_not_have_others(tmp_path):
    raw(tmp_path, "sub-01_acq-ax_run-1", "sub-02", "sub-03_ses-1")
    mask(tmp_path, "manual", "sub-01", "sub-02_run-1", "sub-03_ses-2", "sub-9")
    said = []
    cases = find_cases(tmp_path, warn=said.append)
    assert names(cases) == {
        "sub-01_run-1": "sub-01_label-WMH_mask.nii.gz",
        "sub-02": None,
        "sub-03_ses-1": None,
    }
    assert sum("a mask without a FLAIR" in text for text in said) == 3


def test_two_flairs_of_one_id(tmp_path):
    raw(tmp_path, "sub-01_acq-ax", "sub-01_acq-cor", "sub-02_acq-ax")
    with pytest.raises(UserError, match=r"(?s)acq-ax.*acq-cor") as info:
        find_cases(tmp_path)
    assert "sub-02" not in str(info.value)
    # To predict both is fine; they are told apart by the run.
    assert [case.volume_id for case in find_images(tmp_path)] == [
        "sub-01_run-acqax",
        "sub-01_run-acqcor",
        "sub-02",
    ]


def test_subjects_without_flair_are_reported(tmp_path):
    raw(tmp_path, "sub-01")
    touch(tmp_path, "sub-02/anat/sub-02_T1w.nii.gz")
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-03\n")
    said = []
    assert len(find_cases(tmp_path, warn=said.append)) == 1
    assert [text for text in said if "no FLAIR" in text] == [
        "sub-02: no FLAIR volume, left out",
        "sub-03: no FLAIR volume, left out",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tsite\nsub-01\tx\n", "participant_id"),
        ("participant_id\nsub-01\n01\n", "two lines"),
        ("participant_id\tsite\nsub-01\n", "line 2"),
    ],
)
def test_faulty_participants(tmp_path, text, message):
    raw(tmp_path, "sub-01")
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(UserError, match=message):
        find_cases(tmp_path)


def test_the_wrong_folder_of_a_data_set(tmp_path):
    raw(tmp_path, "sub-01")
    mask(tmp_path, "manual", "sub-01")
    describe(tmp_path / "derivatives/manual", DatasetType="derivative")
    with pytest.raises(UserError, match="--mask_derivative=manual"):
        find_cases(tmp_path / "derivatives/manual")
    with pytest.raises(UserError, match="derivatives of one"):
        find_cases(tmp_path / "derivatives")
    with pytest.raises(UserError, match="one subject of one"):
        find_cases(tmp_path / "sub-01")
    describe(tmp_path / "out", GeneratedBy=[{"Name": "wmh-keras"}])
    for find in (find_cases, find_images):
        with pytest.raises(UserError, match="output of this program"):
            find(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sub-1/anat/sub-2_FLAIR.nii", "with sub-1, .*received sub-2"),
        (
            "sub-1/ses-a/anat/sub-1_ses-b_FLAIR.nii",
            "with ses-a, .*received ses-b",
        ),
    ],
)
@pytest.mark.parametrize("find", [find_cases, find_images])
def test_a_scan_in_the_folder_of_another_is_refused(
    tmp_path, find, name, message
):
    raw(tmp_path, "sub-3")
    touch(tmp_path, name)
    with pytest.raises(UserError, match=message):
        find(tmp_path)


def test_a_name_may_leave_out_the_session_of_its_folder(tmp_path):
    touch(tmp_path, "sub-1/ses-a/anat/sub-1_FLAIR.nii")
    assert len(find_images(tmp_path)) == 1


def test_an_empty_data_set_says_what_was_looked_for(tmp_path):
    describe(tmp_path)
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz")
    for find in (find_cases, find_images):
        with pytest.raises(UserError, match=r"sub-\*/anat.*1 subject folder"):
            find(tmp_path)


def test_prediction_keeps_ids_and_needs_no_masks(tmp_path):
    raw(tmp_path, "sub-01_ses-1_run-2", "sub-02")
    mask(tmp_path, "a", "sub-02")
    mask(tmp_path, "b", "sub-02")
    (tmp_path / "participants.tsv").write_text(
        "participant_id\texclude_reason\nsub-02\tmotion\n"
    )
    said = []
    (case,) = find_images(tmp_path, warn=said.append)
    assert (case.subject_id, case.session, case.run) == ("01", "1", "2")
    assert said == ["sub-02: excluded (motion)"]


def test_names_are_taken_apart(tmp_path):
    name = parse_bids_name(tmp_path / "sub-01_ses-2_acq-ax_run-3_FLAIR.nii.gz")
    assert name.key == ("01", "2", "3")
    assert name.suffix == "FLAIR"
    for other in ("FLAIR.nii", "ses-1_FLAIR.nii", "sub-1_x_FLAIR.nii"):
        assert parse_bids_name(tmp_path / other) is None


def test_real_data(realdata_dir, realdata_extra_dir):
    cases = find_cases(realdata_dir)
    assert len(cases) == 20
    assert {case.site for case in cases} == {"tabriz", "mslesseg", "ljubljana"}
    for case in cases:
        name = f"sub-{case.subject_id}_label-WMH_mask.nii.gz"
        assert case.mask.endswith(name)
    unlabelled = find_cases(realdata_extra_dir / "unlabelled", warn=print)
    assert len(unlabelled) == 11
    assert len({case.subject_id for case in unlabelled}) == 7
    assert {case.session for case in unlabelled} == {"1", "2"}
    assert {case.mask for case in unlabelled} == {None}
