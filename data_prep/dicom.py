"""Converts DICOM series to NIfTI and finds the FLAIR among them."""

from pathlib import Path

from data_prep.case import Case


class DicomConverter:
    """Converts with dcm2niix."""

    def __init__(self, series: str | None, work_dir: Path | None) -> None:
        self._series = series
        self._work_dir = work_dir

    def convert_flair(self, folder: Path) -> Path | None:
        """Finds the FLAIR below a folder."""
        return None


def has_dicom_files(path: Path) -> bool:
    """Tells whether a folder has DICOM files."""
    return False


def find_dicom_images(path: Path, converter: DicomConverter) -> list[Case]:
    """Finds cases."""
    return []
