"""Grades that the paper's rules propose for the patients of an evaluation."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import (
    ClassScores,
    EvaluationResults,
    PatientResult,
)
from wmh_keras.statistics.clinical_grade import ClassFindings, propose_grade

MISMATCHES = ("lesions", "dice")


@dataclasses.dataclass(frozen=True)
class GradeProposal:
    """The automatic grade of one patient, and the counts behind it.

    Attributes:
        grade: 1 to 4.
        missed: by size class, reference lesions that were not found.
        reference: by size class, reference lesions.
        false: by size class, predicted lesions that match none.
        mismatch: by size class, share of the predicted lesions of that size
            that are false; NaN where there is none.
        reason: in words, which rule decided.
    """

    grade: int
    missed: Mapping[str, int]
    reference: Mapping[str, int]
    false: Mapping[str, int]
    mismatch: Mapping[str, float]
    reason: str


def propose_grades(
    evaluation: EvaluationResults, *, mismatch_by: str = "lesions"
) -> dict[str, GradeProposal]:
    """Grades every patient by `wmh_keras.statistics.clinical_grade`.

    Args:
        evaluation: of one model.
        mismatch_by: "lesions" for 1 - lesion precision of the class, "dice"
            for 1 - Dice of the class.

    Returns:
        By subject, in the order of the evaluation. A subject's volumes are
        taken together: lesions are added up, and 1 - Dice is averaged over
        the volumes that have lesions of the class.

    Raises:
        ValueError: an unknown `mismatch_by`.
    """
    if mismatch_by not in MISMATCHES:
        raise ValueError(
            f"mismatch_by: expected one of {', '.join(MISMATCHES)}, "
            f"received {mismatch_by!r}"
        )
    volumes: dict[str, list[PatientResult]] = {}
    for volume in evaluation.volumes:
        volumes.setdefault(volume.key.subject_id, []).append(volume)
    return {
        subject: _propose(
            {
                name: _findings([v.classes[name] for v in own], mismatch_by)
                for name in SIZE_CLASSES
            }
        )
        for subject, own in volumes.items()
    }


def _propose(findings: Mapping[str, ClassFindings]) -> GradeProposal:
    proposed = propose_grade(findings)
    return GradeProposal(
        grade=proposed.grade,
        missed={name: found.missed for name, found in findings.items()},
        reference={name: found.reference for name, found in findings.items()},
        false={name: found.false for name, found in findings.items()},
        mismatch={name: found.mismatch for name, found in findings.items()},
        reason=proposed.reason,
    )


def _findings(
    volumes: Sequence[ClassScores], mismatch_by: str
) -> ClassFindings:
    reference = sum(v.reference_lesions for v in volumes)
    predicted = sum(v.predicted_lesions for v in volumes)
    false = predicted - sum(v.matched_lesions for v in volumes)
    if mismatch_by == "dice":
        mismatches = [1 - v.dice for v in volumes if v.reference_lesions]
        mismatch = float(np.mean(mismatches)) if mismatches else math.nan
    else:
        # Not 1 - precision: 1 of 10 is 10 %, and 1 - 9 / 10 is less.
        mismatch = false / predicted if predicted else math.nan
    return ClassFindings(
        reference=reference,
        missed=reference - sum(v.found_lesions for v in volumes),
        false=false,
        mismatch=mismatch,
    )
