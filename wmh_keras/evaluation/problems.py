"""What could not be evaluated, and why; and what came of the rest."""

import dataclasses
from collections.abc import Sequence

from data_prep.errors import UserError
from wmh_keras.evaluation.patient import PatientResult


@dataclasses.dataclass(frozen=True)
class Problem:
    """A volume that cannot be evaluated.

    Attributes:
        subject: who, with session and run; "" where it is not known.
        file: the file that is at fault; "" where it is no file's.
        reason: what was expected and what was found.
    """

    subject: str
    file: str
    reason: str

    def __str__(self) -> str:
        place = self.file or self.subject
        return (
            self.reason if place in self.reason else f"{place}: {self.reason}"
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a series of volumes.

    Attributes:
        results: one for every volume that could be scored.
        problems: one for every other.
        warnings: what the reader has to know of single volumes.
    """

    results: tuple[PatientResult, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raises a UserError that lists all problems, if there are any."""
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(
            f"{len(problems)} volumes or files cannot be evaluated; no results "
            f"were written:\n{listed}\n"
            "Put them right, or go on without them with --skip_invalid."
        )
