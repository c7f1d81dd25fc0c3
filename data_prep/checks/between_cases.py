"""Checks cases against each other: ids, splits, the same scan twice."""

import collections
import math
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep.cases.case import Case
from data_prep.checks.result import CaseCheck, Problem

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
    used = _used(checks)
    yield from _duplicate_ids(checks, used)
    yield from _torn_subjects(checks, used)
    yield from _same_voxels(checks, used)


def warnings_between(
    checks: Sequence[CaseCheck],
) -> Iterator[tuple[int, str]]:
    """Finds what is odd between volumes of one subject.

    Yields:
      Index of a case, and a warning.
    """
    for index, twins in _twins(checks, _used(checks)):
        case = checks[index].case
        own = [
            twin.volume_id
            for twin in twins
            if twin.subject_id == case.subject_id
        ]
        if own:
            yield index, f"the same voxels as {', '.join(own)}"


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
    for index, twins in _twins(checks, used):
        case = checks[index].case
        others = [
            f"{twin.volume_id} ({twin.flair})"
            for twin in twins
            if twin.subject_id != case.subject_id
        ]
        if others:
            reason = (
                f"the same voxels under another subject: {', '.join(others)}"
            )
            yield index, Problem(case.volume_id, case.flair, reason)


def _twins(
    checks: Sequence[CaseCheck], used: Sequence[int]
) -> Iterator[tuple[int, list[Case]]]:
    by_size = collections.defaultdict(list)
    for index in used:
        if checks[index].profile is not None:
            by_size[math.prod(checks[index].facts.shape)].append(index)
    for indices in by_size.values():
        profiles = np.stack([checks[index].profile for index in indices])
        # Only those whose brightest part is as bright are compared, so that
        # ten thousand scans are no hundred million pairs.
        brightest = profiles[:, -1]
        by_brightest = np.argsort(brightest)
        lowest, highest = (
            np.searchsorted(brightest, brightest + shift, sorter=by_brightest)
            for shift in (-_PROFILE_TOLERANCE, _PROFILE_TOLERANCE)
        )
        for row, index in enumerate(indices):
            near = np.sort(by_brightest[lowest[row] : highest[row]])
            distance = np.abs(profiles[near] - profiles[row]).max(axis=1)
            rows = near[distance < _PROFILE_TOLERANCE]
            twins = [checks[indices[r]].case for r in rows if r != row]
            if twins:
                yield index, twins


def _used(checks: Sequence[CaseCheck]) -> list[int]:
    return [
        index
        for index, check in enumerate(checks)
        if not check.case.exclude_reason
    ]
