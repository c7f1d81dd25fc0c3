import dataclasses
import sys

import numpy as np
import pytest

from data_prep.cases import find_cases, find_images
from data_prep.cases.dicom_series import (
    choose_flair,
    has_dicom_files,
    list_series,
)
from data_prep.errors import UserError
from data_prep.nifti import read_volume

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("dcm2niix")

ROWS, COLUMNS, SLICES = 6, 8, 5
SPACING = (0.8, 0.7)  # DICOM's order: between rows, between columns
THICKNESS = 6.0


@dataclasses.dataclass
class Series:
    number: int
    description: str
    inversion_time: float | None = None
    echo_time: float = 100.0
    num_slices: int = SLICES
    modality: str = "MR"


FLAIR = Series(4, "AX FLAIR FS", 2500)
T1 = Series(2, "SAG T1 MPRAGE", 900, 3)
T1_FLAIR = Series(5, "AX T1 FLAIR", 860, 9)


def oblique_axes():
    """Row, column and slice direction in DICOM's LPS, 20° about x, 10° z."""
    a, b = np.deg2rad([20, 10])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    )
    about_z = np.array(
        [[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]
    )
    return (about_z @ about_x).T


def origin_of(index):
    return (
        np.array([-30.0, -20.0, 10.0]) + index * THICKNESS * oblique_axes()[2]
    )


def voxels(series):
    shape = (series.num_slices, ROWS, COLUMNS)
    return np.arange(1, np.prod(shape) + 1, dtype=np.uint16).reshape(shape)


def write_series(folder, series, study="1.2.3"):
    folder.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(voxels(series)):
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        sop_class = "1.2.840.10008.5.1.4.1.1.4"
        sop_instance = f"{study}.{series.number}.{index + 1}"
        dataset.file_meta.MediaStorageSOPClassUID = sop_class
        dataset.file_meta.MediaStorageSOPInstanceUID = sop_instance
        dataset.SOPClassUID = sop_class
        dataset.SOPInstanceUID = sop_instance
        dataset.StudyInstanceUID = study
        dataset.SeriesInstanceUID = f"{study}.{series.number}"
        dataset.FrameOfReferenceUID = f"{study}.9"
        dataset.PatientName = "Doe^Jane"
        dataset.PatientID = "SECRET77"
        dataset.Modality = series.modality
        dataset.Manufacturer = "SIEMENS"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.SeriesNumber = series.number
        dataset.SeriesDescription = series.description
        dataset.InstanceNumber = index + 1
        dataset.AcquisitionNumber = 1
        dataset.EchoTime = series.echo_time
        dataset.RepetitionTime = 9000.0
        if series.inversion_time is not None:
            dataset.InversionTime = series.inversion_time
        dataset.SliceThickness = THICKNESS
        dataset.SpacingBetweenSlices = THICKNESS
        dataset.PixelSpacing = list(SPACING)
        dataset.ImageOrientationPatient = [
            round(float(x), 9) for x in oblique_axes()[:2].ravel()
        ]
        dataset.ImagePositionPatient = [
            round(float(x), 6) for x in origin_of(index)
        ]
        dataset.Rows, dataset.Columns = ROWS, COLUMNS
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -10
        dataset.PixelData = pixels.tobytes()
        path = folder / f"IM{series.number:03d}{index:04d}"
        dataset.save_as(path, enforce_file_format=True)


def series_in(folder):
    return list_series(sorted(p for p in folder.rglob("*") if p.is_file()))


def test_converted_voxels_lie_where_the_scanner_put_them(tmp_path):
    write_series(tmp_path / "study" / "s4", FLAIR)
    write_series(tmp_path / "study" / "s2", T1)
    (case,) = find_images(tmp_path / "study", work_dir=tmp_path / "work")
    assert case.subject_id == "study"
    assert case.relative_path == "study_FLAIR.nii.gz"
    volume = read_volume(case.flair)
    assert sorted(volume.shape) == sorted((ROWS, COLUMNS, SLICES))
    row_axis, column_axis, _ = oblique_axes()
    for slice_index, row, column in np.ndindex(SLICES, ROWS, COLUMNS):
        value = 2 * voxels(FLAIR)[slice_index, row, column] - 10.0
        lps = (
            origin_of(slice_index)
            + column * SPACING[1] * row_axis
            + row * SPACING[0] * column_axis
        )
        (index,) = np.argwhere(np.isclose(volume.data, value))
        ras = volume.affine @ [*index, 1]
        np.testing.assert_allclose(
            ras[:3], lps * [-1, -1, 1], atol=2e-3, err_msg=str(index)
        )


def test_no_trace_of_the_patient_is_left(tmp_path):
    write_series(tmp_path / "p1", FLAIR)
    find_images(tmp_path / "p1", work_dir=tmp_path / "work")
    left = [p for p in (tmp_path / "work").rglob("*") if p.is_file()]
    assert [p.name for p in left] == ["p1_FLAIR.nii"]
    content = left[0].read_bytes()
    assert b"Doe" not in content
    assert b"SECRET77" not in content


@pytest.mark.parametrize(
    ("series", "number"),
    [
        ([FLAIR, T1, T1_FLAIR], "4"),
        ([T1, Series(7, "t2_tirm_tra_dark-fluid", 2500)], "7"),
        ([T1, Series(7, "t2_tirm_cor STIR", 180), FLAIR], "4"),
        ([T1, T1_FLAIR, Series(9, "AX IR long", 2200)], "9"),
        ([T1, Series(9, "AX FLAIR")], "9"),
        ([Series(3, "AX T1_FLAIR"), FLAIR], "4"),
        ([Series(3, "IR PD", 2200, 20), Series(9, "IR T2", 2200)], "9"),
        ([Series(1, "FLAIR scout", 2500, num_slices=2), FLAIR], "4"),
        ([Series(1, "FLAIR", 2500, modality="CT"), FLAIR], "4"),
    ],
)
def test_flair_is_found_by_description_then_inversion_time(
    tmp_path, series, number
):
    for item in series:
        write_series(tmp_path / f"{item.number}", item)
    assert choose_flair(series_in(tmp_path), None, "here").number == number


def test_several_flairs_are_listed_and_series_chooses(tmp_path):
    second = Series(11, "SAG CUBE FLAIR", 1900)
    for item in (FLAIR, second, T1):
        write_series(tmp_path / f"{item.number}", item)
    with pytest.raises(UserError) as caught:
        find_images(tmp_path, work_dir=tmp_path / "work")
    message = str(caught.value)
    assert "series 4: 'AX FLAIR FS', 5 slices" in message
    assert "series 11: 'SAG CUBE FLAIR', 5 slices" in message
    assert "MPRAGE" not in message
    assert "--series" in message
    found = series_in(tmp_path)
    for wanted in ("11", "SAG CUBE FLAIR", "sag cube flair", "cube"):
        assert choose_flair(found, wanted, "here").number == "11"
    # The choice is the user's, even of what is no FLAIR.
    assert choose_flair(found, "2", "here").number == "2"
    with pytest.raises(UserError, match="found 2 of 3"):
        choose_flair(found, "FLAIR", "here")
    with pytest.raises(UserError, match="SAG T1 MPRAGE"):
        choose_flair(found, "33", "here")


def test_no_flair_lists_what_there_is(tmp_path):
    write_series(tmp_path, T1)
    with pytest.raises(UserError, match="series 2: 'SAG T1 MPRAGE'"):
        find_images(tmp_path, work_dir=tmp_path / "work")


def test_each_study_is_a_case_named_by_its_folder(tmp_path):
    root = tmp_path / "in"
    write_series(root / "anna" / "flair", FLAIR, "1.1")
    write_series(root / "bert" / "visit1" / "a", FLAIR, "1.2")
    write_series(root / "bert" / "visit1" / "b", T1, "1.2")
    write_series(root / "bert" / "visit2", FLAIR, "1.3")
    cases = find_images(root, work_dir=tmp_path / "work")
    assert [case.relative_path for case in cases] == [
        "anna/anna_FLAIR.nii.gz",
        "bert/visit1/visit1_FLAIR.nii.gz",
        "bert/visit2/visit2_FLAIR.nii.gz",
    ]
    ids = [case.subject_id for case in cases]
    assert ids == ["anna", "bert_visit1", "bert_visit2"]
    assert len({case.flair for case in cases}) == 3


def test_studies_mixed_in_one_folder_are_kept_apart(tmp_path):
    write_series(tmp_path / "in", FLAIR, "1.1")
    write_series(tmp_path / "in", Series(6, "FLAIR", 2500), "1.2")
    cases = find_images(tmp_path / "in", work_dir=tmp_path / "work")
    assert [case.subject_id for case in cases] == ["study1", "study2"]


def test_preparation_takes_subject_folders_and_single_studies(tmp_path):
    root = tmp_path / "in"
    write_series(root / "p1" / "x", FLAIR, "1.1")
    write_series(root / "p2" / "y", FLAIR, "1.2")
    (root / "p3").mkdir()
    said = []
    cases = find_cases(root, work_dir=tmp_path / "work", warn=said.append)
    assert [case.subject_id for case in cases] == ["p1", "p2"]
    assert [case.mask for case in cases] == [None, None]
    assert any("p3" in text for text in said)
    (case,) = find_cases(root / "p1", work_dir=tmp_path / "work")
    assert case.subject_id == "p1"


def test_all_ambiguous_subjects_are_named_at_once(tmp_path):
    for name, study in (("p1", "1.1"), ("p2", "1.2")):
        write_series(tmp_path / name, FLAIR, study)
        write_series(tmp_path / name, Series(8, "FLAIR 2", 2500), study)
    for find in (find_cases, find_images):
        with pytest.raises(UserError, match=r"(?s)/p1: .*/p2: "):
            find(tmp_path)


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    write_series(tmp_path, FLAIR)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pydicom", None)
        with pytest.raises(UserError, match=r"\.\[dicom\]"):
            find_images(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"\.\[dicom\]"):
        find_images(tmp_path)


def test_a_damaged_series_is_reported(tmp_path):
    write_series(tmp_path / "in", FLAIR)
    for file in (tmp_path / "in").iterdir():
        file.write_bytes(file.read_bytes()[:-80])
    with pytest.raises(UserError, match=r"dcm2niix|not"):
        find_images(tmp_path / "in", work_dir=tmp_path / "work")


def test_times_of_multi_frame_files_are_found(tmp_path):
    write_series(tmp_path, Series(4, "T2W", None, 0, num_slices=1))
    (path,) = tmp_path.iterdir()
    dataset = pydicom.dcmread(path)
    del dataset.EchoTime
    modifier, echo, group = (pydicom.Dataset() for _ in range(3))
    modifier.InversionTimes = 1650.0
    echo.EffectiveEchoTime = 300.0
    group.MRModifierSequence = [modifier]
    group.MREchoSequence = [echo]
    dataset.SharedFunctionalGroupsSequence = [group]
    dataset.NumberOfFrames = 170
    dataset.save_as(path)
    (series,) = series_in(tmp_path)
    assert series.num_slices == 170
    assert (series.inversion_time_ms, series.echo_time_ms) == (1650.0, 300.0)
    assert choose_flair([series], None, "here") is series


def test_dicom_is_told_from_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert not has_dicom_files(tmp_path)
    (tmp_path / "scan.dcm").write_bytes(b"junk")
    assert has_dicom_files(tmp_path)
    assert series_in(tmp_path) == []
