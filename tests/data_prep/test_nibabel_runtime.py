import numpy as np
from nibabel.nifti1 import Nifti1Extension

from data_prep.nibabel_runtime import nib
from data_prep.nifti import read_volume


def test_pydicom_stays_away_until_it_is_wanted(run_python):
    code = (
        "import sys\n"
        "import data_prep.nifti\n"
        "print('pydicom' in sys.modules)\n"
        "import pydicom\n"
        "print(pydicom.Dataset.__name__)"
    )
    assert run_python(code).split() == ["False", "Dataset"]


def test_an_image_that_carries_a_dicom_header_is_read(tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = nib.Nifti1Image(data, np.eye(4))
    image.header.extensions.append(Nifti1Extension("dicom", b"no DICOM"))
    nib.save(image, tmp_path / "FLAIR.nii")
    np.testing.assert_array_equal(
        read_volume(tmp_path / "FLAIR.nii").data, data
    )
