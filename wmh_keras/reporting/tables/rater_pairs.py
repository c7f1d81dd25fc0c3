"""Table S5: how far two raters agree."""

from typing import Any

from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import number, percent
from wmh_keras.reporting.tables.ratings import MISSING
from wmh_keras.reporting.tables.table import Part, Table

_NAME = "table_s5_rater_pairs"
_TITLE = "Table S5. Agreement of pairs of raters"
_COLUMNS = ("first", "second", "n", "exact", "quadratic_kappa")


def rater_pairs_table(study: Study) -> Table:
    """Exact agreement and weighted kappa of each pair."""
    ratings = study.ratings
    if ratings is None:
        return Table(name=_NAME, title=_TITLE, missing=MISSING)
    if len(ratings.raters) < 2:
        return Table(
            name=_NAME,
            title=_TITLE,
            missing=f"{ratings.raters[0]} is the only rater in --ratings; a "
            "pair needs a second one.",
        )
    agreement = ratings.agreement
    records: list[dict[str, Any]] = [
        {
            "first": pair[0],
            "second": pair[1],
            "n": agreement.n,
            "exact": agreement.pair_exact[pair],
            "quadratic_kappa": kappa,
        }
        for pair, kappa in agreement.kappa.items()
    ]
    rows = [
        [
            f"{record['first']} and {record['second']}",
            percent(record["exact"]),
            number(record["quadratic_kappa"]),
            f"{record['n']:,}",
        ]
        for record in records
    ]
    header = ("Raters", "Exact agreement", "Quadratic-weighted kappa", "n")
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=[Part(header, rows)],
        notes=["n: patients whom every rater graded."],
        columns=_COLUMNS,
        records=records,
    )
