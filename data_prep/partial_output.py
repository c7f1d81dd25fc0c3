"""The folder of `wmh-partial-masks`: whose it is, and what of it stays."""

from collections.abc import Sequence, Set
from pathlib import Path

from data_prep.cases import Case
from data_prep.cases.listing import (
    PROGRAM_NAME,
    is_own_folder,
    read_description,
)
from data_prep.errors import UserError
from data_prep.files import write_json
from data_prep.partial_cases import mask_path
from data_prep.version import __version__

_NAME = "Partial masks of heads without manual masks"
_LABELS_BY = "LabelsByPrediction"


def check_place(output_dir: Path, labels_by: str, *, overwrite: bool) -> None:
    """Checks that masks may be written into a folder.

    Args:
      output_dir: the folder, which need not exist.
      labels_by: what decides within the brain; "" where nothing does.
      overwrite: whether masks made by something else may go.

    Raises:
      UserError: it has other content, or masks that were made otherwise and
        would stay among the new ones.
    """
    if not output_dir.exists():
        return
    if not output_dir.is_dir():
        raise UserError(f"{output_dir}: expected a folder, received a file")
    description = read_description(output_dir)
    is_own = is_own_folder(output_dir) and description.get("Name") == _NAME
    if not is_own and any(output_dir.iterdir()):
        raise UserError(
            f"{output_dir}: expected a new folder or one that this program "
            "began, received one with other content; choose another "
            "--output_dir"
        )
    earlier = description.get(_LABELS_BY, "")
    if is_own and earlier != labels_by and not overwrite:
        raise UserError(
            f"{output_dir}: its masks were made "
            f"{f'by {earlier}' if earlier else 'without --predictions'}, and "
            "would stay beside the new ones; choose another --output_dir, or "
            "give --overwrite"
        )


def write_description(output_dir: Path, labels_by: str) -> None:
    """Says whose output this is, and what its masks are made by.

    wmh-prepare never takes such masks for a reference by itself, only where the
    manifest names them.
    """
    write_json(
        output_dir / "dataset_description.json",
        {
            "Name": _NAME,
            "BIDSVersion": "1.9.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": PROGRAM_NAME, "Version": __version__}],
            **({_LABELS_BY: labels_by} if labels_by else {}),
        },
    )


def remove_masks(output_dir: Path, cases: Sequence[Case]) -> None:
    """Removes what a run made before, the manifest first.

    So that a run that is stopped leaves no mask of the one before, which the
    next one would keep as its own.
    """
    (output_dir / "cases.csv").unlink(missing_ok=True)
    masks = output_dir.glob("sub-*/**/*_desc-partial_mask.nii.gz")
    of_cases = (mask_path(output_dir, case) for case in cases)
    for path in {*masks, *of_cases}:
        path.unlink(missing_ok=True)
    for path in output_dir.glob("pictures/*.png"):
        path.unlink(missing_ok=True)


def kept(
    cases: Sequence[Case], output_dir: Path, listed: Set[str] | None
) -> list[Case]:
    """Returns the heads that have a mask, less those taken out by a person.

    Args:
      cases: the heads.
      output_dir: the folder.
      listed: the masks that the manifest lists; None where there is none.
    """
    found = []
    for case in cases:
        path = mask_path(output_dir, case)
        if not path.exists():
            continue
        if listed is None or str(path) in listed:
            found.append(case)
            print(f"{case.volume_id}: kept, its mask is there")
        else:
            print(
                f"{case.volume_id}: stays out, cases.csv does not list its "
                "mask any more (--overwrite makes and lists it anew)"
            )
    return found
