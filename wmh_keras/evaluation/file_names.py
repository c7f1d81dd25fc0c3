"""Which file of a folder is a mask, and what its name says."""

import os
import re
from pathlib import Path, PurePosixPath

from data_prep.cases.bids_names import ACQUISITION_KEYS
from data_prep.errors import UserError
from data_prep.nifti import is_nifti, nifti_stem
from wmh_keras.evaluation.volume_key import VolumeKey

_PROBABILITY_WORDS = {"probability", "probabilities", "prob", "probs"} | {
    "probseg",
    "proba",
    "softmax",
}
# Of an ensemble, as wmh-predict and wmh-evaluate write it: neither a mask nor
# a probability. In BIDS: "…_desc-disagreement_probseg".
_UNCERTAINTY = re.compile(r"(_|-)(uncertainty|\w*disagreement_probseg)$", re.I)
_IMAGE_WORDS = {"flair", "t1", "t1w", "t2", "t2w", "pd", "pdw", "swi", "dwi"}
_MASK_WORDS = (
    {"mask", "masks", "seg", "dseg", "segmentation", "label", "labels"}
    | {"lesion", "lesions", "wmh", "pred", "prediction", "predicted"}
    | {"reference", "manual", "consensus", "result", "output"}
)
_ENTITY = re.compile(r"([a-zA-Z]+)-(.+)")
_WMH_LABEL = re.compile(r"(^|_)label-(wmh|lesions?|wml)(_|$)", re.IGNORECASE)


def list_masks(folder: str | os.PathLike) -> list[str]:
    """The files below a folder that can be masks.

    NIfTI files, hidden ones and maps of uncertainty left out, less those
    whose name ends in a word for probabilities, less those whose name ends in
    a word for an image ("sub-01_FLAIR.nii.gz") unless nothing else is there:
    some tools name the mask as its image.

    Args:
        folder: searched with everything below it.

    Returns:
        POSIX paths below the folder, sorted.

    Raises:
        UserError: no such folder, or no such file in it.
    """
    found = _list_nifti(folder)
    masks = [path for path in found if _last(path) not in _PROBABILITY_WORDS]
    named = [path for path in masks if _last(path) not in _IMAGE_WORDS]
    if not masks:
        raise UserError(f"{folder}: expected masks (.nii, .nii.gz), found none")
    return named or masks


def list_probabilities(folder: str | os.PathLike) -> list[str]:
    """The files below a folder that can be probability maps.

    Those whose name ends in a word for probabilities; if none does, all
    NIfTI files. Maps of uncertainty are none.

    Args:
        folder: searched with everything below it.

    Returns:
        POSIX paths below the folder, sorted.

    Raises:
        UserError: no such folder, or no such file in it.
    """
    found = _list_nifti(folder)
    if not found:
        raise UserError(
            f"{folder}: expected probability maps (.nii, .nii.gz), found none"
        )
    named = [path for path in found if _last(path) in _PROBABILITY_WORDS]
    return named or found


def list_images(folder: str | os.PathLike) -> list[str]:
    """The files below a folder that can be FLAIR images.

    Those whose name ends in "FLAIR"; if none does, all NIfTI files whose name
    ends neither in a word for masks nor in one for probabilities.

    Args:
        folder: searched with everything below it.

    Returns:
        POSIX paths below the folder, sorted.

    Raises:
        UserError: no such folder, or no such file in it.
    """
    found = _list_nifti(folder)
    named = [path for path in found if _last(path) == "flair"]
    others = _MASK_WORDS | _PROBABILITY_WORDS
    images = named or [path for path in found if _last(path) not in others]
    if not images:
        raise UserError(
            f"{folder}: expected FLAIR images (.nii, .nii.gz), found none"
        )
    return images


def parse_bids(path: str, *, in_full: bool = False) -> VolumeKey | None:
    """Subject, session and run from the `key-value` parts of a path.

    Folders count too ("sub-01/ses-2/mask.nii.gz"); the file's own name wins.

    Args:
        path: relative to the folder that is searched.
        in_full: puts what else tells acquisitions apart (acq, rec, …) in
            front of the run: "acqax1".

    Returns:
        The key without site; None where no part names a subject.
    """
    parts = PurePosixPath(path).parts
    entities: dict[str, str] = {}
    for part in (*parts[:-1], nifti_stem(path)):
        for token in part.split("_"):
            match = _ENTITY.fullmatch(token)
            if match:
                entities[match.group(1)] = match.group(2)
    if "sub" not in entities:
        return None
    others = [
        key + entities[key]
        for key in ACQUISITION_KEYS
        if key in entities and key not in ("sub", "ses", "run")
    ]
    return VolumeKey(
        subject_id=entities["sub"],
        session=entities.get("ses", ""),
        run="".join(others if in_full else ()) + entities.get("run", ""),
    )


def is_labelled_wmh(path: str) -> bool:
    """Whether a name says, in BIDS's way, that the mask is of WMH."""
    return _WMH_LABEL.search(nifti_stem(path)) is not None


def plain_stem(path: str) -> str:
    """The name without suffix, and without what says that it is a mask.

    "a/sub-01_FLAIR_mask.nii.gz" → "01"; "x12_seg.nii" → "x12". A name of
    nothing but such words ("wmh.nii.gz") stays as it is.
    """
    tokens = nifti_stem(path).split("_")
    removable = _MASK_WORDS | _PROBABILITY_WORDS | _IMAGE_WORDS
    while len(tokens) > 1 and (
        tokens[-1].lower() in removable
        or tokens[-1].lower().startswith(("label-", "desc-"))
    ):
        tokens.pop()
    return "_".join(tokens).removeprefix("sub-")


def plain_path(path: str) -> str:
    """Like `plain_stem`, with the folders before it."""
    folder = PurePosixPath(path).parent
    return str(folder / plain_stem(path))


def folder_of(path: str) -> str:
    """The folder a file lies in; "" directly at the top."""
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder


def _last(path: str) -> str:
    return re.split(r"[_\-.]", nifti_stem(path))[-1].lower()


def _list_nifti(folder: str | os.PathLike) -> list[str]:
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"{folder}: expected a folder")
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if is_nifti(path)
        and path.is_file()
        and not _UNCERTAINTY.search(nifti_stem(path))
        and not any(
            part.startswith(".") for part in path.relative_to(root).parts
        )
    )
