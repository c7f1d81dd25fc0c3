"""Table S1: every score of every model."""

from typing import Any

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    SUMMARY_COLUMNS,
    interval,
    known,
    number,
    summary_from,
)
from wmh_keras.reporting.tables.score_names import score_name
from wmh_keras.reporting.tables.table import Part, Table

_HEADER = (
    "Score",
    "Mean",
    "SD",
    "Median",
    "Quartiles",
    "95 % interval",
    "n",
    "Undefined",
)
_COLUMNS = (
    "model",
    "score",
    *SUMMARY_COLUMNS,
)
_WITHOUT_SPREAD = {
    "pooled_dice": "Dice of the pooled voxels",
    "dice_of_means": "Dice of mean precision and recall",
}


def all_scores_table(study: Study) -> Table:
    """Mean, spread, quartiles and interval of every score."""
    return Table(
        name="table_s1_all_scores",
        title="Table S1. All scores",
        parts=[
            Part(_HEADER, _rows(evaluation), evaluation.name)
            for evaluation in study.evaluations
        ],
        notes=[
            "Over patients; a patient's volumes are averaged first. Interval: "
            "percentile bootstrap over patients. n: patients with a value; "
            "undefined: patients without one, such as the recall of a patient "
            "who has no lesion. The pooled Dice adds up the voxels of all "
            "patients; the Dice of the mean precision and recall is 2PR/(P+R), "
            "as the paper computes it.",
        ],
        columns=_COLUMNS,
        records=[r for e in study.evaluations for r in _records(e)],
        folded=True,
    )


def _rows(evaluation: EvaluationResults) -> list[list[str]]:
    rows = []
    for score, block in evaluation.summary["scores"].items():
        name, summary = score_name(score), summary_from(block)
        d = name.decimals
        quartiles = f"{number(summary.q1, d)} to {number(summary.q3, d)}"
        rows.append(
            [
                name.text,
                number(summary.mean, d),
                number(summary.sd, d),
                number(summary.median, d),
                quartiles if summary.n else number(summary.q1),
                interval(summary.ci_low, summary.ci_high, d),
                f"{summary.n:,}",
                f"{summary.n_nan:,}",
            ]
        )
    for key, text in _WITHOUT_SPREAD.items():
        value = number(known(evaluation.summary[key]))
        rows.append([text, value, *[""] * (len(_HEADER) - 2)])
    return rows


def _records(evaluation: EvaluationResults) -> list[dict[str, Any]]:
    records = [
        {"model": evaluation.name, "score": score, **block}
        for score, block in evaluation.summary["scores"].items()
    ]
    records += [
        {
            "model": evaluation.name,
            "score": key,
            "mean": known(evaluation.summary[key]),
        }
        for key in _WITHOUT_SPREAD
    ]
    return records
