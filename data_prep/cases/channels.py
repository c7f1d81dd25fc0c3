"""Further images of a case, such as its T1: which file beside a FLAIR it is.

A role ("t1") is matched to names by the words that say it: BIDS's suffix T1w,
or T1, T1w, 3DT1 as a word of any other name. No candidate is preferred in
silence: what is not plain stays open, and the case says why.
"""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath

from data_prep.cases.bids_names import BidsName, parse_bids_name, same_value
from data_prep.cases.case import Case
from data_prep.cases.listing import (
    is_role_name,
    says_role,
    words_of,
)
from data_prep.nifti import is_nifti, nifti_stem

WAY_OUT = "or list the files in a CSV manifest with a column {role}"

# Said of a registered image, but not of whose it is.
_SAYS_NOT_WHO = frozenset(
    {"flair", "t2", "3d", "to", "in", "on", "reg", "registered", "space"}
)
_NATIVE_SPACES = ("", "orig", "native", "individual", "scanner")


def with_channels(
    case: Case,
    roles: Sequence[str],
    candidates: Callable[[str], Collection[Path]],
    where: str,
) -> Case:
    """Adds the further images of a case.

    Args:
      case: with a FLAIR alone.
      roles: of the images wanted, such as ("t1",).
      candidates: gives the files that can be the image of a role.
      where: what was looked for, for the message; {role} is put in.

    Returns:
      The case with an image for each role that has exactly one candidate; the
      others are in its `missing`.
    """
    images, missing = list(case.images), list(case.missing)
    for role in roles:
        found = sorted(candidates(role))
        if len(found) == 1:
            images.append((role, str(found[0])))
            continue
        if found:
            names = ", ".join(path.name for path in found)
            reason = (
                f"expected one image, found {len(found)} that can be it "
                f"({names}); move the others away, {WAY_OUT}"
            )
        else:
            reason = f"found no image; expected {where}, {WAY_OUT}"
        missing.append((role, reason.replace("{role}", role)))
    return dataclasses.replace(
        case, images=tuple(images), missing=tuple(missing)
    )


def with_bids_channels(case: Case, roles: Sequence[str]) -> Case:
    """Adds the images that lie beside a FLAIR with a BIDS name.

    They have the role for a suffix (T1w for t1), the same subject and
    session, and no other run.
    """
    flair = parse_bids_name(Path(case.flair))
    return with_channels(
        case,
        roles,
        lambda role: _bids_candidates(flair, role),
        f"*_{{role}}w.nii.gz of the same session and run in "
        f"{flair.path.parent}",
    )


def with_folder_channels(
    case: Case, roles: Sequence[str], images: Sequence[Path], where: Path
) -> Case:
    """Adds the images of a folder whose names say the roles.

    Those in the FLAIR's own folder go first. Where the FLAIR is named just
    FLAIR, an image named just after its role goes before others there (T1
    before 3DT1, as in the WMH Segmentation Challenge).

    Args:
      case: with a FLAIR alone.
      roles: of the images wanted.
      images: the files that can belong to this FLAIR.
      where: the folder they were looked for in.
    """
    flair = Path(case.flair)

    def candidates(role: str) -> list[Path]:
        found = [image for image in images if is_role_name(image, role)]
        found = [i for i in found if i.parent == flair.parent] or found
        if nifti_stem(flair).lower() == "flair":
            plain = [i for i in found if nifti_stem(i).lower() == role]
            found = plain or found
        return found

    name = f"a NIfTI file in {where} whose name says {{role}}"
    return with_channels(case, roles, candidates, name)


def images_of_flair(
    flair: Path,
    root: Path,
    flairs: Sequence[Path],
    images: Sequence[Path],
    roles: Sequence[str],
) -> tuple[list[Path], Path]:
    """Finds the images below a folder that can belong to one of its FLAIRs.

    They are those in its own folder; where other FLAIRs lie there, those
    whose names differ from the FLAIR's in the words for the contrast alone.
    A FLAIR that is alone in a folder below `root` has all images there.

    Args:
      flair: the FLAIR.
      root: the folder that was searched.
      flairs: all FLAIRs below it.
      images: all other images below it.
      roles: what their names may say.

    Returns:
      (images, the folder they lie in).
    """
    beside = [image for image in images if image.parent == flair.parent]
    if sum(other.parent == flair.parent for other in flairs) > 1:
        who = _who(flair, roles)
        return [i for i in beside if _who(i, roles) == who], flair.parent
    parts = flair.relative_to(root).parts
    top = root / parts[0]
    if len(parts) > 1 and sum(f.is_relative_to(top) for f in flairs) == 1:
        return [image for image in images if image.is_relative_to(top)], top
    return beside, flair.parent


def relative_channels(case: Case) -> dict[str, str]:
    """Returns where the further images lie, as `relative_path` says it.

    Returns:
      Role to POSIX path below the input's folder (the name alone where it is
      not below it); "" where the case has no relative path either.
    """
    relative = PurePosixPath(case.relative_path)
    root = None
    if relative.parts:
        root = Path(case.flair).parents[len(relative.parts) - 1]
    found = {}
    for role, text in case.images[1:]:
        path = Path(text)
        if root is None:
            found[role] = ""
        elif path.is_relative_to(root):
            found[role] = path.relative_to(root).as_posix()
        else:
            found[role] = path.name
    return found


def _bids_candidates(flair: BidsName, role: str) -> list[Path]:
    names = [
        parse_bids_name(file)
        for file in flair.path.parent.glob("sub-*")
        if is_nifti(file)
    ]
    found = [
        name
        for name in names
        if name is not None
        and name.suffix.lower() in (role, f"{role}w")
        and (name.subject, name.session) == (flair.subject, flair.session)
        and (not name.run or not flair.run or same_value(name.run, flair.run))
    ]
    same_run = [name for name in found if bool(name.run) == bool(flair.run)]
    return [name.path for name in _on_flair(same_run or found)]


def _on_flair(names: list[BidsName]) -> list[BidsName]:
    """Those in the FLAIR's space; else those in no space but their own."""
    spaces = {n.path: n.entities.get("space", "").lower() for n in names}
    registered = [name for name in names if spaces[name.path] == "flair"]
    native = [name for name in names if spaces[name.path] in _NATIVE_SPACES]
    return registered or native or names


def _who(path: Path, roles: Sequence[str]) -> list[str]:
    """The words of a name that are left when it no longer says the image."""
    return [
        word
        for word in words_of(path)
        if word not in _SAYS_NOT_WHO
        and not any(says_role(word, role) for role in roles)
    ]
