"""Every pixel of the segmentation lies where the mask's voxel lies."""

import dataclasses
import sys

import numpy as np
import pytest

from data_prep.cases import find_images
from data_prep.cases.dicom_series import list_series
from data_prep.dicom_planes import mask_on_planes, read_planes
from data_prep.dicom_seg import (
    SegAlgorithm,
    check_highdicom,
    write_dicom_seg,
)
from data_prep.errors import UserError
from data_prep.nifti import read_volume

highdicom = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")
pytest.importorskip("dcm2niix")

SLICES, ROWS, COLUMNS = 7, 11, 9  # pixels that do not fill bytes
ALGORITHM = SegAlgorithm("unet-0123456789ab", 0.5, 3.0)
LESION = 400


def turned(degrees_x, degrees_z, vectors):
    a, b = np.deg2rad([degrees_x, degrees_z])
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_z = [[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]
    return np.array(vectors, float) @ (np.array(about_z) @ about_x).T


AXIAL = ((1, 0, 0), (0, 1, 0))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
CORONAL = ((1, 0, 0), (0, 0, -1))
OBLIQUE = turned(20, 10, AXIAL)
PLANES = {
    "axial": AXIAL,
    "sagittal": SAGITTAL,
    "coronal": CORONAL,
    "oblique": OBLIQUE,
    "oblique sagittal": turned(-12, 17, SAGITTAL),
    "axial, rows upside down": ((1, 0, 0), (0, -1, 0)),
    "axial, columns mirrored": ((-1, 0, 0), (0, 1, 0)),
}


def some_pixels():
    """A head-like ramp with lesion pixels that no symmetry maps to itself."""
    random = np.random.default_rng(3)
    shape = (SLICES, ROWS, COLUMNS)
    pixels = np.arange(np.prod(shape)).reshape(shape) % 90 + 10
    pixels[random.random(shape) < 0.06] = LESION
    pixels[2] = np.where(pixels[2] == LESION, 20, pixels[2])  # an empty slice
    return pixels


def convert(folder, work_dir):
    (case,) = find_images(folder, work_dir=work_dir)
    flair = read_volume(case.flair)
    mask = flair.with_data((flair.data > 300).astype(np.uint8))
    return case, mask


@pytest.fixture
def made(tmp_path, write_dicom_series):
    """Writes a series and its segmentation: (paths, mask, SEG's path)."""

    def make(**arguments):
        paths = write_dicom_series(tmp_path / "p", some_pixels(), **arguments)
        case, mask = convert(tmp_path / "p", tmp_path / "work")
        target = tmp_path / "p_mask.dcm"
        write_dicom_seg(target, mask, case.dicom_files, ALGORITHM)
        return paths, mask, target

    return make


def step_of(axes, distance):
    return np.cross(*axes) * distance


def sorted_rows(points):
    points = np.round(points, 1) + 0.0  # no minus zero
    return points[np.lexsort(points.T)]


def mask_points(mask):
    """LPS millimetres of the mask's voxels, through its affine."""
    voxels = np.argwhere(mask.data == 1)
    ras = voxels @ mask.affine_mm[:3, :3].T + mask.affine_mm[:3, 3]
    return ras * [-1, -1, 1]


def frame_points(segmentation):
    """LPS millimetres of the set pixels, from attributes read by pydicom."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    row, column = np.reshape(orientation, (2, 3)).astype(float)
    between_rows, between_columns = map(
        float, shared.PixelMeasuresSequence[0].PixelSpacing
    )
    points = []
    for frame, group in zip(
        segmentation.pixel_array,
        segmentation.PerFrameFunctionalGroupsSequence,
        strict=True,
    ):
        place = group.PlanePositionSequence[0].ImagePositionPatient
        for r, c in np.argwhere(frame):
            points.append(
                np.array(place, float)
                + r * between_rows * column
                + c * between_columns * row
            )
    return np.array(points)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("distance", [6.5, -6.5, 1.0])
def test_read_back_in_the_same_place(made, plane, distance):
    axes = PLANES[plane]
    paths, mask, target = made(axes=axes, step=step_of(axes, distance))
    segmentation = pydicom.dcmread(target)
    # The slices' own pixels, by the instance that each frame names.
    lesions = {
        source.SOPInstanceUID: source.pixel_array == LESION
        for source in map(pydicom.dcmread, paths)
    }
    assert segmentation.NumberOfFrames == SLICES
    for frame, group in zip(
        segmentation.pixel_array,
        segmentation.PerFrameFunctionalGroupsSequence,
        strict=True,
    ):
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        uid = source.ReferencedSOPInstanceUID
        np.testing.assert_array_equal(frame == 1, lesions.pop(uid))
    assert not lesions
    # The same points of the patient as the NIfTI mask's.
    expected = sorted_rows(mask_points(mask))
    assert len(expected) == mask.data.sum() > 20
    np.testing.assert_allclose(
        sorted_rows(frame_points(segmentation)), expected, atol=0.11
    )


@pytest.mark.parametrize("plane", ["axial", "oblique sagittal"])
def test_highdicom_reads_the_volume_in_the_same_place(made, plane):
    axes = PLANES[plane]
    _, mask, target = made(axes=axes, step=step_of(axes, -6.5))
    volume = highdicom.seg.segread(target).get_volume(combine_segments=True)
    voxels = np.argwhere(volume.array == 1)
    points = voxels @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    np.testing.assert_allclose(
        sorted_rows(points), sorted_rows(mask_points(mask)), atol=0.11
    )


def test_what_the_object_says_of_itself(made):
    paths, _, target = made()
    segmentation = highdicom.seg.segread(target)
    source = pydicom.dcmread(paths[0])
    for name in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
        "AccessionNumber",
        "FrameOfReferenceUID",
    ):
        assert segmentation[name].value == source[name].value, name
    assert segmentation.SeriesInstanceUID != source.SeriesInstanceUID
    assert segmentation.SeriesNumber == 1004
    assert segmentation.Modality == "SEG"
    (series,) = segmentation.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(series.ReferencedInstanceSequence) == SLICES
    (about,) = segmentation.SegmentSequence
    assert about.SegmentAlgorithmType == "AUTOMATIC"
    code = about.SegmentedPropertyTypeCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("110702", "DCM")
    assert code.CodeMeaning == "White Matter T2 Hyperintensity"
    code = about.SegmentedPropertyCategoryCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("49755003", "SCT")
    code = about.AnatomicRegionSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("12738006", "SCT")
    (algorithm,) = about.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "wmh-keras"
    assert ALGORITHM.model in str(algorithm.AlgorithmParameters)
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    (measures,) = shared.PixelMeasuresSequence
    # With gaps: 5 mm thick, 6 mm from one to the next.
    assert measures.SliceThickness == 5
    assert measures.SpacingBetweenSlices == 6


def test_an_empty_mask_has_all_its_frames(tmp_path, write_dicom_series):
    write_dicom_series(tmp_path / "p", some_pixels())
    case, mask = convert(tmp_path / "p", tmp_path / "work")
    nothing = mask.with_data(np.zeros_like(mask.data))
    target = tmp_path / "mask.dcm"
    write_dicom_seg(target, nothing, case.dicom_files, ALGORITHM)
    segmentation = pydicom.dcmread(target)
    assert segmentation.pixel_array.shape == (SLICES, ROWS, COLUMNS)
    assert segmentation.pixel_array.sum() == 0


def test_two_objects_of_one_mask_have_uids_of_their_own(
    tmp_path, write_dicom_series
):
    write_dicom_series(tmp_path / "p", some_pixels())
    case, mask = convert(tmp_path / "p", tmp_path / "work")
    found = []
    for name in ("a.dcm", "b.dcm"):
        write_dicom_seg(tmp_path / name, mask, case.dicom_files, ALGORITHM)
        found.append(pydicom.dcmread(tmp_path / name))
    one, other = found
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
    assert one.PixelData == other.PixelData


def test_a_slice_that_is_there_twice_counts_once(made, tmp_path):
    paths, mask, target = made()
    files = [str(path) for path in paths]
    copy = tmp_path / "copy"
    copy.write_bytes(paths[3].read_bytes())
    write_dicom_seg(target, mask, [*files, str(copy)], ALGORITHM)
    assert pydicom.dcmread(target).NumberOfFrames == SLICES


def test_what_a_de_identification_took_away_stays_empty(made):
    def strip(dataset, index):
        for name in ("PatientName", "PatientBirthDate", "StudyID", "StudyDate"):
            delattr(dataset, name)

    _, _, target = made(changes=strip)
    segmentation = pydicom.dcmread(target)
    assert not segmentation.PatientName
    assert segmentation.PatientID == "SECRET77"


def refused(paths, mask, target):
    """The message; and that nothing was written."""
    before = target.read_bytes()
    with pytest.raises(UserError) as caught:
        write_dicom_seg(target, mask, [str(p) for p in paths], ALGORITHM)
    assert target.read_bytes() == before
    assert [p.name for p in target.parent.iterdir() if "tmp-" in p.name] == []
    return str(caught.value)


def rewrite(path, **values):
    dataset = pydicom.dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"FrameOfReferenceUID": None}, "has no FrameOfReferenceUID"),
        ({"ImagePositionPatient": None}, "has no ImagePositionPatient"),
        ({"NumberOfFrames": 3}, "multi-frame"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "expected an MR image"),
        ({"FrameOfReferenceUID": "1.2.8"}, "FrameOfReferenceUID differs"),
        ({"SeriesInstanceUID": "1.2.8"}, "SeriesInstanceUID differs"),
        ({"ImagePositionPatient": [-30, -20, 30.0]}, "uneven distances"),
        ({"ImagePositionPatient": [-30, -20, 34.0]}, "in one place"),
        ({"ImagePositionPatient": [-29, -20, 28.0]}, "voxels away"),
        ({"ImagePositionPatient": [-30, -20, 88.0]}, "or outside"),
        ({"ImageOrientationPatient": [-1, 0, 0, 0, 1, 0]}, "or outside"),
        ({"PatientSex": "U"}, "highdicom refuses"),
    ],
)
def test_what_cannot_be_is_refused(made, values, message):
    paths, mask, target = made()
    for path in paths[:1] if "PatientSex" in values else paths[3:4]:
        rewrite(path, **values)
    assert message in refused(paths, mask, target)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ImageOrientationPatient", b"1\\0\\0\\0\\1 "),
        ("ImageOrientationPatient", b"1\\0\\0\\a\\1\\0 "),
        ("ImagePositionPatient", b"1\\0 "),
        ("ImagePositionPatient", b"nan\\0\\3 "),
        ("PixelSpacing", b"0.8 "),
        ("SOPInstanceUID", b"1.2.3\\1.4 "),
        ("NumberOfFrames", b"abc "),
        ("NumberOfFrames", b"1\\1 "),
    ],
)
def test_damaged_attributes_are_named(made, name, text):
    paths, mask, target = made()
    dataset = pydicom.dcmread(paths[3])
    tag = pydicom.datadict.tag_for_keyword(name)
    vr = pydicom.datadict.dictionary_VR(tag)
    dataset[name] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(tag), vr, len(text), text, 0, False, True
    )
    dataset.save_as(paths[3])
    message = refused(paths, mask, target)
    assert "IM0003: " in message
    assert name in message or "multi-frame" in message
    # Nor does it keep the series from being listed.
    (series,) = list_series(paths)
    assert series.num_slices == SLICES


def test_another_number_of_slices_is_refused(made):
    paths, mask, target = made()
    assert "several volumes" in refused(paths[1:], mask, target)


def test_a_resampled_volume_is_refused(made):
    paths, mask, target = made()
    affine = mask.affine.copy()
    affine[:3, 2] *= 1.08
    moved = dataclasses.replace(mask, affine=affine)
    assert "resampled" in refused(paths, moved, target)


def test_small_errors_of_headers_do_no_harm(made):
    paths, mask, target = made(
        changes=lambda dataset, index: setattr(
            dataset,
            "ImagePositionPatient",
            [-30.02, -20, round(10 + 6 * index + 0.004 * (index % 2), 3)],
        )
    )
    frames = mask_on_planes(mask, read_planes([str(p) for p in paths]))
    for path, frame in zip(paths, frames, strict=True):
        lesions = pydicom.dcmread(path).pixel_array == LESION
        np.testing.assert_array_equal(frame == 1, lesions)
    assert target.exists()


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    check_highdicom()
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(UserError, match=r"\.\[dicom\]"):
        check_highdicom()
