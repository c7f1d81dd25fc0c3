"""Finds the FLAIR volumes and reference masks of a BIDS data set."""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.bids_masks import MaskFile, list_pipelines, match_masks
from data_prep.cases.bids_names import BidsName, parse_bids_name
from data_prep.cases.case import (
    METADATA_FIELDS,
    Case,
    clean_label,
    without_prefix,
)
from data_prep.cases.channels import with_bids_channels
from data_prep.cases.listing import (
    PROGRAM_NAME,
    bullet_list,
    check_readable,
    is_own_folder,
    read_description,
)
from data_prep.errors import UserError
from data_prep.files import read_csv
from data_prep.nifti import is_nifti

_FLAIR_PLACES = ("sub-*/anat", "sub-*/ses-*/anat")
_FOLDERS = ("sub-*", "sub-*/ses-*", *_FLAIR_PLACES)
_PARTICIPANT_FIELDS = ("split", *METADATA_FIELDS)


def is_bids_dataset(path: Path) -> bool:
    """Tells whether a folder is a (raw or derivative) BIDS data set.

    It is one where it has a dataset_description.json, or a FLAIR at
    sub-*/anat or sub-*/ses-*/anat.
    """
    if not path.is_dir():
        return False
    if (path / "dataset_description.json").is_file():
        return True
    return bool(_list_flairs(path))


def is_derivative(path: Path) -> bool:
    """Tells whether a folder's description calls it a BIDS derivative."""
    description = read_description(path)
    kind = str(description.get("DatasetType", "")).lower()
    return kind == "derivative"


def find_bids_cases(
    path: Path,
    mask_derivative: str | None,
    warn: Callable[[str], None],
    roles: Sequence[str] = (),
) -> list[Case]:
    """Finds all FLAIR volumes of a BIDS data set and their masks.

    Args:
      path: the data set's root.
      mask_derivative: the folder below derivatives/ that holds the masks;
        None takes the only one that holds any.
      warn: gets a sentence for each thing that was passed over.
      roles: of further images to take, see `with_bids_channels`.

    Returns:
      One case a FLAIR, by subject, session and run; `mask` is None where the
      pipeline has none for it.

    Raises:
      UserError: not a raw data set; no FLAIR; two FLAIRs of one subject,
        session and run; no or several pipelines to choose from; a mask that
        fits several FLAIRs, or the reverse; a faulty participants.tsv.
    """
    _check_is_raw(path)
    flairs = _list_flairs(path)
    if not flairs:
        raise UserError(_nothing_found(path))
    _check_distinct(path, flairs)
    masks = _choose_masks(path, mask_derivative, warn)
    mask_of = match_masks(flairs, masks, warn)
    participants = _read_participants(path)
    _warn_of_absent(path, flairs, participants, warn)
    return [
        with_bids_channels(
            _case_of(name, path, participants, mask_of.get(name.path)), roles
        )
        for name in flairs
    ]


def find_bids_images(path: Path, roles: Sequence[str] = ()) -> list[Case]:
    """Finds all FLAIR volumes of a BIDS data set, without masks.

    Further images, one a role, are added by `with_bids_channels`.

    Where several FLAIRs of a subject and session differ in other entities
    only (acq, rec, …), these become the run: `acq-ax` gives the run "acqax".

    Raises:
      UserError: not a raw data set, no FLAIR, or a faulty participants.tsv.
    """
    _check_is_raw(path)
    flairs = _list_flairs(path)
    if not flairs:
        raise UserError(_nothing_found(path))
    participants = _read_participants(path)
    counts = collections.Counter(name.key for name in flairs)
    cases = []
    for name in flairs:
        case = _case_of(name, path, participants, None)
        case = with_bids_channels(case, roles)
        if counts[name.key] > 1:
            case = dataclasses.replace(case, run=name.long_run)
        cases.append(case)
    return cases


def _check_is_raw(path: Path) -> None:
    if is_own_folder(path):
        raise UserError(
            f"{path}: expected FLAIR volumes, received output of this program "
            "(GeneratedBy in its dataset_description.json); give the data set "
            "that it was made from"
        )
    if is_derivative(path):
        raise UserError(
            f"{path}: expected a raw BIDS data set, received a derivative "
            "(DatasetType in its dataset_description.json); give the raw data "
            "set's folder and name the derivative by --mask_derivative="
            f"{path.name}, or list the files in a CSV manifest"
        )


def _list_flairs(path: Path) -> list[BidsName]:
    for place in _FOLDERS:
        for folder in path.glob(place):
            if folder.is_dir():
                check_readable(folder)
    names = []
    for place in _FLAIR_PLACES:
        for file in path.glob(f"{place}/sub-*"):
            if not is_nifti(file):
                continue
            name = parse_bids_name(file)
            if name is not None and name.suffix.lower() == "flair":
                _check_place(name, path)
                names.append(name)
    return sorted(names, key=lambda name: (name.key, name.path))


