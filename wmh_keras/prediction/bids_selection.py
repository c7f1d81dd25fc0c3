"""Which participants and sessions of a BIDS data set a run is about."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.bids import is_bids_dataset, is_derivative
from data_prep.cases.case import Case, without_prefix
from data_prep.cases.listing import bullet_list
from data_prep.errors import UserError


@dataclasses.dataclass(frozen=True)
class Selection:
    """Labels of participants and sessions; none of a kind means all.

    Attributes:
      subjects: without "sub-".
      sessions: without "ses-".
    """

    subjects: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()


def check_is_raw_bids(path: Path) -> None:
    """Checks that a folder is a BIDS data set of images.

    Raises:
      UserError: it is not there, no data set, or a derivative of one.
    """
    if not path.is_dir():
        raise UserError(f"{path}: expected a BIDS data set, no such folder")
    if not is_bids_dataset(path):
        raise UserError(
            f"{path}: expected a BIDS data set, with sub-*/anat/*_FLAIR.nii.gz "
            "or sub-*/ses-*/anat/*_FLAIR.nii.gz; wmh-predict takes other "
            "folders and files"
        )
    if is_derivative(path):
        raise UserError(
            f"{path}: expected a BIDS data set of images, received a "
            "derivative (DatasetType in its dataset_description.json)"
        )


def select_cases(
    path: Path,
    cases: Sequence[Case],
    selection: Selection,
    warn: Callable[[str], None],
) -> list[Case]:
    """Returns the cases that a selection names.

    Args:
      path: the BIDS data set.
      cases: all of its FLAIRs.
      selection: what is wanted.
      warn: gets a sentence for each participant without a FLAIR, where
        nobody in particular is wanted.

    Raises:
      UserError: a participant who is not there or has no FLAIR, in these
        sessions where some are named; or a session that nobody has. A wanted
        scan is never left out without a word.
    """
    found = [
        case
        for case in cases
        if not selection.sessions or case.session in selection.sessions
    ]
    if selection.subjects:
        found = [c for c in found if c.subject_id in selection.subjects]
    else:
        for subject in _without_flair(path, cases):
            warn(f"sub-{subject}: no FLAIR volume, left out")
    wanted = [("sub", label) for label in selection.subjects]
    wanted += [("ses", label) for label in selection.sessions]
    known = {("sub", c.subject_id) for c in found}
    known |= {("ses", c.session) for c in found}
    absent = [
        f"{key}-{label}" for key, label in wanted if (key, label) not in known
    ]
    if absent:
        raise UserError(
            f"{path}: no FLAIR volume was found for these labels"
            + (" in these sessions" if selection.sessions else "")
            + f":\n{bullet_list(absent)}\nThere are:\n"
            + bullet_list(sorted({_describe(case) for case in cases}))
        )
    return found


def _without_flair(path: Path, cases: Sequence[Case]) -> list[str]:
    folders = {
        without_prefix(folder.name, "sub-")
        for folder in path.glob("sub-*")
        if folder.is_dir()
    }
    return sorted(folders - {case.subject_id for case in cases})


def _describe(case: Case) -> str:
    session = f" ses-{case.session}" if case.session else ""
    return f"sub-{case.subject_id}{session}"
