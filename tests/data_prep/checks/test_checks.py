import dataclasses
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from data_prep.cases import find_cases
from data_prep.cases.case import Case
from data_prep.checks import (
    Problem,
    all_problems,
    check_case,
    check_cases,
    checking,
    format_problems,
)
from data_prep.checks.volume_facts import voxel_profile
from data_prep.preprocess import PreprocessConfig

SHAPE = (8, 8, 4)
AFFINE = np.diag([0.5, 0.5, 6.0, 1.0])


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 20, shape)


def save(path, data, affine=AFFINE, dtype=np.float32, codes=(1, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(np.asarray(data, dtype), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=codes[0])
    image.set_qform(affine, code=codes[1])
    nib.save(image, path)
    return str(path)


def reference(value=1):
    mask = np.zeros(SHAPE)
    mask[2:4, 3:5, 1] = value
    return mask


def make(folder, subject="1", seed=0, **arguments):
    flair = folder / f"{subject}_FLAIR.nii.gz"
    mask = folder / f"{subject}_mask.nii.gz"
    case = Case(
        subject_id=subject,
        images=(("flair", save(flair, noise(seed))),),
        mask=save(mask, reference(), dtype=np.uint8),
    )
    return dataclasses.replace(case, **arguments)


def problems_of(case, **arguments):
    return [
        (problem.file, problem.reason)
        for problem in check_case(case, **arguments).problems
    ]


def only_problem(case, **arguments):
    (problem,) = problems_of(case, **arguments)
    return problem


def test_a_good_case(tmp_path):
    case = make(tmp_path)
    mask = reference()
    mask[0, 0, 0] = 2
    save(tmp_path / "1_mask.nii.gz", mask, dtype=np.uint8)
    check = check_case(case)
    assert check.is_usable
    assert check.problems == check.warnings == ()
    assert check.facts.shape == SHAPE
    assert check.facts.spacing_mm == (0.5, 0.5, 6.0)
    assert check.facts.orientation == "RAS"
    assert (check.facts.num_slices, check.facts.slice_spacing_mm) == (4, 6.0)
    assert (check.facts.reference_voxels, check.facts.other_voxels) == (4, 1)
    assert check.facts.reference_volume_ml == pytest.approx(4 * 1.5 / 1000)


def test_missing_files(tmp_path):
    case = make(tmp_path)
    (tmp_path / "1_FLAIR.nii.gz").unlink()
    (tmp_path / "1_mask.nii.gz").unlink()
    assert problems_of(case) == [
        (case.flair, "missing"),
        (case.mask, "missing"),
    ]
    (tmp_path / "1_FLAIR.nii.gz").symlink_to(tmp_path / "annex")
    (tmp_path / "1_mask.nii.gz").mkdir()
    assert problems_of(case) == [
        (case.flair, "a link to a missing file"),
        (case.mask, "expected a file, received a folder"),
    ]


WITH_T1 = PreprocessConfig(channels=("flair", "t1"))


def with_t1(folder, data=None, affine=AFFINE, **arguments):
    t1 = folder / "1_T1.nii.gz"
    save(t1, noise(9) if data is None else data, affine)
    case = make(folder, **arguments)
    return dataclasses.replace(case, images=(*case.images, ("t1", str(t1))))


def test_a_further_image_is_part_of_the_content(tmp_path):
    case = with_t1(tmp_path)
    check = check_case(case, preprocess=WITH_T1)
    assert check.is_usable
    alone = check_case(case)
    assert alone.is_usable
    assert alone.content_sha256 == check_case(make(tmp_path)).content_sha256
    assert check.fingerprint == alone.fingerprint
    save(tmp_path / "1_T1.nii.gz", noise(10))
    other = check_case(case, preprocess=WITH_T1)
    digests = {check.content_sha256, alone.content_sha256, other.content_sha256}
    assert len(digests) == 3


def test_every_problem_of_a_further_image_names_file_and_role(tmp_path):
    t1 = str(tmp_path / "1_T1.nii.gz")
    moved, odd = AFFINE.copy(), noise(9)
    moved[0, 3] = 1
    odd[0, 0, 0] = np.nan
    for data, affine, expected in (
        (noise(9, (8, 9, 4)), AFFINE, "t1: on another grid: its shape is (8, "),
        (noise(9), moved, "t1: on another grid: its affine differs"),
        (odd, AFFINE, "t1: 1 voxels are NaN"),
        (np.ones(SHAPE), AFFINE, "t1: expected an image, received the same"),
        (noise(0), AFFINE, "t1: has the same voxels as the FLAIR"),
    ):
        case = with_t1(tmp_path, data, affine)
        file, reason = only_problem(case, preprocess=WITH_T1)
        assert file == t1
        assert reason.startswith(expected)
        assert ("register the t1 to the FLAIR" in reason) == ("grid" in reason)
    Path(t1).write_bytes(b"junk")
    assert "t1: not a readable" in only_problem(case, preprocess=WITH_T1)[1]
    Path(t1).unlink()
    assert only_problem(case, preprocess=WITH_T1) == (t1, "t1: missing")
    alone = make(tmp_path, missing=(("t1", "found 2 that can be it"),))
    assert only_problem(alone, preprocess=WITH_T1) == (
        alone.flair,
        "t1: found 2 that can be it",
    )
    assert check_case(alone).is_usable


def test_intensities_that_cannot_be_scaled_are_known_before_writing(tmp_path):
    case = make(tmp_path)
    data = np.zeros(SHAPE)
    data[2:6, 2:6] = 50
    save(tmp_path / "1_FLAIR.nii.gz", data)
    assert check_case(case).is_usable
    for rule in ("robust_zscore", "clipped_zscore"):
        robust = PreprocessConfig(normalization=rule)
        assert rule in only_problem(case, preprocess=robust)[1]


def test_truncated_file(tmp_path):
    case = make(tmp_path)
    path = tmp_path / "1_FLAIR.nii.gz"
    path.write_bytes(path.read_bytes()[:-100])
    file, reason = only_problem(case)
    assert file == str(path)
    assert "truncated" in reason
    assert str(path) not in reason


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8b junk"])
def test_unreadable_file(tmp_path, content):
    case = make(tmp_path)
    (tmp_path / "1_FLAIR.nii.gz").write_bytes(content)
    assert only_problem(case)[0] == case.flair


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4, 2), (8, 8, 4, 1, 3)])
def test_not_3d(tmp_path, shape):
    case = make(tmp_path, mask=None)
    save(tmp_path / "1_FLAIR.nii.gz", noise(0, shape))
    assert "3-D" in only_problem(case)[1]


def test_a_trailing_axis_of_length_1_is_fine(tmp_path):
    case = make(tmp_path)
    save(tmp_path / "1_FLAIR.nii.gz", noise()[..., np.newaxis])
    assert check_case(case).is_usable


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path, value):
    case = make(tmp_path)
    data = noise()
    data[1, 2, 3] = value
    save(tmp_path / "1_FLAIR.nii.gz", data)
    assert "1 voxels are NaN or infinite" in only_problem(case)[1]


def test_constant_volume(tmp_path):
    case = make(tmp_path)
    save(tmp_path / "1_FLAIR.nii.gz", np.full(SHAPE, 7.0))
    assert "same value" in only_problem(case)[1]


def test_mask_on_another_grid(tmp_path):
    case = make(tmp_path)
    path = tmp_path / "1_mask.nii.gz"
    save(path, reference()[:, :, :3], dtype=np.uint8)
    file, reason = only_problem(case)
    assert file == str(path)
    assert "(8, 8, 4)" in reason
    assert "(8, 8, 3)" in reason
    shifted = AFFINE.copy()
    shifted[0, 3] = 2e-3
    save(path, reference(), shifted, np.uint8)
    assert "affine" in only_problem(case)[1]
    shifted[0, 3] = 5e-4
    save(path, reference(), shifted, np.uint8)
    assert check_case(case).is_usable


