"""What could not be evaluated, and why; and what came of the rest."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from data_prep.errors import UserError
from wmh_keras.evaluation.results import Identity, PatientResult


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


@dataclasses.dataclass(frozen=True, eq=False)
class VolumeOutcome:
    """What came of one volume.

    Attributes:
        result: None where it could not be scored.
        problem: why; None where it could.
        warnings: what the reader has to know of it.
        picture: name of its picture's file; "" where there is none.
    """

    result: PatientResult | None = None
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    picture: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a series of volumes.

    Attributes:
        results: one for every volume that could be scored.
        problems: one for every other.
        warnings: what the reader has to know of single volumes.
        pictures: names of the pictures' files by the volumes' identity.
    """

    results: tuple[PatientResult, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: Mapping[Identity, str] = dataclasses.field(default_factory=dict)


def collect(volumes: Iterable[VolumeOutcome]) -> Outcome:
    """Puts the outcomes of volumes together, in their order."""
    results, problems, warnings, pictures = [], [], [], {}
    for volume in volumes:
        warnings += volume.warnings
        if volume.problem is not None:
            problems.append(volume.problem)
        if volume.result is not None:
            results.append(volume.result)
            if volume.picture:
                pictures[volume.result.key.identity] = volume.picture
    return Outcome(tuple(results), tuple(problems), tuple(warnings), pictures)


def raise_problems(
    problems: Sequence[Problem], *, skipping: bool = False
) -> None:
    """Raises a UserError that lists all problems, if there are any.

    Args:
        problems: what cannot be evaluated.
        skipping: it was to be skipped, but nothing else is left.
    """
    if problems:
        way_out = (
            "Put them right: nothing is left without them."
            if skipping
            else "Put them right, or go on without them with --skip_invalid."
        )
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(
            f"{len(problems)} volumes or files cannot be evaluated; no results "
            f"were written:\n{lines}\n{way_out}"
        )
