"""Finds cases: in a BIDS data set, a manifest, folders or DICOM series."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

from data_prep.cases.bids import (
    find_bids_cases,
    find_bids_images,
    is_bids_dataset,
    is_derivative,
)
from data_prep.cases.case import Case
from data_prep.cases.dicom import (
    DicomConverter,
    find_dicom_images,
    has_dicom_files,
    is_one_study,
)
from data_prep.cases.folders import (
    find_folder_cases,
    find_folder_images,
    image_case,
)
from data_prep.cases.listing import is_own_folder, list_images
from data_prep.cases.manifest import is_manifest, read_manifest
from data_prep.errors import UserError
from data_prep.nifti import is_nifti

_warn = logging.getLogger(__name__).warning


def find_cases(
    path: str | Path,
    *,
    mask_derivative: str | None = None,
    series: str | None = None,
    work_dir: Path | None = None,
    warn: Callable[[str], None] = _warn,
) -> list[Case]:
    """Finds the volumes to prepare, with masks and what is known of them.

    What is accepted, and how masks are found, is in data_prep/README.md.
    Nothing is opened: `checks.check_cases` does that. Excluded cases are
    among the result, with their `exclude_reason`.

    Args:
      path: a BIDS data set, a CSV or TSV manifest, a folder of subject
        folders (NIfTI or DICOM), one DICOM study, or a FLAIR file.
      mask_derivative: of a BIDS data set: which derivative holds the masks.
      series: of DICOM folders: number or description of the FLAIR series.
      work_dir: where DICOM series are converted to; None takes a temporary
        folder that goes when the process ends.
      warn: gets a sentence for each thing that was passed over; the default
        logs it.

    Returns:
      At least one case, in a fixed order.

    Raises:
      UserError: nothing there, nothing found, or several candidates where
        one was expected (all of them are listed).
    """
    path = _existing(path)
    if mask_derivative is not None and not is_bids_dataset(path):
        raise UserError(
            f"--mask_derivative={mask_derivative} needs a BIDS data set, but "
            f"{path} is none"
        )
    if path.is_file():
        return _cases_of_file(path)
    _check_is_top(path)
    if is_bids_dataset(path):
        return find_bids_cases(path, mask_derivative, warn)
    converter = DicomConverter(series, work_dir, warn)
    if not list_images(path) and is_one_study(path):
        return find_dicom_images(path, converter)
    return find_folder_cases(path, converter.convert_flair, warn)


def find_images(
    path: str | Path,
    *,
    series: str | None = None,
    work_dir: Path | None = None,
    warn: Callable[[str], None] = _warn,
) -> list[Case]:
    """Finds the FLAIR images to predict; masks are neither needed nor kept.

    Args:
      path: a NIfTI file, a folder (searched to any depth), a DICOM folder, a
        BIDS data set, or a manifest.
      series: of DICOM folders: number or description of the FLAIR series.
      work_dir: where DICOM series are converted to; None takes a temporary
        folder that goes when the process ends.
      warn: gets a sentence for each thing that was passed over.

    Returns:
      At least one case, in a fixed order; `relative_path` says where below
      `path` each lies, for outputs that mirror the input.

    Raises:
      UserError: nothing there or nothing found (says what was looked for),
        or a DICOM folder in which several series can be the FLAIR.
    """
    path = _existing(path)
    if is_manifest(path):
        return _without_excluded(path, read_manifest(path), warn)
    if path.is_file():
        return _images_of_file(path)
    if is_own_folder(path):
        raise UserError(
            f"{path}: expected FLAIR images, received output of this program"
        )
    if is_bids_dataset(path) and not is_derivative(path):
        return _without_excluded(path, find_bids_images(path), warn)
    cases = find_folder_images(path, warn)
    if not cases and has_dicom_files(path):
        cases = find_dicom_images(path, DicomConverter(series, work_dir, warn))
    if not cases:
        raise UserError(
            f"{path}: expected NIfTI files (.nii, .nii.gz) or DICOM files, "
            f"found none but {len(list_images(path))} whose names say mask, "
            "label, lesion, segmentation or probability; one of these can be "
            "given by its own path"
        )
    return cases


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser().absolute()
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    return path


def _cases_of_file(path: Path) -> list[Case]:
    if is_manifest(path):
        return read_manifest(path)
    return _images_of_file(path)


def _images_of_file(path: Path) -> list[Case]:
    if not is_nifti(path):
        raise UserError(
            f"{path}: expected a NIfTI file (.nii, .nii.gz), a manifest "
            "(.csv, .tsv) or a folder"
        )
    return [image_case(path, path.parent)]


def _check_is_top(path: Path) -> None:
    is_subject = path.name.startswith("sub-") and (
        (path / "anat").is_dir() or any(path.glob("ses-*/anat"))
    )
    if is_subject or path.name == "derivatives":
        what = "one subject" if is_subject else "the derivatives"
        raise UserError(
            f"{path}: expected a whole data set, received {what} of one; give "
            f"{path.parent}"
        )


def _without_excluded(
    path: Path, cases: list[Case], warn: Callable[[str], None]
) -> list[Case]:
    kept = [
        dataclasses.replace(case, mask=None)
        for case in cases
        if not case.exclude_reason
    ]
    for case in cases:
        if case.exclude_reason:
            warn(f"{case.volume_id}: excluded ({case.exclude_reason})")
    if not kept:
        raise UserError(f"{path}: all {len(cases)} volumes are excluded")
    return kept