def test_label_values(tmp_path):
    case = make(tmp_path)
    path = tmp_path / "1_mask.nii.gz"
    save(path, reference(255), dtype=np.uint8)
    assert "received 0, 255" in only_problem(case)[1]
    check = check_case(case, mask_value=255)
    assert check.is_usable
    assert check.facts.reference_voxels == 4
    save(path, reference(0.5))
    assert "0.5" in only_problem(case)[1]
    data = reference()
    data[0, 0, 0] = np.nan
    save(path, data)
    assert "NaN" in only_problem(case)[1]


def test_no_or_degenerate_affine(tmp_path):
    case = make(tmp_path, mask=None)
    save(tmp_path / "1_FLAIR.nii.gz", noise(), codes=(0, 0))
    assert "no affine" in only_problem(case)[1]
    flat = np.diag([0.5, 0.5, 6.0, 1.0])
    flat[:3, 1] = flat[:3, 0]
    image = nib.Nifti1Image(noise().astype(np.float32), None)
    image.header.set_sform(flat, code=1)
    nib.save(image, tmp_path / "1_FLAIR.nii.gz")
    assert "degenerate affine" in only_problem(case)[1]


def test_all_problems_of_a_case_are_told(tmp_path):
    case = make(tmp_path, subject_id="a b", split="val")
    wrong = reference(7)[:, :, :3]
    save(tmp_path / "1_mask.nii.gz", wrong, dtype=np.uint8)
    reasons = [reason for _, reason in problems_of(case)]
    assert len(reasons) == 4
    for text in ("subject_id 'a b'", "'validation'", "0, 7", "another grid"):
        assert sum(text in reason for reason in reasons) == 1
    (tmp_path / "1_FLAIR.nii.gz").write_bytes(b"junk")
    files = {file for file, _ in problems_of(case)}
    assert files == {"", case.flair, case.mask}


@pytest.mark.parametrize(
    "label", ["", "a/b", "..", "a b", "a..b", "-a", "a_", "ä", "a\n"]
)
def test_unsafe_ids(tmp_path, label):
    case = make(tmp_path, subject_id=label)
    assert "goes into file names" in only_problem(case)[1]
    if label:
        case = make(tmp_path, session=label)
        assert "session" in only_problem(case)[1]


@pytest.mark.parametrize("label", ["1", "sub_01", "A-7.2", "x+y"])
def test_safe_ids(tmp_path, label):
    assert check_case(make(tmp_path, subject_id=label)).is_usable


def test_warnings(tmp_path):
    case = make(tmp_path)
    save(tmp_path / "1_mask.nii.gz", np.zeros(SHAPE), dtype=np.uint8)
    assert check_case(case).warnings == (
        "the mask is empty (no voxel of label 1)",
    )
    assert "no mask" in check_case(make(tmp_path, mask=None)).warnings[0]
    sagittal = np.zeros((4, 4))
    sagittal[[2, 0, 1, 3], [0, 1, 2, 3]] = [0.5, 0.5, 6.0, 1.0]
    sagittal[1, 2], sagittal[0, 1] = 0.5, 6.0
    save(tmp_path / "s.nii", noise(3), sagittal)
    images = (("flair", str(tmp_path / "s.nii")),)
    check = check_case(make(tmp_path, mask=None, images=images))
    assert "not an axial acquisition" in check.warnings[0]
    assert check.facts.num_slices == 8
    assert check.is_usable


def test_matrices_that_disagree_warn_of_image_and_mask(tmp_path):
    case = make(tmp_path)
    mirrored = np.diag([-0.5, 0.5, 6.0, 1.0])
    for name in (case.flair, case.mask):
        image = nib.load(name)
        image.set_qform(mirrored, code=1)
        nib.save(nib.Nifti1Image(image.get_fdata(), None, image.header), name)
    check = check_case(case)
    assert check.is_usable
    (warning,) = check.warnings  # once for both
    assert "(RAS) and qform (LAS)" in warning
    save(tmp_path / "1_FLAIR.nii.gz", noise())
    (warning,) = check_case(case).warnings
    assert warning.startswith("the mask: the header's sform")


def test_excluded_cases_are_not_read(tmp_path):
    case = make(tmp_path, exclude_reason="motion", subject_id="a b")
    (tmp_path / "1_FLAIR.nii.gz").unlink()
    (check,) = check_cases([case], progress=False)
    assert check.problems == ()
    assert check.facts is None
    assert not check.is_usable


def reasons_between(cases):
    checks = check_cases(cases, progress=False)
    return [[problem.reason for problem in c.problems] for c in checks]


def test_duplicate_ids(tmp_path):
    first, second, third = (
        make(tmp_path / str(i), "1", seed=i) for i in range(3)
    )
    third = dataclasses.replace(third, session="2")
    one, two, three = reasons_between([first, second, third])
    assert "duplicate id: 2 volumes" in one[0]
    assert one == two
    assert three == []
    excluded = dataclasses.replace(second, exclude_reason="repeated")
    assert reasons_between([first, excluded]) == [[], []]
    # Different triples can give one key, too.
    odd = dataclasses.replace(second, subject_id="1_ses-2")
    assert "duplicate id" in reasons_between([third, odd])[0][0]


def test_subject_in_two_splits(tmp_path):
    first = make(tmp_path / "a", "1", 0, split="train", session="1")
    second = make(tmp_path / "b", "1", 1, split="test", session="2")
    third = make(tmp_path / "c", "2", 2, split="test")
    one, two, three = reasons_between([first, second, third])
    assert one == two == ["subject 1 is in 2 splits: test, train"]
    assert three == []


def twin(path, kind):
    """Saves noise(0), as integers, in another dress."""
    data = np.round(noise(0)).astype(np.int16)
    if kind == "other affine and type":
        save(path, data, np.diag([1.0, 1, 5, 1]), np.float64)
    elif kind == "reoriented":
        flipped = np.diag([-0.5, 0.5, 6, 1])
        save(path, data[::-1], flipped, np.int16)
    elif kind == "transposed":
        save(path, data.transpose(2, 0, 1), dtype=np.int16)
    elif kind == "scaled":
        image = nib.Nifti1Image(data, AFFINE)
        image.header.set_slope_inter(0.0123, -4.5)
        nib.save(image, path)
    elif kind == "scaled and saved as float":
        save(path, (data * 0.0123 - 4.5).astype(np.float32))


@pytest.mark.parametrize(
    "kind",
    [
        "other affine and type",
        "reoriented",
        "transposed",
        "scaled",
        "scaled and saved as float",
    ],
)
def test_the_same_voxels_under_two_subjects(tmp_path, kind):
    first = make(tmp_path / "a", "1", mask=None)
    save(tmp_path / "a" / "1_FLAIR.nii.gz", np.round(noise(0)), dtype=np.int16)
    second = make(tmp_path / "b", "2", mask=None)
    twin(tmp_path / "b" / "2_FLAIR.nii.gz", kind)
    third = make(tmp_path / "c", "3", 3, mask=None)
    one, two, three = reasons_between([first, second, third])
    assert one[0].startswith("the same voxels under another subject: sub-2")
    assert second.flair in one[0]
    assert two[0].startswith("the same voxels under another subject: sub-1")
    assert three == []


def test_the_same_voxels_twice_under_one_subject_are_odd_only(tmp_path):
    first = make(tmp_path / "a", "1", session="1")
    second = make(tmp_path / "b", "1", session="2")
    checks = check_cases([first, second], progress=False)
    assert all_problems(checks) == []
    assert checks[0].warnings == ("the same voxels as sub-1_ses-2",)
    assert checks[1].warnings == ("the same voxels as sub-1_ses-1",)


