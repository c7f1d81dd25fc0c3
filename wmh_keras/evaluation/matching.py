"""Which prediction belongs to which reference."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.errors import UserError
from wmh_keras.evaluation import file_names
from wmh_keras.evaluation.pairs import Matching, Pair
from wmh_keras.evaluation.problems import Problem
from wmh_keras.evaluation.reference_keys import KeyOf, keys_of
from wmh_keras.evaluation.volume_key import VolumeKey


def match_folders(
    references: str | os.PathLike,
    predictions: str | os.PathLike,
    probabilities: str | os.PathLike | None = None,
    images: str | os.PathLike | None = None,
) -> Matching:
    """Pairs the masks of two folders.

    By subject, session and run where the references' paths have BIDS's
    `sub-` (a file labelled WMH is preferred to others of the same scan).
    Otherwise by the name that the files share once suffixes such as "_mask"
    or "_seg" are left out: the path below the folder, the file's name, or
    the folder it lies in; the one of the three that pairs most files, if the
    others do not contradict it.

    Args:
        references: folder of reference masks.
        predictions: folder of predicted masks.
        probabilities: folder of probability maps; may be that of the
            predictions.
        images: folder of FLAIR images; may be a whole BIDS data set.

    Returns:
        The pairs in the order of the references' paths, and a problem for
        every file without a partner. A probability map or an image that
        belongs to no pair is no problem; a pair without one is, where they
        are asked for.

    Raises:
        UserError: a folder is missing or empty, or files can be paired in
            more than one way.
    """
    expected = file_names.list_masks(references)
    given = file_names.list_masks(predictions)
    key_of = _bids_key_for(expected, given)
    if key_of is not None:
        expected = _one_a_scan(expected, references, key_of)
        given = _one_a_scan(given, predictions, key_of)
    paired = _match(expected, given, references, predictions, key_of)
    further = {
        "probability": (probabilities, file_names.list_probabilities),
        "flair": (images, file_names.list_images),
    }
    maps = {
        role: _match_further(expected, folder, listed, references, key_of)
        for role, (folder, listed) in further.items()
        if folder is not None
    }
    keys = keys_of(expected, references, key_of)
    pairs, problems = [], []
    for path in expected:
        key = keys[path]
        file = str(Path(references, path))
        missing = [role for role in maps if path not in maps[role]]
        if path not in paired:
            problems.append(
                Problem(str(key), file, f"no prediction in {predictions}")
            )
        elif missing:
            places = " and ".join(f"{r} in {further[r][0]}" for r in missing)
            problems.append(Problem(str(key), file, f"no {places}"))
        else:
            others = {r: Path(further[r][0], maps[r][path]) for r in maps}
            pairs.append(
                Pair(
                    key,
                    Path(references, path),
                    Path(predictions, paired[path]),
                    **others,
                )
            )
    for path in sorted(set(given) - set(paired.values())):
        problems.append(
            Problem("", str(Path(predictions, path)), "no reference for it")
        )
    return Matching(tuple(pairs), tuple(problems))


def _match_further(
    expected: Sequence[str],
    folder: str | os.PathLike,
    list_files: Callable[[str | os.PathLike], list[str]],
    references: str | os.PathLike,
    key_of: KeyOf | None,
) -> dict[str, str]:
    """Reference path → path of its probability map or image, where there."""
    listed = list_files(folder)
    if key_of is not None:
        listed = _one_a_scan(listed, folder, key_of)
    return _match(expected, listed, references, folder, key_of)


def _match(
    expected: Sequence[str],
    given: Sequence[str],
    references: str | os.PathLike,
    others: str | os.PathLike,
    key_of: KeyOf | None,
) -> dict[str, str]:
    """Reference path → the other's path, for those that have a partner."""
    if key_of is not None:
        left = _by_identity(expected, key_of)
        right = _by_identity(given, key_of)
        return {left[key]: right[key] for key in left if key in right}
    matched = [
        _match_by(name, expected, given)
        for name in (
            file_names.plain_path,
            file_names.plain_stem,
            file_names.folder_of,
        )
    ]
    best = max(matched, key=len)  # of equals the first
    if not best:
        reason = "no two files share a subject, a path or a name"
        for folder, paths in ((references, expected), (others, given)):
            for name, files in _group_by_stem(paths).items():
                if len(files) > 1:
                    reason = (
                        f"{files[0]} and {files[1]} in {folder} are both named "
                        f"{name}, so that names cannot tell files apart"
                    )
        raise UserError(
            f"{references} and {others}: {reason}; list the pairs in a table "
            "and give it as --pairs"
        )
    for other in matched:
        for path, partner in other.items():
            if best.get(path, partner) != partner:
                raise UserError(
                    f"{Path(references, path)}: could belong to "
                    f"{Path(others, partner)} or to "
                    f"{Path(others, best[path])}; list the pairs in a table "
                    "and give it as --pairs"
                )
    return best


def _group_by_stem(paths: Sequence[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(file_names.plain_stem(path), []).append(path)
    return groups


def _match_by(
    name_of: Callable[[str], str], expected: Sequence[str], given: Sequence[str]
) -> dict[str, str]:
    """Pairs by a name that has to be unique on both sides; else none."""
    left = {name_of(path): path for path in expected}
    right = {name_of(path): path for path in given}
    if len(left) < len(expected) or len(right) < len(given):
        return {}
    # "" is the top folder, which says nothing about who is in it.
    return {left[name]: right[name] for name in left if name and name in right}


def _bids_key_for(
    expected: Sequence[str], given: Sequence[str]
) -> KeyOf | None:
    """What tells the scans apart by BIDS names; None where names are others.

    Subject, session and run, as long as they suffice for the references.
    """
    short = file_names.parse_bids
    if not all(map(short, expected)) or not any(map(short, given)):
        return None
    groups = _group_by_scan(expected, short).values()
    if all(len(_prefer_wmh(group)) == 1 for group in groups):
        return short
    return functools.partial(file_names.parse_bids, in_full=True)


def _by_identity(
    paths: Sequence[str], key_of: KeyOf
) -> dict[tuple[str, str, str], str]:
    keys = {path: key_of(path) for path in paths}
    return {_identity_of(key): path for path, key in keys.items() if key}


def _identity_of(key: VolumeKey) -> tuple[str, str, str]:
    """What has to be equal; run-1 is run-01, for BIDS takes it as a number."""
    return key.subject_id, key.session, key.run.lstrip("0") or key.run


def _group_by_scan(
    paths: Sequence[str], key_of: KeyOf
) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        key = key_of(path)
        scan = _identity_of(key) if key else (path,)
        groups.setdefault(scan, []).append(path)
    return groups


def _prefer_wmh(paths: list[str]) -> list[str]:
    return [p for p in paths if file_names.is_labelled_wmh(p)] or paths


def _one_a_scan(
    paths: Sequence[str], folder: str | os.PathLike, key_of: KeyOf
) -> list[str]:
    """Leaves one file a scan, that which is labelled WMH; others untouched."""
    kept = []
    for group in _group_by_scan(paths, key_of).values():
        chosen = _prefer_wmh(group)
        if len(chosen) > 1:
            raise UserError(
                f"{folder}: expected one file for {key_of(group[0])}, received "
                f"{', '.join(chosen)}; keep one of them there, or list the "
                "pairs in a table and give it as --pairs"
            )
        kept += chosen
    return kept
