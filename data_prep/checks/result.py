"""What checking a case gives: problems, warnings and facts."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from data_prep.cases.case import Case


@dataclasses.dataclass(frozen=True)
class Problem:
    """Why a case cannot be used.

    Attributes:
      volume_id: which volume.
      file: the file it concerns, "" where it concerns none.
      reason: what is wrong, and what to do where that is not plain.
    """

    volume_id: str
    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class VolumeFacts:
    """What was seen while a case was checked, so that nobody reads twice.

    Attributes:
      shape: native (x, y, z) of the file.
      spacing_mm: along the file's axes.
      orientation: where the file's axes point, such as "LAS".
      num_slices: number of axial slices.
      slice_spacing_mm: distance between axial slices.
      reference_voxels: voxels with label 1; None without a mask.
      other_voxels: voxels with label 2; None without a mask.
      reference_volume_ml: volume of label 1; None without a mask.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    orientation: str
    num_slices: int
    slice_spacing_mm: float
    reference_voxels: int | None = None
    other_voxels: int | None = None
    reference_volume_ml: float | None = None


@dataclasses.dataclass(frozen=True)
class CaseCheck:
    """Result of checking one case.

    Attributes:
      case: the case.
      problems: why it cannot be used; empty for a good case and for an
        excluded one, whose files are not read.
      warnings: what is odd, but can be used.
      fingerprint: SHA-256 of the FLAIR's shape and scaled voxels; "" where it
        could not be read.
      content_sha256: SHA-256 of all that a data set takes from the files:
        voxels, labels, shape, affine and unit of length; "" for a case with
        problems.
      facts: None where the FLAIR could not be read.
      profile: (64,) float64, the sorted and standardised voxels averaged in
        64 parts: the same for the same voxels under another header, scaling,
        number type or order of axes. None where the FLAIR could not be read.
    """

    case: Case
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    content_sha256: str = ""
    facts: VolumeFacts | None = None
    profile: np.ndarray | None = dataclasses.field(
        default=None, compare=False, repr=False
    )

    @property
    def is_usable(self) -> bool:
        """True for a case that is neither faulty nor excluded."""
        return not self.problems and not self.case.exclude_reason


def all_problems(checks: Iterable[CaseCheck]) -> list[Problem]:
    """All problems of all cases, in the cases' order."""
    return [problem for check in checks for problem in check.problems]


def format_problems(problems: Sequence[Problem]) -> str:
    """The problems as one table: volume, file, reason; "" for none."""
    if not problems:
        return ""
    header = ("volume", "file", "reason")
    rows = [header, *(dataclasses.astuple(problem) for problem in problems)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"{volume:<{widths[0]}}  {file:<{widths[1]}}  {reason}"
        for volume, file, reason in rows
    )
