"""The grade that a paper's rules give to a segmentation.

The rules (Shan et al. 2021, "Clinical evaluation") in the paper's words:

| grade | meaning | small lesions | medium lesions | large lesions |
|---|---|---|---|---|
| 4 | perfectly acceptable | none missed, < 5 % mismatch | the same | the same |
| 3 | minor revision | 1 to 4 missed, < 10 % mismatch | < 2 missed, < 5 % mismatch | none missed |
| 2 | major revision | > 4 missed, < 50 % mismatch | > 2 missed | > 30 % mismatch |
| 1 | not acceptable | > 8 missed, > 50 % mismatch | > 2 missed | > 30 % missed, > 30 % mismatch |

They overlap (three missed medium lesions are 2 and 1) and leave gaps (two
missed medium lesions are nothing). Our reading, one of several possible ones:

- A patient has a grade if all clauses hold for the classes that the patient
  has, those with a reference lesion. "1 to 4 missed" means at most 4.
- 4 is tried first, then 1, then 3; what is left is 2.
- A class without a reference lesion has no say. False lesions of such a class
  are therefore not judged; the reason names them.
- A mismatch that is not defined, since nothing of the class was predicted,
  leaves its clause out: the missed lesions alone decide.
- Without any reference lesion, no false lesion gives 4 and any gives 2.

The grade is a proposal beside that of people, never in its place.
"""  # noqa: E501

import dataclasses
import math
from collections.abc import Mapping

CLASSES = ("small", "medium", "large")
GRADES = {
    4: "perfectly acceptable",
    3: "acceptable with minor revision",
    2: "acceptable with major revision",
    1: "not acceptable",
}
_NO_MISMATCH_LIMIT = math.inf
# By class: most lesions that may be missed, and the mismatch to stay below.
_LIMITS_4 = {name: (0, 0.05) for name in CLASSES}
_LIMITS_3 = {
    "small": (4, 0.10),
    "medium": (1, 0.05),
    "large": (0, _NO_MISMATCH_LIMIT),
}


@dataclasses.dataclass(frozen=True)
class ClassFindings:
    """What a segmentation made of the lesions of one size class.

    Attributes:
        reference: reference lesions.
        missed: those that were not found.
        false: predicted lesions of that size that match none.
        mismatch: 0 to 1, the share of the predicted lesions that are false
            (or what else is taken for it); NaN where it is not defined.

    Raises:
        ValueError: counts or a mismatch that cannot be.
    """

    reference: int
    missed: int
    false: int
    mismatch: float

    def __post_init__(self) -> None:
        """Checks the fields."""
        if not 0 <= self.missed <= self.reference or self.false < 0:
            raise ValueError(
                "expected 0 <= missed <= reference and false >= 0, received "
                f"{self}"
            )
        if not (math.isnan(self.mismatch) or 0 <= self.mismatch <= 1):
            raise ValueError(
                f"mismatch: expected 0 to 1 or NaN, received {self.mismatch}"
            )


@dataclasses.dataclass(frozen=True)
class ProposedGrade:
    """A grade by the rules.

    Attributes:
        grade: 1 to 4.
        reason: which rule decided, in words.
    """

    grade: int
    reason: str


def propose_grade(findings: Mapping[str, ClassFindings]) -> ProposedGrade:
    """Grades one patient by the rules above.

    Args:
        findings: by size class; all of "small", "medium" and "large".

    Raises:
        ValueError: other classes.
    """
    if set(findings) != set(CLASSES):
        raise ValueError(
            f"findings: expected {', '.join(CLASSES)}, "
            f"received {', '.join(findings)}"
        )
    present = {n: findings[n] for n in CLASSES if findings[n].reference}
    if not present:
        return _without_reference(findings)
    not_4 = _failures(present, _LIMITS_4)
    not_3 = _failures(present, _LIMITS_3)
    if not not_4:
        grade = 4
        reason = "no lesion missed, mismatch below 5 % in every class"
    elif all(_is_unacceptable(n, found) for n, found in present.items()):
        grade = 1
        reason = "every class fails: " + "; ".join(
            f"{name} {_describe(found)}" for name, found in present.items()
        )
    elif not not_3:
        grade = 3
        reason = f"within the limits of 3; not 4: {'; '.join(not_4)}"
    else:
        grade = 2
        reason = f"not every class fails as for 1; not 3: {'; '.join(not_3)}"
    return ProposedGrade(grade, reason + _not_judged(findings))


def _without_reference(
    findings: Mapping[str, ClassFindings],
) -> ProposedGrade:
    false = sum(found.false for found in findings.values())
    if false:
        return ProposedGrade(2, f"no reference lesion, {_lesions(false)} false")
    return ProposedGrade(4, "no reference lesion, no false lesion")


def _failures(
    present: Mapping[str, ClassFindings],
    limits: Mapping[str, tuple[int, float]],
) -> list[str]:
    """The clauses that do not hold, in words."""
    failures = []
    for name, found in present.items():
        most_missed, below = limits[name]
        if found.missed > most_missed:
            failures.append(
                f"{found.missed} of {found.reference} {name} missed "
                f"(at most {most_missed})"
            )
        # NaN is not above any limit: an undefined clause is left out.
        if found.mismatch >= below:
            failures.append(
                f"{name} mismatch {_percent(found.mismatch)} "
                f"(below {100 * below:.0f} %)"
            )
    return failures


def _is_unacceptable(name: str, found: ClassFindings) -> bool:
    """Whether a class meets its clause of grade 1."""

    def mismatched(limit: float) -> bool:
        return math.isnan(found.mismatch) or found.mismatch > limit

    if name == "small":
        return found.missed > 8 and mismatched(0.5)
    if name == "medium":
        return found.missed > 2
    # In whole numbers: 3 of 10 are not more than 30 %.
    return 10 * found.missed > 3 * found.reference and mismatched(0.3)


def _describe(found: ClassFindings) -> str:
    mismatch = (
        "nothing predicted"
        if math.isnan(found.mismatch)
        else f"mismatch {_percent(found.mismatch)}"
    )
    return f"{found.missed} of {found.reference} missed, {mismatch}"


def _not_judged(findings: Mapping[str, ClassFindings]) -> str:
    false = {
        name: found.false
        for name, found in findings.items()
        if found.false and not found.reference
    }
    if not false:
        return ""
    counts = ", ".join(f"{count} {name}" for name, count in false.items())
    return f" (not judged: false lesions of absent classes, {counts})"


def _lesions(count: int) -> str:
    return "1 lesion is" if count == 1 else f"{count} lesions are"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
