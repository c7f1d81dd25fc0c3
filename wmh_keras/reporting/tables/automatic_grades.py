"""Table S6: the grades that the paper's rules propose."""

from collections import Counter
from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.grade_proposals import GradeProposal, propose_grades
from wmh_keras.evaluation.ratings import GRADES, RatingStudy
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import UNKNOWN, percent
from wmh_keras.reporting.tables.table import Part, Table
from wmh_keras.statistics.clinical_grade import GRADES as MEANINGS

# More patients than that are left to the CSV file.
_MOST_SHOWN = 100
_COLUMNS = (
    "model",
    "subject_id",
    "proposed_grade",
    "median_grade",
    *(f"reference_{size}" for size in SIZE_CLASSES),
    *(f"missed_{size}" for size in SIZE_CLASSES),
    *(f"false_{size}" for size in SIZE_CLASSES),
    *(f"mismatch_{size}" for size in SIZE_CLASSES),
    "reason",
)
_MISMATCH = {
    "lesions": "the share of the predicted lesions of the class that are "
    "false (1 - lesion precision)",
    "dice": "1 - Dice of the class",
}


def automatic_grades_table(study: Study) -> Table:
    """Proposed grades of every model, beside the human ones where known."""
    proposals = {
        e.name: propose_grades(e, mismatch_by=study.mismatch_by)
        for e in study.evaluations
    }
    rated = study.ratings
    parts = [_count_part(proposals)]
    if rated is not None:
        parts.append(_cross_part(proposals[rated.model], rated))
    shown = rated.model if rated is not None else study.evaluations[0].name
    parts.append(_patient_part(shown, proposals[shown], rated))
    return Table(
        name="table_s6_automatic_grades",
        title="Table S6. Grades that the rules propose",
        parts=parts,
        notes=_notes(study),
        columns=_COLUMNS,
        records=[
            _record(model, subject, proposal, rated)
            for model, own in proposals.items()
            for subject, proposal in own.items()
        ],
    )


def _notes(study: Study) -> list[str]:
    notes = [
        "A proposal beside the human grade, never in its place. The paper's "
        "rules overlap and leave gaps; this is our reading of them: a grade "
        "holds if its clauses hold for every size class that the patient has "
        "(a class that the patient lacks has no say); 4 is tried first, then "
        "1, then 3, else it is 2. Missed: reference lesions that are not "
        f"found. Mismatch: {_MISMATCH[study.mismatch_by]}. Without any "
        "reference lesion, no false lesion gives 4 and any gives 2.",
    ]
    if study.ratings is None:
        notes.append("--ratings=FILE.csv sets the grades of people beside it.")
    return notes


def _count_part(proposals: dict[str, dict[str, GradeProposal]]) -> Part:
    rows = []
    for grade in GRADES:
        row = [f"{grade} {MEANINGS[grade]}"]
        for own in proposals.values():
            count = sum(p.grade == grade for p in own.values())
            row.append(f"{count:,} ({percent(count / len(own))})")
        rows.append(row)
    return Part(("Proposed grade", *proposals), rows, "Patients by grade")


def _cross_part(own: dict[str, GradeProposal], rated: RatingStudy) -> Part:
    counts = Counter(
        (own[subject].grade, median)
        for subject, median in rated.median_grades.items()
    )
    medians = list(rated.median_counts())
    rows = [
        [
            f"{grade} proposed",
            *(f"{counts[grade, median]:,}" for median in medians),
        ]
        for grade in GRADES
    ]
    return Part(
        ("", *(f"median {median:g}" for median in medians)),
        rows,
        f"Proposed against the median grade of the raters, {rated.model}",
    )


def _patient_part(
    model: str, own: dict[str, GradeProposal], rated: RatingStudy | None
) -> Part:
    rows = []
    for subject, proposal in list(own.items())[:_MOST_SHOWN]:
        median = None if rated is None else rated.median_grades.get(subject)
        rows.append(
            [
                subject,
                str(proposal.grade),
                UNKNOWN if median is None else f"{median:g}",
                *(
                    f"{proposal.missed[size]} of {proposal.reference[size]}"
                    for size in SIZE_CLASSES
                ),
                *(percent(proposal.mismatch[size], 0) for size in SIZE_CLASSES),
                proposal.reason,
            ]
        )
    caption = f"Patients of {model}"
    if len(own) > _MOST_SHOWN:
        caption += (
            f": the first {_MOST_SHOWN} of {len(own):,}, all are in the CSV"
        )
    header = (
        "Patient",
        "Proposed",
        "Median",
        *(f"Missed {size}" for size in SIZE_CLASSES),
        *(f"Mismatch {size}" for size in SIZE_CLASSES),
        "Why",
    )
    return Part(header, rows, caption, folded=True)


def _record(
    model: str,
    subject: str,
    proposal: GradeProposal,
    rated: RatingStudy | None,
) -> dict[str, Any]:
    is_rated = rated is not None and rated.model == model
    record: dict[str, Any] = {
        "model": model,
        "subject_id": subject,
        "proposed_grade": proposal.grade,
        "median_grade": rated.median_grades.get(subject) if is_rated else None,
        "reason": proposal.reason,
    }
    for name in ("reference", "missed", "false", "mismatch"):
        values = getattr(proposal, name)
        record |= {f"{name}_{size}": values[size] for size in SIZE_CLASSES}
    return record
