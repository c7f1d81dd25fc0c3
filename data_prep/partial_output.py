"""The folder of `wmh-partial-masks`: whose it is, and what of it stays."""

import json
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from data_prep.cases import Case
from data_prep.cases.listing import (
    PROGRAM_NAME,
    is_own_folder,
    read_description,
)
from data_prep.errors import UserError
from data_prep.files import sha256_of, write_json
from data_prep.partial_cases import listed_masks, mask_path
from data_prep.version import __version__

_NAME = "Partial masks of heads without manual masks"
_LABELS_BY = "LabelsByPrediction"
_LISTED, _TAKEN_OUT = "ListedMasks", "TakenOutMasks"
_IMAGE = "ImageSHA256"
MANIFEST = "cases.csv"


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


def find_taken_out(output_dir: Path) -> set[str]:
    """Returns the masks whose lines a person has taken out of cases.csv.

    Those that this program listed and that are not listed any more, and those
    that it knows from earlier runs. A mask that it never listed, since it was
    killed or the head was not asked for, is none of them.

    Args:
      output_dir: the folder.

    Returns:
      Paths within the folder.
    """
    description = read_description(output_dir)
    known = set(description.get(_TAKEN_OUT, ()))
    listed = listed_masks(output_dir / MANIFEST)
    if listed is None:
        return known
    return known | {
        path
        for path in description.get(_LISTED, ())
        if str(output_dir / path) not in listed
    }


def write_description(
    output_dir: Path,
    labels_by: str,
    listed: Iterable[Case] | None,
    taken_out: Iterable[str],
) -> None:
    """Says whose output this is, and what its masks are made by.

    wmh-prepare never takes such masks for a reference by itself, only where the
    manifest names them.

    Args:
      output_dir: the folder.
      labels_by: what decides within the brain; "" where nothing does.
      listed: the heads that the manifest lists; None where it is still that
        of the run before.
      taken_out: from `find_taken_out`.
    """
    if listed is None:
        masks = read_description(output_dir).get(_LISTED, ())
    else:
        masks = [_mask_in(output_dir, case) for case in listed]
    write_json(
        output_dir / "dataset_description.json",
        {
            "Name": _NAME,
            "BIDSVersion": "1.9.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": PROGRAM_NAME, "Version": __version__}],
            **({_LABELS_BY: labels_by} if labels_by else {}),
            _LISTED: sorted(masks),
            _TAKEN_OUT: sorted(taken_out),
        },
    )


def remove_masks(output_dir: Path, cases: Sequence[Case]) -> None:
    """Removes what earlier runs made, the manifest first.

    So that a run that is stopped leaves no mask of the one before, which the
    next one would keep as its own.
    """
    (output_dir / MANIFEST).unlink(missing_ok=True)
    masks = output_dir.glob("sub-*/**/*_desc-partial_mask.nii.gz")
    of_cases = (mask_path(output_dir, case) for case in cases)
    for path in {*masks, *of_cases}:
        path.unlink(missing_ok=True)
        _sidecar(path).unlink(missing_ok=True)
    for path in output_dir.glob("pictures/*.png"):
        path.unlink(missing_ok=True)


def write_sidecar(mask: Path, image: str) -> None:
    """Notes of which image, by its SHA-256, a mask is about to be made."""
    write_json(_sidecar(mask), {_IMAGE: image})


def kept(
    cases: Sequence[Case], output_dir: Path, taken_out: Set[str]
) -> list[Case]:
    """Returns the heads that have a mask, less those taken out by a person.

    A mask of another image of the same name is removed.

    Args:
      cases: the heads.
      output_dir: the folder.
      taken_out: from `find_taken_out`.
    """
    found = []
    for case in cases:
        path = mask_path(output_dir, case)
        if not path.exists():
            continue
        if _mask_in(output_dir, case) in taken_out:
            print(
                f"{case.volume_id}: stays out, its line was taken out of "
                f"{MANIFEST} (--overwrite makes and lists it anew)"
            )
        elif _image_of(path) != sha256_of(case.flair):
            print(f"{case.volume_id}: its image is another one now")
            path.unlink()
        else:
            found.append(case)
            print(f"{case.volume_id}: kept, its mask is there")
    return found


def _mask_in(output_dir: Path, case: Case) -> str:
    return mask_path(output_dir, case).relative_to(output_dir).as_posix()


def _sidecar(mask: Path) -> Path:
    return mask.with_name(mask.name.removesuffix(".nii.gz") + ".json")


def _image_of(mask: Path) -> str | None:
    """The checksum of the image that a mask was made of; None if unknown."""
    try:
        content = json.loads(_sidecar(mask).read_text(encoding="utf-8"))
        return content[_IMAGE]
    except (OSError, ValueError, KeyError, TypeError):
        return None
