"""SimpleITK, which reads through GDCM, finds the mask in the same place."""

import numpy as np
import pytest

from data_prep.cases import find_images
from data_prep.dicom_seg import SegAlgorithm, write_dicom_seg
from data_prep.nifti import read_volume

simpleitk = pytest.importorskip("SimpleITK")
pytest.importorskip("highdicom")
pytest.importorskip("dcm2niix")

LESION = 400


@pytest.mark.parametrize("distance", [6.5, -6.5])
@pytest.mark.parametrize(
    "axes",
    [
        ((1, 0, 0), (0, 1, 0)),
        ((0, 1, 0), (0, 0, -1)),
        ((1, 0, 0), (0, 0, -1)),
        ((0.8, 0.6, 0), (-0.48, 0.64, 0.6)),
    ],
    ids=["axial", "sagittal", "coronal", "oblique"],
)
def test_read_back_in_the_same_place(
    tmp_path, write_dicom_series, axes, distance
):
    random = np.random.default_rng(5)
    # A multiple of 8 in all: of the last byte's pixels, GDCM leaves the rest
    # undefined.
    pixels = random.integers(10, 100, (6, 12, 9))
    pixels[random.random(pixels.shape) < 0.07] = LESION
    step = np.cross(*axes) * distance
    write_dicom_series(tmp_path / "p", pixels, axes=axes, step=step)
    (case,) = find_images(tmp_path / "p", work_dir=tmp_path / "work")
    flair = read_volume(case.flair)
    mask = flair.with_data((flair.data == LESION).astype(np.uint8))
    target = tmp_path / "mask.dcm"
    algorithm = SegAlgorithm("unet-1", 0.5, 0.0)
    write_dicom_seg(target, mask, case.dicom_files, algorithm)

    image = simpleitk.ReadImage(str(target))
    inside = np.argwhere(simpleitk.GetArrayFromImage(image) > 0)
    lps = [
        image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
        for index in inside
    ]
    ras = np.array(lps) * [-1, -1, 1]
    voxels = np.linalg.inv(mask.affine_mm) @ np.c_[ras, np.ones(len(ras))].T
    assert np.abs(voxels - np.rint(voxels)).max() < 0.05
    found = {tuple(voxel) for voxel in np.rint(voxels[:3]).astype(int).T}
    assert found == {tuple(voxel) for voxel in np.argwhere(mask.data)}
    assert len(found) == (pixels == LESION).sum() > 20