def _check_place(name: BidsName, root: Path) -> None:
    """Refuses a FLAIR in the folder of somebody else, or of another session."""
    folders = name.path.relative_to(root).parts[:-2]
    named = (f"sub-{name.subject}", f"ses-{name.session}")
    for folder, label in zip(folders, named, strict=False):
        # A session that a name leaves out is the folder's.
        if folder != label and label != "ses-":
            raise UserError(
                f"{name.path}: expected a name with {folder}, as its folder "
                f"has, received {label}; rename the file, or move it to where "
                "it belongs"
            )


def _nothing_found(path: Path) -> str:
    subjects = sorted(folder.name for folder in path.glob("sub-*"))
    return (
        f"{path}: expected FLAIR volumes at sub-*/anat/*_FLAIR.nii.gz or "
        f"sub-*/ses-*/anat/*_FLAIR.nii.gz, found none in {len(subjects)} "
        "subject folders"
    )


def _check_distinct(path: Path, flairs: list[BidsName]) -> None:
    counts = collections.Counter(name.key for name in flairs)
    twice = [
        name.path.relative_to(path) for name in flairs if counts[name.key] > 1
    ]
    if twice:
        raise UserError(
            f"{path}: expected one FLAIR for a subject, session and run, "
            f"found several:\n{bullet_list(twice)}\n"
            "List the wanted ones in a CSV manifest (subject_id, session, "
            "run, flair, mask), or move the others away"
        )


def _choose_masks(
    path: Path, mask_derivative: str | None, warn: Callable[[str], None]
) -> list[MaskFile]:
    pipelines = list_pipelines(path / "derivatives")
    if mask_derivative is not None:
        return _named_masks(path, mask_derivative, pipelines)
    with_masks = {name: masks for name, masks in pipelines.items() if masks}
    if len(with_masks) > 1:
        counted = [
            f"{name} ({len(masks)} masks)" for name, masks in with_masks.items()
        ]
        raise UserError(
            f"{path}/derivatives: expected one pipeline with lesion masks, "
            f"found several:\n{bullet_list(counted)}\n"
            "Choose by --mask_derivative=NAME"
        )
    if not with_masks:
        folder = path / "derivatives"
        which = "" if folder.is_dir() else ", since there is no such folder"
        warn(f"{folder}: no reference masks found{which}")
        return []
    return next(iter(with_masks.values()))


def _named_masks(
    path: Path, wanted: str, pipelines: dict[str, list[MaskFile]]
) -> list[MaskFile]:
    wanted = wanted.rstrip("/")
    folder = path / "derivatives" / wanted
    if is_own_folder(folder) or folder.name == PROGRAM_NAME:
        raise UserError(
            f"{folder}: output of this program is never taken for a reference"
        )
    if not pipelines.get(wanted):
        state = "has no masks" if wanted in pipelines else "does not exist"
        known = [name for name, masks in pipelines.items() if masks]
        raise UserError(
            f"--mask_derivative={wanted}: {folder} {state}; expected one of "
            f"{known or 'none: no derivative has lesion masks'}"
        )
    return pipelines[wanted]


def _read_participants(path: Path) -> dict[str, dict[str, str]]:
    file = path / "participants.tsv"
    if not file.is_file():
        return {}
    participants = {}
    for written in read_csv(file, delimiter="\t"):
        row = {column.lower(): field for column, field in written.items()}
        if "participant_id" not in row:
            raise UserError(
                f"{file}: expected a column participant_id, received "
                f"{', '.join(row)}"
            )
        subject = without_prefix(row["participant_id"], "sub-")
        if subject in participants:
            raise UserError(f"{file}: sub-{subject} has two lines")
        participants[subject] = {
            field: clean_label(row.get(field)) for field in _PARTICIPANT_FIELDS
        }
    return participants


def _warn_of_absent(
    path: Path,
    flairs: list[BidsName],
    participants: dict[str, dict[str, str]],
    warn: Callable[[str], None],
) -> None:
    with_flair = {name.subject for name in flairs}
    folders = {
        without_prefix(folder.name, "sub-")
        for folder in path.glob("sub-*")
        if folder.is_dir()
    }
    for subject in sorted((folders | set(participants)) - with_flair):
        warn(f"sub-{subject}: no FLAIR volume, left out")


def _case_of(
    name: BidsName,
    root: Path,
    participants: dict[str, dict[str, str]],
    mask: Path | None,
) -> Case:
    fields = dict(participants.get(name.subject, {}))
    split = fields.pop("split", "").lower() or None
    return Case(
        subject_id=name.subject,
        images=(("flair", str(name.path)),),
        session=name.session,
        run=name.run,
        mask=None if mask is None else str(mask),
        split=split,
        relative_path=name.path.relative_to(root).as_posix(),
        **fields,
    )
