"""Checks every case before anything is prepared from it."""

import collections
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from concurrent import futures
from pathlib import Path

from data_prep.cases.case import Case
from data_prep.checks.between_cases import problems_between, warnings_between
from data_prep.checks.result import CaseCheck, Problem
from data_prep.checks.volume_facts import (
    content_sha256,
    fingerprint,
    volume_facts,
    voxel_profile,
)
from data_prep.errors import UserError, VolumeError
from data_prep.intensity import centre_and_spread
from data_prep.nifti import read_mask, read_volume
from data_prep.preprocess import acquisition_warning, placement_warning
from data_prep.preprocess_config import PreprocessConfig
from data_prep.program import progress as show_progress
from data_prep.splits import check_split_name
from data_prep.volume import Volume, check_channel, check_same_grid

# Goes into file names, TFDS keys and tables.
_SAFE_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9+])?")
_MAX_WORKERS = 8
_DEFAULTS = PreprocessConfig()


def check_cases(
    cases: Sequence[Case],
    *,
    preprocess: PreprocessConfig = _DEFAULTS,
    mask_value: float | None = None,
    progress: bool = True,
    max_workers: int | None = None,
) -> list[CaseCheck]:
    """Checks every case by itself, then all of them against each other.

    Nothing stops at the first problem. Each volume is dropped after its
    check: at most `max_workers` are in memory.

    Args:
      cases: the cases; excluded ones are passed through unread.
      preprocess: what is to be made of them: which images each needs, and how
        their intensities are to be scaled.
      mask_value: see `nifti.read_mask`.
      progress: shows a bar on stderr.
      max_workers: threads; by default the cores, at most 8.

    Returns:
      One result a case, in the same order.
    """
    workers = max_workers or min(_num_cores(), _MAX_WORKERS)
    executor = futures.ThreadPoolExecutor(workers)
    try:
        results = executor.map(
            lambda case: check_case(
                case, preprocess=preprocess, mask_value=mask_value
            ),
            cases,
        )
        if progress:
            results = show_progress(
                results, "checking", total=len(cases), unit="volume"
            )
        checks = list(results)
    finally:  # after Ctrl-C, too, what waits is not begun
        executor.shutdown(cancel_futures=True)
    problems = collections.defaultdict(list)
    for index, problem in problems_between(checks):
        problems[index].append(problem)
    warnings = collections.defaultdict(list)
    for index, warning in warnings_between(checks):
        warnings[index].append(warning)
    return [
        dataclasses.replace(
            check,
            problems=(*check.problems, *problems[index]),
            warnings=(*check.warnings, *warnings[index]),
        )
        for index, check in enumerate(checks)
    ]


def check_case(
    case: Case,
    *,
    preprocess: PreprocessConfig = _DEFAULTS,
    mask_value: float | None = None,
) -> CaseCheck:
    """Checks the labels and the files of one case.

    Args:
      case: the case; an excluded one is passed through unread.
      preprocess: see `check_cases`.
      mask_value: see `nifti.read_mask`.

    Returns:
      The result; problems of FLAIR, further images, mask and labels are all
      in it.
    """
    if case.exclude_reason:
        return CaseCheck(case)
    problems = _label_problems(case)
    flair, mask = None, None
    try:
        flair = _read_image(case.flair, preprocess)
    except VolumeError as error:
        problems.append(_problem(case, case.flair, error))
    others, other_problems = _check_channels(case, flair, preprocess)
    problems += other_problems
    if case.mask is not None:
        mask, mask_problems = _check_mask(case, flair, mask_value)
        problems += mask_problems
    if flair is None:
        return CaseCheck(case, tuple(problems))
    return CaseCheck(
        case=case,
        problems=tuple(problems),
        warnings=tuple(_warnings(case, flair, mask)),
        fingerprint=fingerprint(flair),
        content_sha256=""
        if problems
        else content_sha256([flair, *others], mask),
        facts=volume_facts(flair, mask),
        profile=voxel_profile(flair.data),
    )


