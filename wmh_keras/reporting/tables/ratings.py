"""Table 5: the grades that raters gave, and how far they agree."""

import math
from collections.abc import Mapping
from typing import Any

from wmh_keras.evaluation.ratings import GRADES, RatingStudy
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    UNKNOWN,
    number,
    p_value,
    part_of,
    percent,
    plural,
)
from wmh_keras.reporting.tables.table import Part, Table
from wmh_keras.statistics.clinical_grade import GRADES as MEANINGS

MEDIAN = "median grade"
_COLUMNS = ("measure", "rater", "grade", "value", "statistic", "dof", "p", "n")
_NAME = "table_5_ratings"
_TITLE = "Table 5. Clinical rating"
MISSING = (
    "No ratings were given: --ratings=FILE.csv (columns subject, rater, "
    "score of 1 to 4) adds them."
)


def ratings_table(study: Study) -> Table:
    """Counts per grade and rater, acceptance, agreement."""
    ratings = study.ratings
    if ratings is None:
        return Table(name=_NAME, title=_TITLE, missing=MISSING)
    agreement = _agreement_records(ratings)
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=[
            _grade_part(ratings),
            Part(
                ("Agreement of the raters", "Value", "Test", "p", "n"),
                [_agreement_row(record) for record in agreement],
            ),
        ],
        notes=_notes(ratings),
        columns=_COLUMNS,
        records=[*_grade_records(ratings), *agreement],
    )


def _notes(ratings: RatingStudy) -> list[str]:
    n = ratings.agreement.n
    notes = [
        f"Rated: the masks of {ratings.model}, "
        f"{plural(len(ratings.subjects), 'patient')}, "
        f"{plural(len(ratings.raters), 'rater')}. Accepted: grades 3 and 4. "
        f"Agreement is over the {plural(n, 'patient')} whom every rater "
        "graded; within one grade: the largest and the smallest grade of a "
        "patient differ by at most one.",
        "Kendall's W (corrected for ties) tells whether the raters put the "
        "patients in the same order, 0 to 1; its p value is of the hypothesis "
        "that they do not agree at all. Friedman's test tells whether raters "
        "differ in level, so that a large p value is the good one there. The "
        "paper's W = 0.006 fits the second question only.",
    ]
    if any(grade % 1 for grade in ratings.median_grades.values()):
        notes.append(
            "A median half way between two grades has a row of its own, and "
            "3.5 is accepted, 2.5 not."
        )
    return notes


def _grade_part(ratings: RatingStudy) -> Part:
    counts = ratings.grade_counts()
    medians = ratings.median_counts()
    totals = {rater: sum(c.values()) for rater, c in counts.items()}
    rows = []
    for grade, of_median in medians.items():
        text = f"{grade:g}"
        if grade in GRADES:
            text += f" {MEANINGS[int(grade)]}"
        rows.append(
            [
                text,
                *(
                    _count(counts[r].get(int(grade), 0), totals[r])
                    if grade in GRADES
                    else UNKNOWN
                    for r in ratings.raters
                ),
                _count(of_median, len(ratings.subjects)),
            ]
        )
    rates = ratings.acceptance_rates()
    accepted = [
        part_of(round(rates[r] * totals[r]), totals[r]) for r in ratings.raters
    ]
    total = len(ratings.subjects)
    all_accepted = part_of(round(ratings.acceptance_rate() * total), total)
    rows.append(["Accepted (3 and 4)", *accepted, all_accepted])
    return Part(("Grade", *ratings.raters, "Median grade"), rows)


def _count(count: int, total: int) -> str:
    share = f" ({percent(count / total)})" if total else ""
    return f"{count:,}{share}"


def _grade_records(ratings: RatingStudy) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    columns: Mapping[str, Mapping[float, int]] = {
        **ratings.grade_counts(),
        MEDIAN: ratings.median_counts(),
    }
    rates = {**ratings.acceptance_rates(), MEDIAN: ratings.acceptance_rate()}
    for rater, counts in columns.items():
        n = sum(counts.values())
        rows += [
            {
                "measure": "patients",
                "rater": rater,
                "grade": f"{grade:g}",
                "value": count,
                "n": n,
            }
            for grade, count in counts.items()
        ]
        rows.append(
            {
                "measure": "acceptance rate",
                "rater": rater,
                "value": rates[rater],
                "n": n,
            }
        )
    return rows


def _agreement_records(ratings: RatingStudy) -> list[dict[str, Any]]:
    agreement = ratings.agreement
    w, friedman = agreement.kendall_test, agreement.friedman
    return [
        {
            "measure": "exact agreement",
            "value": agreement.exact,
            "n": agreement.n,
        },
        {
            "measure": "agreement within one grade",
            "value": agreement.within_one,
            "n": agreement.n,
        },
        {
            "measure": "Kendall's W",
            "value": agreement.kendall_w,
            "statistic": w.statistic,
            "dof": w.dof,
            "p": w.p,
            "n": w.n,
        },
        {
            "measure": "Friedman's test of level",
            "statistic": friedman.statistic,
            "dof": friedman.dof,
            "p": friedman.p,
            "n": friedman.n,
        },
        *(
            {
                "measure": "quadratic-weighted kappa",
                "rater": " and ".join(pair),
                "value": kappa,
                "n": agreement.n,
            }
            for pair, kappa in agreement.kappa.items()
        ),
    ]


def _agreement_row(record: Mapping[str, Any]) -> list[str]:
    name = record["measure"].capitalize().replace("kendall", "Kendall")
    name = name.replace("'s w", "'s W")
    if "rater" in record:
        name += f", {record['rater']}"
    value = record.get("value", math.nan)
    is_share = "agreement" in record["measure"]
    test = UNKNOWN
    if math.isfinite(record.get("statistic", math.nan)):
        test = f"χ²({record['dof']}) = {number(record['statistic'], 2)}"
    return [
        name,
        percent(value) if is_share else number(value),
        test,
        p_value(record.get("p", math.nan)),
        f"{record['n']:,}",
    ]
