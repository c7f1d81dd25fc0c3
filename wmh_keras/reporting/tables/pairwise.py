"""Table S3: every test between two models."""

import dataclasses
from typing import Any

from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import interval, number, p_value
from wmh_keras.reporting.tables.score_names import score_name
from wmh_keras.reporting.tables.table import Part, Table
from wmh_keras.statistics.comparison import PairTest

_FIELDS = tuple(f.name for f in dataclasses.fields(PairTest))
_NAME = "table_s3_pairwise_tests"
_TITLE = "Table S3. Tests between pairs of models"


def pairwise_table(study: Study) -> Table:
    """Differences, effect sizes and p values of every pair and score."""
    if study.comparison is None:
        return Table(
            name=_NAME,
            title=_TITLE,
            missing="One model has no pair: --evaluations=A,B,C gives several.",
        )
    records: list[dict[str, Any]] = []
    for score in study.comparison.scores.values():
        if score.comparison is None:
            continue
        for pair in score.comparison.pairs:
            records.append(
                {
                    "score": score.score,
                    "n": score.comparison.n,
                    **dataclasses.asdict(pair),
                    "anova_f": score.comparison.anova_f,
                    "anova_p": score.comparison.anova_p,
                    "eta_squared": score.comparison.eta_squared,
                }
            )
    untested = [
        score_name(s.score).text
        for s in study.comparison.scores.values()
        if s.comparison is None
    ]
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=_parts(records),
        notes=_notes(untested),
        columns=(
            "score",
            "n",
            *_FIELDS,
            "anova_f",
            "anova_p",
            "eta_squared",
        ),
        records=records,
        folded=True,
    )


def _notes(untested: list[str]) -> list[str]:
    notes = [
        "Difference: first minus second, with the bootstrap interval over "
        "patients. Wilcoxon's signed-rank test is two-sided and leaves zero "
        "differences out; Holm adjusts it over the pairs within a score. "
        "Effect sizes: matched-pairs rank-biserial correlation (-1 to 1) and "
        "Cohen's d_z (mean difference over its SD).",
        "Tukey's HSD follows a one-way ANOVA, as in the paper, and takes the "
        "models for independent groups.",
    ]
    if untested:
        notes.append(
            "Not tested, since fewer than two patients have a value of every "
            f"model: {', '.join(untested)}."
        )
    return notes


def _parts(records: list[dict[str, Any]]) -> list[Part]:
    header = (
        "Score",
        "n",
        "Difference [95 %]",
        "Wilcoxon p",
        "Holm p",
        "Rank-biserial",
        "d_z",
        "Tukey p",
    )
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        pair = (record["first"], record["second"])
        by_pair.setdefault(pair, []).append(record)
    return [
        Part(header, [_row(r) for r in group], f"{first} minus {second}")
        for (first, second), group in by_pair.items()
    ]


def _row(record: dict[str, Any]) -> list[str]:
    name = score_name(record["score"])
    difference = number(record["mean_difference"], name.decimals)
    between = interval(record["ci_low"], record["ci_high"], name.decimals)
    return [
        name.text,
        f"{record['n']:,}",
        f"{difference} {between}",
        p_value(record["wilcoxon_p"]),
        p_value(record["holm_p"]),
        number(record["rank_biserial"], 2),
        number(record["cohens_dz"], 2),
        p_value(record["tukey_p"]),
    ]
