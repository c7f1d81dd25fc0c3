"""Table S2: the scores by site."""

from typing import Any

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    SUMMARY_COLUMNS,
    known,
    mean_sd,
    summary_from,
)
from wmh_keras.reporting.tables.score_names import score_name
from wmh_keras.reporting.tables.table import Part, Table

_SHOWN = (
    "dice",
    "precision",
    "recall",
    "lesion_dice",
    "auc",
    "challenge_h95_mm",
)
_COLUMNS = (
    "model",
    "site",
    "num_subjects",
    "num_volumes",
    "score",
    *SUMMARY_COLUMNS,
)
_NAME = "table_s2_sites"
_TITLE = "Table S2. Scores by site"


def sites_table(study: Study) -> Table:
    """Scores of every model at every site."""
    if all(set(e.summary["sites"]) <= {""} for e in study.evaluations):
        return Table(
            name=_NAME,
            title=_TITLE,
            missing="The sites are not known: give them when the data is "
            "prepared (participants.tsv, or the column site of a manifest), "
            "or in the column site of `wmh-evaluate --pairs=FILE.csv`.",
        )
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=[
            Part(
                (
                    "Site",
                    "Patients",
                    *(score_name(score).text for score in _SHOWN),
                ),
                _rows(evaluation),
                evaluation.name,
            )
            for evaluation in study.evaluations
        ],
        notes=[
            "Mean ± SD over the patients of the site. A patient who was "
            "scanned at two sites counts at both. Every "
            "score is in the CSV."
        ],
        columns=_COLUMNS,
        records=[r for e in study.evaluations for r in _records(e)],
    )


def _rows(evaluation: EvaluationResults) -> list[list[str]]:
    return [
        [
            site or "unknown",
            f"{block['num_subjects']:,}",
            *(
                mean_sd(
                    summary_from(block["scores"][score]),
                    score_name(score).decimals,
                )
                for score in _SHOWN
            ),
        ]
        for site, block in evaluation.summary["sites"].items()
    ]


def _records(evaluation: EvaluationResults) -> list[dict[str, Any]]:
    records = []
    for site, block in evaluation.summary["sites"].items():
        about = {
            "model": evaluation.name,
            "site": site,
            "num_subjects": block["num_subjects"],
            "num_volumes": block["num_volumes"],
        }
        records += [
            {**about, "score": score, **summary}
            for score, summary in block["scores"].items()
        ]
        records += [
            {**about, "score": key, "mean": known(block[key])}
            for key in ("pooled_dice", "dice_of_means")
        ]
    return records
