"""Checks cases against each other: ids, splits, the same scan twice."""

import collections
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep.check_result import CaseCheck, Problem

_PROFILE_TOLERANCE = 1e-4


def problems_between(
    checks: Sequence[CaseCheck],
) -> Iterator[tuple[int, Problem]]:
    """Finds what is wrong between cases; excluded ones do not count.

    Args:
      checks: the results of checking each case by itself.

    Yields:
      Index of a case, and a problem of it. Where two cases cannot both be
      right, both get one: nobody can tell here which to keep.
    """
    used = [
        index
        for index, check in enumerate(checks)
        if not check.case.exclude_reason
    ]
    yield from _duplicate_ids(checks, used)
    yield from _torn_subjects(checks, used)
    yield from _same_voxels(checks, used)


def _duplicate_ids(
    checks: Sequence[CaseCheck], used: Sequence[int]
) -> Iterator[tuple[int, Problem]]:
    groups = collections.defaultdict(list)
    for index in used:
        groups[checks[index].case.volume_id].append(index)
    for volume_id, indices in groups.items():
        for index in indices if len(indices) > 1 else ():
            reason = (
                f"duplicate id: {len(indices)} volumes have this subject, "
                "session and run"
            )
            flair = checks[index].case.flair
            yield index, Problem(volume_id, flair, reason)


def _torn_subjects(
    checks: Sequence[CaseCheck], used: Sequence[int]
) -> Iterator[tuple[int, Problem]]:
    splits = collections.defaultdict(set)
    for index in used:
        case = checks[index].case
        if case.split is not None:
            splits[case.subject_id].add(case.split)
    for index in used:
        case = checks[index].case
        names = sorted(splits.get(case.subject_id, ()))
        if len(names) > 1:
            reason = (
                f"subject {case.subject_id} is in {len(names)} splits: "
                f"{', '.join(names)}"
            )
            yield index, Problem(case.volume_id, case.flair, reason)


def _same_voxels(
    checks: Sequence[CaseCheck], used: Sequence[int]
) -> Iterator[tuple[int, Problem]]:
    by_size = collections.defaultdict(list)
    for index in used:
        if checks[index].profile is not None:
            by_size[int(np.prod(checks[index].facts.shape))].append(index)
    for indices in by_size.values():
        profiles = np.stack([checks[index].profile for index in indices])
        for row, index in enumerate(indices):
            case = checks[index].case
            distance = np.abs(profiles - profiles[row]).max(axis=1)
            twins = [
                checks[indices[other]].case
                for other in np.flatnonzero(distance < _PROFILE_TOLERANCE)
            ]
            others = [
                f"{twin.volume_id} ({twin.flair})"
                for twin in twins
                if twin.subject_id != case.subject_id
            ]
            if others:
                reason = (
                    "the same voxels under another subject: "
                    f"{', '.join(others)}"
                )
                yield index, Problem(case.volume_id, case.flair, reason)
