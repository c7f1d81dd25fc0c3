"""The list of cases beside the data: everyone, and why who is missing."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from data_prep.cases.case import Case
from data_prep.cases.channels import relative_channels
from data_prep.checks import CaseCheck
from data_prep.dataset.data_card import VolumeSummary
from data_prep.dataset.plan import PreparationPlan
from data_prep.dataset.pseudonyms import Pseudonyms
from data_prep.splits import UNLABELLED

PREPARED = "prepared"
EXCLUDED = "excluded"
SKIPPED = "skipped"

CASE_COLUMNS = (
    "volume_id",
    "subject_id",
    "session",
    "run",
    "site",
    "status",
    "split",
    "reason",
    "num_slices",
    "native_shape",
    "spacing_mm",
    "orientation",
    "lesions",
    "wmh_ml",
    "scanner",
    "field_strength",
    "age",
    "sex",
    "warnings",
    "relative_path",
)


@dataclasses.dataclass(frozen=True)
class SortedChecks:
    """Checked cases by what becomes of them, under the names they get.

    Attributes:
      used: (case, check) of those to prepare, with and without a mask.
      left_out: (case, status, reason) of the excluded and the skipped.
    """

    used: tuple[tuple[Case, CaseCheck], ...]
    left_out: tuple[tuple[Case, str, str], ...]


def sort_checks(
    checks: Iterable[CaseCheck], pseudonyms: Pseudonyms | None = None
) -> SortedChecks:
    """Parts the cases; those with problems are skipped.

    Args:
      checks: of all cases.
      pseudonyms: what ids become; None keeps them.
    """
    used, left_out = [], []
    for check in checks:
        case = check.case
        reason = "; ".join(problem.reason for problem in check.problems)
        if pseudonyms is not None:
            case = pseudonyms.case(case)
            reason = pseudonyms.text(reason)
            warnings = tuple(map(pseudonyms.text, check.warnings))
            check = dataclasses.replace(check, warnings=warnings)
        if case.exclude_reason:
            left_out.append((case, EXCLUDED, case.exclude_reason))
        elif check.problems:
            left_out.append((case, SKIPPED, reason))
        else:
            used.append((case, check))
    return SortedChecks(tuple(used), tuple(left_out))


def case_columns(channels: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns of the list: a file for each further image, last."""
    return (*CASE_COLUMNS, *(f"{role}_file" for role in channels[1:]))


def case_rows(
    plan: PreparationPlan,
    parts: SortedChecks,
    summaries: Mapping[str, VolumeSummary],
) -> Iterator[dict[str, Any]]:
    """Yields the rows of the list: stored cases in order, then the others.

    Args:
      plan: gives the order and the splits.
      parts: gives the warnings, and who was left out.
      summaries: of the stored ones, by volume_id.
    """
    checks = {case.volume_id: check for case, check in parts.used}
    for case in plan.cases:
        summary = summaries[case.volume_id]
        check = checks[case.volume_id]
        sizes = summary.lesion_sizes_mm3
        status = UNLABELLED if case.mask is None else PREPARED
        yield {
            **_about(case),
            "status": status,
            "split": case.split,
            "num_slices": summary.num_slices,
            "native_shape": _join(summary.native_shape),
            "spacing_mm": _join(f"{mm:.6g}" for mm in summary.spacing_mm),
            "orientation": summary.orientation,
            "lesions": None if sizes is None else len(sizes),
            "wmh_ml": summary.wmh_ml,
            "warnings": "; ".join(all_warnings(check, summary)),
        }
    for case, status, reason in sorted(
        parts.left_out, key=lambda item: (item[1], item[0].volume_id, item[2])
    ):
        yield {**_about(case), "status": status, "reason": reason}


def all_warnings(check: CaseCheck, summary: VolumeSummary) -> list[str]:
    """Returns the warnings of check and preparation, each once."""
    return list(dict.fromkeys([*check.warnings, *summary.warnings]))


def _about(case: Case) -> dict[str, str]:
    names = ("volume_id", "subject_id", "session", "run", "site", "scanner")
    more = ("field_strength", "age", "sex", "relative_path")
    about = {name: getattr(case, name) for name in (*names, *more)}
    files = relative_channels(case)
    return about | {f"{role}_file": file for role, file in files.items()}


def _join(values: Iterable[object]) -> str:
    return "x".join(map(str, values))
