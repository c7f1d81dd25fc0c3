"""Reference masks in the derivatives of a BIDS data set."""

import collections
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.bids_names import BidsName, parse_bids_name
from data_prep.cases.listing import (
    PROGRAM_NAME,
    bullet_list,
    is_own_folder,
    visible_folders,
)
from data_prep.errors import UserError
from data_prep.nifti import is_nifti

MaskFile = BidsName

_MASK_PLACES = ("sub-*/anat", "sub-*/ses-*/anat", "sub-*", "sub-*/ses-*")
_LESION = re.compile(r"wmh|wml|lesion|hyperint", re.IGNORECASE)
_LESION_SUFFIXES = ("wmh", "lesion", "lesions")
# Labels of masks of something else: the head, its tissues, its parts.
_OTHER = re.compile(
    r"brain|head|skull|tissue|aseg|aparc|ventric|cortex|hippo|^(gm|wm|csf|bg)$",
    re.IGNORECASE,
)
_NATIVE_SPACES = ("", "flair", "orig", "native", "individual", "scanner")


def list_pipelines(derivatives: Path) -> dict[str, list[MaskFile]]:
    """Lists the folders below derivatives/ and the lesion masks in each.

    Output of this program is left out. A mask's name ends in "_mask" or
    "_seg", or in "_dseg" with a label or description that says lesion or
    WMH; masks of the brain or of tissues are left out.

    Returns:
      Pipeline name to its masks (maybe none); {} without derivatives/.
    """
    if not derivatives.is_dir():
        return {}
    return {
        folder.name: _list_masks(folder)
        for folder in visible_folders(derivatives)
        if not is_own_folder(folder) and folder.name != PROGRAM_NAME
    }


def match_masks(
    flairs: Sequence[BidsName],
    masks: Sequence[MaskFile],
    warn: Callable[[str], None],
) -> dict[Path, Path]:
    """Matches masks to FLAIRs by their acquisition entities.

    Args:
      flairs: the FLAIRs of the data set.
      masks: the masks of one pipeline.
      warn: told of masks that belong to no FLAIR.

    Returns:
      FLAIR path to mask path, for those that have a mask.

    Raises:
      UserError: a FLAIR with several masks or a mask with several FLAIRs; all
        of them are listed.
    """
    visits = collections.defaultdict(list)
    for flair in flairs:
        visits[flair.subject, flair.session].append(flair)
    masks_of: dict[Path, list[Path]] = {}
    conflicts = []
    for mask in masks:
        visit = visits.get((mask.subject, mask.session), [])
        fitting = [flair for flair in visit if mask.fits(flair)]
        exact = [flair for flair in fitting if mask.fits_exactly(flair)]
        fitting = exact or fitting
        if not fitting:
            warn(f"{mask.path}: a mask without a FLAIR, left out")
        elif len(fitting) > 1:
            names = ", ".join(flair.path.name for flair in fitting)
            conflicts.append(f"{mask.path} fits several FLAIRs: {names}")
        else:
            masks_of.setdefault(fitting[0].path, []).append(mask.path)
    for flair, found in masks_of.items():
        if len(found) > 1:
            names = ", ".join(str(path) for path in sorted(found))
            conflicts.append(f"{flair} has several masks: {names}")
    if conflicts:
        raise UserError(
            "expected one mask for a FLAIR, found\n"
            f"{bullet_list(conflicts)}\n"
            "Move the others away, or list the pairs in a CSV manifest"
        )
    return {flair: found[0] for flair, found in masks_of.items()}


def _list_masks(folder: Path) -> list[MaskFile]:
    names = {}
    for place in _MASK_PLACES:
        for file in folder.glob(f"{place}/sub-*"):
            name = parse_bids_name(file) if is_nifti(file) else None
            if name is not None and _is_lesion_mask(name):
                names[file] = name
    groups = collections.defaultdict(list)
    for file in sorted(names):
        groups[names[file].acquisition].append(names[file])
    return [mask for group in groups.values() for mask in _preferred(group)]


def _is_lesion_mask(name: MaskFile) -> bool:
    said = _says(name)
    if any(_OTHER.search(word) for word in said):
        return False
    suffix = name.suffix.lower()
    if suffix in _LESION_SUFFIXES or suffix in ("mask", "seg"):
        return True
    return suffix in ("dseg", "roi") and _is_labelled_lesion(name)


def _is_labelled_lesion(name: MaskFile) -> bool:
    if name.suffix.lower() in _LESION_SUFFIXES:
        return True
    # "L" is BIDS's own label for a lesion.
    return any(_LESION.search(word) or word == "L" for word in _says(name))


def _says(name: MaskFile) -> list[str]:
    return [
        name.entities[key] for key in ("label", "desc") if key in name.entities
    ]


def _preferred(masks: list[MaskFile]) -> list[MaskFile]:
    # A pipeline that labels its lesions may hold other masks beside them, and
    # may give each mask in several spaces: the FLAIR's own counts.
    labelled = [mask for mask in masks if _is_labelled_lesion(mask)] or masks
    native = [
        mask
        for mask in labelled
        if mask.entities.get("space", "").lower() in _NATIVE_SPACES
    ]
    return native or labelled
