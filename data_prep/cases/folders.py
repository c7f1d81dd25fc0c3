"""Finds cases in a folder of subject folders, and images in any folder."""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.bids_names import parse_bids_name
from data_prep.cases.case import Case
from data_prep.cases.channels import (
    images_of_flair,
    with_bids_channels,
    with_folder_channels,
)
from data_prep.cases.listing import (
    bullet_list,
    is_derived_name,
    is_flair_name,
    is_in_mask_folder,
    is_mask_name,
    is_role_name,
    list_images,
    visible_folders,
)
from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.nifti import is_nifti, nifti_stem

FlairConverter = Callable[[Path], Path | None]


def find_folder_cases(
    path: Path,
    convert: FlairConverter,
    warn: Callable[[str], None],
    roles: Sequence[str] = (),
) -> list[Case]:
    """Finds one case in each sub-folder: a FLAIR and maybe a mask.

    The sub-folder's name is the subject's id. In the layout of the WMH
    Segmentation Challenge (SITE/…/SUBJECT/pre/FLAIR.nii.gz beside
    SUBJECT/wmh.nii.gz) the folder SITE gives the site, and pre/ goes before
    orig/.

    Args:
      path: the folder of subject folders.
      convert: makes a FLAIR from the DICOM files below a folder; None where
        there are no DICOM files.
      warn: gets a sentence for each folder that was passed over.
      roles: of further images to take, see `with_folder_channels`.

    Returns:
      The cases, by folder name.

    Raises:
      UserError: no sub-folder has a FLAIR, or some have several FLAIRs or
        several masks; all of them are listed.
    """
    subjects = _challenge_subjects(path) or [
        (folder, "") for folder in visible_folders(path)
    ]
    cases, conflicts, failures = [], [], []
    for folder, site in subjects:
        images = list_images(folder)
        flairs = _prefer_preprocessed(list(filter(is_flair_name, images)))
        masks = list(filter(is_mask_name, images))
        conflicts += _conflicts(folder, "FLAIR", flairs)
        conflicts += _conflicts(folder, "mask", masks)
        try:
            flair = flairs[0] if flairs else convert(folder)
        except UserError as error:
            failures.append(str(error))
            continue
        if flair is None:
            warn(f"{folder}: no FLAIR volume, left out")
            continue
        inside = flair.is_relative_to(path)
        case = Case(
            subject_id=folder.name.removeprefix("sub-"),
            images=(("flair", str(flair)),),
            site=site,
            mask=str(masks[0]) if masks else None,
            relative_path=flair.relative_to(path).as_posix()
            if inside
            else f"{folder.name}/{folder.name}_FLAIR.nii.gz",
        )
        cases.append(with_folder_channels(case, roles, images, folder))
    if conflicts:
        failures.append(
            f"{path}: expected one FLAIR and at most one mask in a subject's "
            f"folder, found\n{bullet_list(conflicts)}\n"
            "Move the others away, or list the files in a CSV manifest"
        )
    if failures:
        raise UserError("\n".join(failures))
    if not cases:
        raise UserError(_nothing_found(path))
    return cases


def find_folder_images(
    path: Path, warn: Callable[[str], None], roles: Sequence[str] = ()
) -> list[Case]:
    """Finds the images to predict anywhere below a folder.

    They are the NIfTI files whose name contains FLAIR or, if none does, all
    NIfTI files; never masks, probabilities or earlier output, as far as names
    of files and folders tell. Names such as sub-01_ses-1_FLAIR give subject
    and session; else the id is the path below the folder, joined by "_".

    Args:
      path: the folder.
      warn: gets a sentence on images passed over for their names.
      roles: of further images to take, see `images_of_flair`; images whose
        names say such a role are never taken for a FLAIR.

    Returns:
      The cases by path; empty where there is none.
    """
    images = [
        image
        for image in list_images(path)
        if not is_in_mask_folder(image, path)
    ]
    flairs = [image for image in images if is_flair_name(image)]
    others = [
        image
        for image in images
        if not is_derived_name(image) and image not in flairs
    ]
    said = [i for i in others if any(is_role_name(i, r) for r in roles)]
    others = [image for image in others if image not in said]
    if not flairs:
        flairs = others
    elif others:
        shown = listed((str(o.relative_to(path)) for o in others), 5)
        warn(
            f"passed over {len(others)} images whose names do not say FLAIR, "
            f"since others do: {shown}"
        )
    cases = [
        _with_channels(image_case(image, path), roles, path, flairs, said)
        for image in flairs
    ]
    counts = collections.Counter(case.volume_id for case in cases)
    return [
        _with_path_id(case) if counts[case.volume_id] > 1 else case
        for case in cases
    ]


def image_case(image: Path, root: Path) -> Case:
    """A case for one image, named after its path below `root`."""
    case = Case(
        subject_id="",
        images=(("flair", str(image)),),
        relative_path=image.relative_to(root).as_posix(),
    )
    name = parse_bids_name(image)
    if name is None:
        return _with_path_id(case)
    return dataclasses.replace(
        case, subject_id=name.subject, session=name.session, run=name.run
    )


def _with_channels(
    case: Case,
    roles: Sequence[str],
    root: Path,
    flairs: Sequence[Path],
    images: Sequence[Path],
) -> Case:
    flair = Path(case.flair)
    if parse_bids_name(flair) is not None:
        return with_bids_channels(case, roles)
    own, where = images_of_flair(flair, root, flairs, images, roles)
    return with_folder_channels(case, roles, own, where)


def _with_path_id(case: Case) -> Case:
    path = Path(case.relative_path)
    parts = [*path.parts[:-1], nifti_stem(path)]
    return dataclasses.replace(
        case, subject_id="_".join(parts), session="", run=""
    )


def _challenge_subjects(path: Path) -> list[tuple[Path, str]]:
    folders = sorted(
        {
            image.parent.parent
            for image in list_images(path)
            if image.parent.name in ("pre", "orig")
            and nifti_stem(image).lower() == "flair"
        }
    )
    subjects = []
    for folder in folders:
        has_mask = any(
            nifti_stem(file).lower() == "wmh"
            for file in folder.iterdir()
            if is_nifti(file)
        )
        if has_mask and folder != path:
            sites = folder.relative_to(path).parts[:-1]
            subjects.append((folder, sites[0] if sites else ""))
    # Only where all subjects are laid out so; else the plain rule holds.
    return subjects if len(subjects) == len(folders) else []


def _prefer_preprocessed(flairs: list[Path]) -> list[Path]:
    folders = {flair.parent.name: flair for flair in flairs}
    if len(flairs) == 2 and set(folders) == {"pre", "orig"}:
        return [folders["pre"]]
    return flairs


def _conflicts(folder: Path, what: str, found: list[Path]) -> list[str]:
    if len(found) < 2:
        return []
    names = [path.relative_to(folder).as_posix() for path in found]
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    return [f"{folder.name}: {len(names)} {what} files ({shown})"]


def _nothing_found(path: Path) -> str:
    return (
        f"{path}: expected a BIDS data set (sub-*/anat/*_FLAIR.nii.gz), a CSV "
        "manifest, or a folder of subject folders, each with a NIfTI file "
        "whose name contains FLAIR (or DICOM files); found "
        f"{len(visible_folders(path))} sub-folders without one and "
        f"{len(list_images(path))} NIfTI files in all"
    )
