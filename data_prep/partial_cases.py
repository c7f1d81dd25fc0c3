"""Which heads may get partial masks, and the manifest that lists them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.cases import Case
from data_prep.cases.case import METADATA_FIELDS
from data_prep.cases.manifest import read_manifest
from data_prep.errors import UserError
from data_prep.files import write_csv
from data_prep.split_names import UNLABELLED

# A partial mask teaches; nothing can be measured against it.
SPLIT = "train"
_COLUMNS = (
    "subject_id",
    "session",
    "run",
    "split",
    "flair",
    "mask",
    *METADATA_FIELDS,
)


def choose_heads(
    cases: Sequence[Case], splits: Mapping[str, str]
) -> tuple[list[Case], list[str]]:
    """Chooses the scans that may take part in a training by a partial mask.

    Args:
      cases: what was found.
      splits: of the subjects of the labelled study; {} without one.

    Returns:
      The heads, and a line for each scan that is left out: an excluded one,
      one with a mask of its own, and one whose subject is kept for validation
      or test, by its own split or by that in the labelled study.

    Raises:
      UserError: DICOM series, or nothing left.
    """
    if any(case.dicom_files for case in cases):
        raise UserError(
            "expected NIfTI files, since the masks lie on their grids; "
            "received DICOM series: convert them (dcm2niix) and give those"
        )
    heads, left_out = [], []
    for case in cases:
        reason = _reason_against(case, splits)
        if reason:
            left_out.append(f"{case.volume_id}: left out, {reason}")
        else:
            heads.append(case)
    if not heads:
        raise UserError(
            "expected scans without masks, all that were found are left "
            "out:\n  " + "\n  ".join(left_out)
        )
    return heads, left_out


def mask_path(output_dir: Path, case: Case) -> Path:
    """Returns where the partial mask of a head goes, as BIDS names it."""
    folder = output_dir / f"sub-{case.subject_id}"
    if case.session:
        folder /= f"ses-{case.session}"
    name = f"{case.volume_id}_label-WMH_desc-partial_mask.nii.gz"
    return folder / "anat" / name


def picture_path(output_dir: Path, case: Case) -> Path:
    """Returns where the picture of a head goes."""
    return output_dir / "pictures" / f"{case.volume_id}.png"


def listed_masks(manifest: Path) -> set[str] | None:
    """Returns the masks that an earlier manifest has, excluded ones left out.

    Returns:
      Their paths; None where there is no manifest yet.

    Raises:
      UserError: the manifest cannot be read.
    """
    if not manifest.exists():
        return None
    return {
        case.mask
        for case in read_manifest(manifest)
        if case.mask is not None and not case.exclude_reason
    }


def write_manifest(
    path: Path,
    heads: Sequence[Case],
    labelled: Sequence[Case],
    splits: Mapping[str, str],
) -> None:
    """Writes what wmh-prepare takes: the labelled study and the heads.

    Args:
      path: the file; masks beside it are named relative to it.
      heads: those with a partial mask, all for training.
      labelled: the labelled study; a scan that is among the heads is listed
        once.
      splits: of its subjects.
    """
    taken = {case.flair for case in heads}
    rows = [
        _row(case, case.mask, splits.get(case.subject_id, ""))
        for case in labelled
        if case.flair not in taken
    ]
    for case in heads:
        mask = mask_path(path.parent, case).relative_to(path.parent)
        rows.append(_row(case, mask.as_posix(), SPLIT))
    write_csv(path, _COLUMNS, rows)


def _reason_against(case: Case, splits: Mapping[str, str]) -> str:
    if case.exclude_reason:
        return f"excluded ({case.exclude_reason})"
    if case.mask is not None:
        return f"it has a mask ({case.mask})"
    if case.split not in (None, SPLIT):
        return f"it is wanted for {case.split}, and partial masks only teach"
    study_split = splits.get(case.subject_id, UNLABELLED)
    if study_split not in (SPLIT, UNLABELLED):
        return f"its subject is in {study_split} of the labelled study"
    return ""


def _row(case: Case, mask: str | None, split: str) -> dict[str, str]:
    fields = {name: getattr(case, name) for name in METADATA_FIELDS}
    return {
        **fields,
        "subject_id": case.subject_id,
        "session": case.session,
        "run": case.run,
        "flair": os.path.abspath(case.flair),
        "mask": mask or "",
        # A volume without a mask is unlabelled, whatever its subject's split.
        "split": split if mask and not case.exclude_reason else "",
    }
