"""Checks every case before anything is prepared from it."""

from data_prep.checks.checking import check_case, check_cases
from data_prep.checks.result import (
    CaseCheck,
    Problem,
    VolumeFacts,
    all_problems,
    format_problems,
)

__all__ = [
    "CaseCheck",
    "Problem",
    "VolumeFacts",
    "all_problems",
    "check_case",
    "check_cases",
    "format_problems",
]