def _label_problems(case: Case) -> list[Problem]:
    problems = []
    for name in ("subject_id", "session", "run"):
        value = getattr(case, name)
        is_safe = _SAFE_LABEL.fullmatch(value) and ".." not in value
        if not is_safe and (value or name == "subject_id"):
            reason = (
                f"{name} {value!r}: expected letters, digits and . _ + -, the "
                "first and last no sign, since it goes into file names"
            )
            problems.append(Problem(case.volume_id, "", reason))
    if case.split is not None:
        try:
            check_split_name(case.split)
        except UserError as error:
            problems.append(Problem(case.volume_id, "", str(error)))
    return problems


def _existing_file(path: str) -> Path:
    file = Path(path)
    try:
        file.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name too long, a folder without rights
        raise VolumeError(f"{path}: {error.strerror}") from error
    if file.is_dir():
        raise VolumeError(f"{path}: expected a file, received a folder")
    if not file.exists():
        # Version control for large data leaves such links behind.
        reason = "a link to a missing file" if file.is_symlink() else "missing"
        raise VolumeError(f"{path}: {reason}")
    return file


def _read_image(path: str, preprocess: PreprocessConfig) -> Volume:
    image = read_volume(_existing_file(path))
    # What cannot be scaled is better known now than half-way through.
    centre_and_spread(image.data, preprocess.normalization)
    return image


def _check_channels(
    case: Case, flair: Volume | None, preprocess: PreprocessConfig
) -> tuple[list[Volume], list[Problem]]:
    """Checks the images beside the FLAIR; the file and its role are named."""
    paths, reasons = dict(case.images), dict(case.missing)
    images, problems = [], []
    for role in preprocess.channels[1:]:
        if role not in paths:
            reason = f"{role}: {reasons.get(role, 'found no image')}"
            problems.append(Problem(case.volume_id, case.flair, reason))
            continue
        try:
            image = _read_image(paths[role], preprocess)
            if flair is not None:
                check_channel(image, flair, role)
            images.append(image)
        except VolumeError as error:
            problem = _problem(case, paths[role], error)
            reason = f"{role}: {problem.reason.removeprefix(f'{role} ')}"
            problems.append(dataclasses.replace(problem, reason=reason))
    return images, problems


def _check_mask(
    case: Case, flair: Volume | None, mask_value: float | None
) -> tuple[Volume | None, list[Problem]]:
    problems = []
    mask = None
    try:
        mask = read_mask(_existing_file(case.mask), mask_value)
    except VolumeError as error:
        problems.append(_problem(case, case.mask, error))
    on_grid = mask
    if problems and flair is not None and Path(case.mask).is_file():
        # With wrong labels it may be on a wrong grid, too.
        try:
            on_grid = read_volume(case.mask)
        except VolumeError:
            on_grid = None
    if flair is not None and on_grid is not None:
        try:
            check_same_grid(on_grid, flair)
        except VolumeError as error:
            problems.append(_problem(case, case.mask, error))
    return mask, problems


def _problem(case: Case, file: str, error: VolumeError) -> Problem:
    return Problem(case.volume_id, file, str(error).removeprefix(f"{file}: "))


def _warnings(case: Case, flair: Volume, mask: Volume | None) -> Iterator[str]:
    acquisition = acquisition_warning(flair)
    if acquisition:
        yield acquisition
    placement = placement_warning(flair)
    if placement:
        yield placement
    placement_of_mask = None if mask is None else placement_warning(mask)
    if placement_of_mask and placement_of_mask != placement:
        yield f"the mask: {placement_of_mask}"
    if case.mask is None:
        yield "no mask: stored as unlabelled" + (
            f", not as {case.split}" if case.split else ""
        )
    elif mask is not None and not (mask.data == 1).any():
        yield "the mask is empty (no voxel of label 1)"


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
