"""What the tests share."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
# Tests train the same small networks again and again, in this process and in
# others. What was compiled once in a run of the tests is used again in it.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _compiled = tempfile.mkdtemp(prefix="wmh_compiled_")
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import pytest

# Some tests press Ctrl-C or close the terminal. A shell that starts them in the
# background, and nohup, have that ignored in them and in all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def run_python() -> Callable[[str], str]:
    """Runs code in an interpreter of its own; it has to end well.

    Returns its standard output.
    """

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def realdata_dir() -> Path:
    """Real volumes with masks; they are not part of the repository."""
    folder = Path(
        os.environ.get("WMH_REALDATA", ROOT.parent / "shared/realdata")
    )
    if not (folder / "dataset_description.json").exists():
        pytest.skip("no real volumes here; WMH_REALDATA names their folder")
    return folder


@pytest.fixture(scope="session")
def realdata_extra_dir(realdata_dir: Path) -> Path:
    """Unlabelled FLAIR with sessions, beside the real volumes."""
    folder = realdata_dir.parent / "realdata_extra"
    if not folder.exists():
        pytest.skip("no further real volumes here")
    return folder


@pytest.fixture(scope="session")
def phantom_cohort(tmp_path_factory) -> Path:
    """A BIDS data set of eight synthetic heads with masks."""
    from data_prep.phantom import write_cohort

    folder = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(folder, num_subjects=8, seed=1)
    return folder


@pytest.fixture(scope="session")
def write_dicom_series():
    """Writes a FLAIR series: see `_write_dicom_series`."""
    pytest.importorskip("pydicom")
    return _write_dicom_series


def _write_dicom_series(
    folder,
    pixels,
    *,
    axes=((1, 0, 0), (0, 1, 0)),
    step=(0, 0, 6.0),
    origin=(-30.0, -20.0, 10.0),
    spacing=(0.8, 0.7),
    changes=lambda dataset, index: None,
):
    """Writes slices as files of an MR series.

    Args:
      folder: where they go, "IM0000" and so on in the order of `pixels`.
      pixels: (slices, rows, columns) uint16.
      axes: directions of a row (rising columns) and of a column, in LPS.
      step: from one slice to the next, in mm, LPS.
      origin: centre of the first pixel of the first slice.
      spacing: DICOM's PixelSpacing: between rows, between columns.
      changes: called with each data set before it is written.

    Returns:
      The paths, in the order of the slices.
    """
    import numpy as np
    import pydicom

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, plane in enumerate(np.asarray(pixels, np.uint16)):
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        dataset.SOPInstanceUID = f"1.2.3.4.{index + 1}"
        dataset.StudyInstanceUID = "1.2.3"
        dataset.SeriesInstanceUID = "1.2.3.4"
        dataset.FrameOfReferenceUID = "1.2.3.9"
        dataset.PatientName, dataset.PatientID = "Müller^Jane", "SECRET77"
        dataset.PatientBirthDate, dataset.PatientSex = "19500102", "F"
        dataset.StudyDate, dataset.StudyTime = "20200304", "101112"
        dataset.StudyID, dataset.AccessionNumber = "7", "ACC5"
        dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.SeriesNumber, dataset.SeriesDescription = 4, "AX FLAIR"
        dataset.InstanceNumber, dataset.AcquisitionNumber = index + 1, 1
        dataset.EchoTime, dataset.RepetitionTime = 100.0, 9000.0
        dataset.InversionTime, dataset.SliceThickness = 2500.0, 5.0
        dataset.PixelSpacing = list(spacing)
        dataset.ImageOrientationPatient = [
            round(float(x), 9) for x in np.ravel(axes)
        ]
        dataset.ImagePositionPatient = [
            round(float(x), 6) for x in np.add(origin, np.multiply(index, step))
        ]
        dataset.Rows, dataset.Columns = plane.shape
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        dataset.PixelData = plane.tobytes()
        changes(dataset, index)
        meta = dataset.file_meta
        meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        paths.append(folder / f"IM{index:04d}")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths
