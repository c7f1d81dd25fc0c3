"""Finds cases: in a BIDS data set, a manifest, folders or DICOM series."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from data_prep.cases.bids import (
    find_bids_cases,
    find_bids_images,
    is_bids_dataset,
    is_derivative,
)
from data_prep.cases.case import Case
from data_prep.cases.channels import with_channels
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
from data_prep.cases.listing import (
    is_flair_name,
    is_own_folder,
    is_role_name,
    list_images,
)
from data_prep.cases.manifest import is_manifest, read_manifest
from data_prep.cases.names import check_names
from data_prep.errors import UserError
from data_prep.nifti import is_nifti

_warn = logging.getLogger(__name__).warning


def find_cases(
    path: str | Path,
    *,
    channels: Sequence[str] = ("flair",),
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
      channels: roles of the images wanted, flair first. What is not found of
        the others is in a case's `missing`, for the checks to say.
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
        one was expected (all of them are listed); DICOM where more than the
        FLAIR is wanted; names that are no text.
    """
    path = _existing(path)
    cases = _find_cases(
        path, channels[1:], mask_derivative, series, work_dir, warn
    )
    check_names(cases)
    return cases


def _find_cases(
    path: Path,
    roles: Sequence[str],
    mask_derivative: str | None,
    series: str | None,
    work_dir: Path | None,
    warn: Callable[[str], None],
) -> list[Case]:
    if mask_derivative is not None and not is_bids_dataset(path):
        raise UserError(
            f"--mask_derivative={mask_derivative} needs a BIDS data set, but "
            f"{path} is none"
        )
    if path.is_file():
        return _cases_of_file(path, roles)
    _check_is_top(path)
    if is_bids_dataset(path):
        return find_bids_cases(path, mask_derivative, warn, roles)
    converter = DicomConverter(series, work_dir, warn)
    if not list_images(path) and is_one_study(path):
        _check_flair_alone(path, roles)
        return find_dicom_images(path, converter)

    def convert(folder: Path) -> Path | None:
        if roles and has_dicom_files(folder):
            _check_flair_alone(folder, roles)
        return converter.convert_flair(folder)

    return find_folder_cases(path, convert, warn, roles)


def find_images(
    path: str | Path,
    *,
    channels: Sequence[str] = ("flair",),
    images: Mapping[str, str | Path] | None = None,
    series: str | None = None,
    work_dir: Path | None = None,
    warn: Callable[[str], None] = _warn,
) -> list[Case]:
    """Finds the FLAIR images to predict; masks are neither needed nor kept.

    Args:
      path: a NIfTI file, a folder (searched to any depth), a DICOM folder, a
        BIDS data set, or a manifest.
      channels: as for `find_cases`.
      images: role to file, of the further images where `path` is one NIfTI
        file; there, nothing is found by its name.
      series: of DICOM folders: number or description of the FLAIR series.
      work_dir: where DICOM series are converted to; None takes a temporary
        folder that goes when the process ends.
      warn: gets a sentence for each thing that was passed over.

    Returns:
      At least one case, in a fixed order; `relative_path` says where below
      `path` each lies, for outputs that mirror the input.

    Raises:
      UserError: nothing there or nothing found (says what was looked for),
        or a DICOM folder in which several series can be the FLAIR; DICOM
        where more than the FLAIR is wanted; `images` that do not fit; names
        that are no text.
    """
    path = _existing(path)
    roles = channels[1:]
    given = _checked_images(path, images or {}, roles)
    cases = _find_images(path, roles, given, series, work_dir, warn)
    check_names(cases)
    return cases


def _find_images(
    path: Path,
    roles: Sequence[str],
    given: Mapping[str, Path],
    series: str | None,
    work_dir: Path | None,
    warn: Callable[[str], None],
) -> list[Case]:
    if is_manifest(path):
        return _without_excluded(path, read_manifest(path, roles), warn)
    if path.is_file():
        if is_role_name(path, "t1"):
            warn(f"{path}: taken for the FLAIR, though its name says T1")
        return _images_of_file(path, roles, given)
    if is_own_folder(path):
        raise UserError(
            f"{path}: expected FLAIR images, received output of this program"
        )
    if is_bids_dataset(path) and not is_derivative(path):
        return _without_excluded(path, find_bids_images(path, roles), warn)
    cases = find_folder_images(path, warn, roles)
    if not cases and has_dicom_files(path):
        _check_flair_alone(path, roles)
        cases = find_dicom_images(path, DicomConverter(series, work_dir, warn))
    if not cases:
        raise UserError(_say_none(path))
    return cases


def _say_none(path: Path) -> str:
    sentence = (
        f"{path}: expected NIfTI files (.nii, .nii.gz) or DICOM files, found "
        "none"
    )
    passed_over = len(list_images(path))
    if not passed_over:
        return f"{sentence} there or below; is it the right folder?"
    return (
        f"{sentence} but {passed_over} whose names say mask, label, lesion, "
        "segmentation or probability; one of these can be given by its own path"
    )


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser().absolute()
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    return path


def _checked_images(
    path: Path, images: Mapping[str, str | Path], roles: Sequence[str]
) -> dict[str, Path]:
    if images and (path.is_dir() or is_manifest(path)):
        raise UserError(
            f"--image goes with a single NIfTI file, but {path} is none: the "
            "images of several scans are found by their names, or listed in a "
            "CSV manifest"
        )
    unknown = sorted(set(images) - set(roles))
    for role, file in images.items():
        if is_flair_name(file) and is_role_name(path, role):
            raise UserError(
                f"{path} is to be the FLAIR, but its name says {role}; "
                f"--image={role}={file} says FLAIR: give them the other way "
                "round, or correct the names"
            )
    if unknown:
        wanted = ", ".join(roles) or "none beside the FLAIR"
        raise UserError(
            f"--image={unknown[0]}=…: expected one of the images that the "
            f"model takes ({wanted})"
        )
    return {role: _existing(file) for role, file in images.items()}


def _check_flair_alone(path: Path, roles: Sequence[str]) -> None:
    if roles:
        raise UserError(
            f"{path}: DICOM gives the FLAIR alone, not the {', '.join(roles)}; "
            "convert the series (dcm2niix), register them to the FLAIR, and "
            "give the NIfTI files"
        )


def _cases_of_file(path: Path, roles: Sequence[str]) -> list[Case]:
    if is_manifest(path):
        return read_manifest(path, roles)
    return _images_of_file(path, roles, {})


def _images_of_file(
    path: Path, roles: Sequence[str], images: Mapping[str, Path]
) -> list[Case]:
    if not is_nifti(path):
        raise UserError(
            f"{path}: expected a NIfTI file (.nii, .nii.gz), a manifest "
            "(.csv, .tsv) or a folder"
        )
    return [
        with_channels(
            image_case(path, path.parent),
            roles,
            lambda role: [images[role]] if role in images else [],
            "a file named by --image={role}=FILE (wmh-predict)",
        )
    ]


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