def test_nearly_the_same_voxels_are_two_volumes(tmp_path):
    cases = []
    for index in range(6):
        case = make(tmp_path / str(index), str(index))
        data = noise(0)
        data[4, 4, 2] += 5.0 * index
        save(tmp_path / str(index) / f"{index}_FLAIR.nii.gz", data)
        cases.append(case)
    assert reasons_between(cases) == [[]] * 6


def test_fingerprints(tmp_path):
    case = make(tmp_path)
    first = check_case(case)
    assert check_case(case) == first
    moved = AFFINE.copy()
    moved[2, 3] = 11
    save(tmp_path / "1_FLAIR.nii.gz", noise(), moved)
    save(tmp_path / "1_mask.nii.gz", reference(), moved, np.uint8)
    second = check_case(case)
    assert second.fingerprint == first.fingerprint
    assert second.content_sha256 != first.content_sha256
    save(tmp_path / "1_mask.nii.gz", reference(2), moved, np.uint8)
    third = check_case(case)
    assert third.content_sha256 != second.content_sha256
    save(tmp_path / "1_FLAIR.nii.gz", noise(1), moved)
    assert check_case(case).fingerprint != first.fingerprint


def test_many_cases_keep_their_order_and_none_stops_the_rest(tmp_path, capsys):
    cases = [make(tmp_path, str(index), index) for index in range(12)]
    for index in (2, 7):
        (tmp_path / f"{index}_FLAIR.nii.gz").write_bytes(b"junk")
    checks = check_cases(cases, max_workers=3)
    assert [check.case for check in checks] == cases
    assert [check.is_usable for check in checks] == [
        index not in (2, 7) for index in range(12)
    ]
    assert "checking" in capsys.readouterr().err
    assert check_cases([], progress=False) == []


def test_no_more_volumes_in_memory_than_workers(tmp_path, monkeypatch):
    cases = [make(tmp_path, str(index), index) for index in range(8)]
    alive, most, lock = 0, 0, threading.Lock()
    original = checking.check_case

    def counted(case, **arguments):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        try:
            return original(case, **arguments)
        finally:
            with lock:
                alive -= 1

    monkeypatch.setattr(checking, "check_case", counted)
    results = check_cases(cases, max_workers=2, progress=False)
    assert 1 <= most <= 2
    # What is kept of a volume is small.
    assert all(result.profile.nbytes < 1000 for result in results)


def test_table_of_problems():
    assert format_problems([]) == ""
    table = format_problems(
        [
            Problem("sub-1", "/data/a.nii", "missing"),
            Problem("sub-22", "", "duplicate id"),
        ]
    )
    assert table.splitlines() == [
        "volume  file         reason",
        "sub-1   /data/a.nii  missing",
        "sub-22               duplicate id",
    ]


def test_real_data_is_good(realdata_dir):
    cases = [c for c in find_cases(realdata_dir) if c.site == "tabriz"]
    checks = check_cases(cases, progress=False)
    assert len(checks) == 10
    assert all_problems(checks) == []
    assert all(check.warnings == () for check in checks)
    assert all(6 < check.facts.slice_spacing_mm < 9 for check in checks)


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(0, 300, 1), (-700, 90, 1), (0, 65000, 1), (0, 99, 0.25), (0, 2**24, 1)],
)
def test_profile_of_whole_numbers_and_others(low, high, scale):
    random = np.random.default_rng(0)
    whole = random.integers(low, high, (20, 16, 9)).astype(np.float32)
    data = whole * np.float32(scale)
    ordered = np.sort(data.astype(np.float64).ravel())
    parts = [part.mean() for part in np.split(ordered, range(45, 2880, 45))]
    expected = (np.array(parts) - ordered.mean()) / ordered.std()
    np.testing.assert_allclose(voxel_profile(data), expected, atol=1e-6)
