"""Which files below a folder are images, and what their names say they are.

Names are judged by words, not by any letters inside: "mslesseg01_FLAIR" is a
FLAIR although it holds "seg", and "WMH007_FLAIR" is one although it holds
"WMH". What stands before the last "FLAIR" of a name usually says who, and what
stands behind it says what was derived from it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from data_prep.errors import UserError
from data_prep.nifti import is_nifti, nifti_stem

PROGRAM_NAME = "wmh-keras"  # the GeneratedBy name of this program's output

_MASK_WORDS = ("mask", "label", "lesion", "wmh", "seg", "annot")
_PROBABILITY_WORDS = ("prob", "heatmap", "uncertainty")
_SHORT_MASK_WORDS = frozenset({"gt", "roi", "dseg", "probseg"})
# Before "FLAIR" only these whole words make a mask ("mask_FLAIR"): the rest
# are found in the names of cohorts and subjects.
_MASK_WORDS_IN_FRONT = frozenset(
    {"mask", "seg", "label", "labels", "segmentation", "prob", "probability"}
)
_OTHER_TISSUE = re.compile(r"brain|tissue|skull|head|ventric|hippo")
_OTHER_TISSUE_WORDS = frozenset({"csf", "gm", "wm", "aseg", "aparc", "bet"})
_MASK_FOLDER = re.compile(
    r"(masks?|labels?(tr|ts)?|seg(mentation)?s?|annotations?|gt|references?)"
)
_T1_WORD = re.compile(r"(3d)?t1(w|c|ce|gd|post|pre)?")


def is_image_name(name: str) -> bool:
    """Tells whether a file's name is NIfTI and not hidden."""
    return not name.startswith(".") and is_nifti(name)


def is_flair_name(path: str | Path) -> bool:
    """True where the name says FLAIR and nothing derived from one.

    "T1_FLAIR" and "T1_to_FLAIR" are T1-weighted images; "T2_FLAIR" and
    "FLAIR_to_T1" are FLAIR images.
    """
    stem = nifti_stem(path).lower()
    if "flair" not in stem or is_derived_name(path):
        return False
    front = _words(stem[: stem.rindex("flair")])
    return not any(_T1_WORD.fullmatch(word) for word in front)


def is_derived_name(path: str | Path) -> bool:
    """True where the name says mask, label, lesion, segmentation or map."""
    stem = nifti_stem(path).lower()
    front, flair, behind = stem.rpartition("flair")
    if flair and _MASK_WORDS_IN_FRONT.intersection(_words(front)):
        return True
    return any(
        word in _SHORT_MASK_WORDS
        or _starts_or_ends(word, _MASK_WORDS + _PROBABILITY_WORDS)
        for word in _words(behind)
    )


def is_mask_name(path: str | Path) -> bool:
    """True where a name can be that of a lesion mask.

    Probability maps and masks of the brain, of tissues or of a T1 are not.
    """
    stem = nifti_stem(path).lower()
    words = _words(stem)
    if _OTHER_TISSUE.search(stem) or _OTHER_TISSUE_WORDS.intersection(words):
        return False
    if any(
        _starts_or_ends(word, _PROBABILITY_WORDS) or _T1_WORD.fullmatch(word)
        for word in words
    ):
        return False
    return is_derived_name(path)


def is_role_name(path: str | Path, role: str) -> bool:
    """True where the name says a contrast, such as "t1", and is no FLAIR's.

    "T1", "p1_T1w", "3DT1" and "T1_to_FLAIR" are names of a "t1"; those of a
    contrast-enhanced one ("T1ce") are not, nor masks and tissue maps.
    """
    if is_flair_name(path) or is_derived_name(path):
        return False
    words = words_of(path)
    if _OTHER_TISSUE_WORDS.intersection(words):
        return False
    return any(says_role(word, role) for word in words)


def says_role(word: str, role: str) -> bool:
    """Tells whether a word of a name is that of a contrast: t1, t1w, 3dt1."""
    return re.fullmatch(rf"(3d)?{re.escape(role)}w?", word) is not None


def words_of(path: str | Path) -> list[str]:
    """The words of a file's name, in small letters, without .nii.gz."""
    return _words(nifti_stem(path).lower())


def is_own_output(path: Path) -> bool:
    """True for X_mask, X_probability and X_uncertainty of this program.

    One counts as its own where the probability map or the lesion table of
    the same X lies beside it.
    """
    match = re.fullmatch(
        r"(.*)_(mask|probability|uncertainty)", nifti_stem(path)
    )
    if match is None:
        return False
    siblings = ("_probability.nii.gz", "_lesions.csv")
    return any(
        path.with_name(match.group(1) + sibling).exists()
        for sibling in siblings
    )


def is_own_folder(folder: Path) -> bool:
    """True for a BIDS derivative that this program wrote."""
    entries = read_description(folder).get("GeneratedBy")
    if not isinstance(entries, list):
        return False
    names = [e.get("Name", "") for e in entries if isinstance(e, dict)]
    return PROGRAM_NAME in [str(name).lower() for name in names]


def read_description(folder: Path) -> dict:
    """dataset_description.json of a folder; {} where absent or unreadable.

    A damaged description is no reason to stop: nothing that the work needs
    comes from it.
    """
    path = folder / "dataset_description.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def walk_files(root: Path) -> Iterator[Path]:
    """All files below `root` in sorted order.

    Hidden files and folders (macOS "._x" and ".incomplete" among them) and
    BIDS derivatives of this program are passed over. Links are followed, a
    folder is entered once; broken links are given too, since what is missing
    is for the checks to say.

    Raises:
      UserError: a folder cannot be read: what is in it would be left out
        without a word.
    """
    entered = set()
    for folder, children, names in os.walk(
        root, followlinks=True, onerror=_refuse
    ):
        if os.path.realpath(folder) in entered:
            children.clear()
            continue
        entered.add(os.path.realpath(folder))
        children[:] = sorted(
            name
            for name in children
            if not name.startswith(".")
            and not is_own_folder(Path(folder, name))
        )
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(folder, name)


def list_images(root: Path) -> list[Path]:
    """All NIfTI files below `root` by path, less this program's own output."""
    return sorted(
        path
        for path in walk_files(root)
        if is_image_name(path.name) and not is_own_output(path)
    )


def is_in_mask_folder(path: Path, root: Path) -> bool:
    """True below a folder such as "masks" or "labelsTr" inside of `root`."""
    folders = path.relative_to(root).parts[:-1]
    return any(_MASK_FOLDER.fullmatch(name.lower()) for name in folders)


def visible_folders(root: Path) -> list[Path]:
    """Direct sub-folders in sorted order, hidden ones left out."""
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def bullet_list(paths: list, limit: int = 20) -> str:
    """Lines "  - x" for an error message, cut after `limit`."""
    lines = [f"  - {path}" for path in paths[:limit]]
    if len(paths) > limit:
        lines.append(f"  … and {len(paths) - limit} more")
    return "\n".join(lines)


def check_readable(folder: Path) -> None:
    """Checks that a folder can be listed, since `glob` passes it over if not.

    Raises:
      UserError: it cannot.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> None:
    raise UserError(
        f"{error.filename}: expected a folder that can be read, but: "
        f"{error.strerror}; ask for the right to read it, or move it out of "
        "the input"
    ) from error


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text) if word]


def _starts_or_ends(word: str, parts: tuple[str, ...]) -> bool:
    word = word.rstrip("0123456789").removesuffix("s")
    return word.startswith(parts) or word.endswith(parts)
