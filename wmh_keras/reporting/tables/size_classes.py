"""Table 3: scores within the size classes, and the areas under curves."""

from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.report_rules import describe_rule
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    SUMMARY_COLUMNS,
    known,
    mean_sd,
    part_of,
    summary_from,
)
from wmh_keras.reporting.tables.table import Part, Table

_SCORES = {
    "dice_within": "Dice within",
    "dice": "Dice",
    "lesion_recall": "Lesion recall, mean",
    "lesion_dice": "Lesion F1",
}
_AREAS = {"auc": "ROC AUC", "average_precision": "Average precision"}
_COLUMNS = (
    "model",
    "size_class",
    "score",
    "over",
    *SUMMARY_COLUMNS,
    "part",
    "whole",
)


def size_classes_table(study: Study) -> Table:
    """Scores of each size class and model, AUC of each model."""
    records, class_rows, area_rows = [], [], []
    for evaluation in study.evaluations:
        records += _records(evaluation)
        class_rows += [_class_row(evaluation, size) for size in SIZE_CLASSES]
        area_rows.append(_area_row(evaluation))
    return Table(
        name="table_3_size_classes_and_auc",
        title="Table 3. Results by lesion size, and areas under the curves",
        parts=[
            Part(
                (
                    "Model",
                    "Size",
                    "Patients with",
                    "Lesion recall, pooled",
                    *_SCORES.values(),
                ),
                class_rows,
                "By the size of the reference lesion; mean ± SD",
            ),
            Part(
                ("Model", *_AREAS.values(), "n"),
                area_rows,
                "Areas under the curves of the whole volume; mean ± SD",
            ),
        ],
        notes=_notes(study),
        columns=_COLUMNS,
        records=records,
    )


def _notes(study: Study) -> list[str]:
    notes = [
        describe_rule(study.evaluations[0]),
        "Dice within counts the prediction only inside the reference lesions "
        "of the class: 2 TP / (TP + lesion voxels). It cannot see false "
        "positives, so it is too good as a measure of the whole result; Dice "
        "counts the predicted lesions that belong to the class too.",
        "Means are over the patients who have a reference lesion of the "
        "class; the CSV also has those over all patients. The pooled recall "
        "is over the lesions of all patients together.",
        "Lesion F1 joins the recall of the reference lesions of a size and the "
        "precision of the predicted lesions of that size.",
    ]
    without = [
        e.name for e in study.evaluations if not e.summary["scores"]["auc"]["n"]
    ]
    if without:
        notes.append(
            f"No probabilities were evaluated for {', '.join(without)}, so "
            "that it has no AUC: `wmh-evaluate --model=…` or "
            "`--probabilities=…` gives it."
        )
    return notes


def _class_row(evaluation: EvaluationResults, size: str) -> list[str]:
    block = evaluation.summary["size_classes"][size]
    patients = evaluation.summary["num_subjects"]
    return [
        evaluation.name,
        size,
        f"{block['patients_with']:,} of {patients:,}",
        part_of(block["found_lesions"], block["reference_lesions"]),
        *(
            mean_sd(summary_from(block["scores_with"][score]))
            for score in _SCORES
        ),
    ]


def _area_row(evaluation: EvaluationResults) -> list[str]:
    scores = evaluation.summary["scores"]
    return [
        evaluation.name,
        mean_sd(summary_from(scores["auc"]), 4),
        mean_sd(summary_from(scores["average_precision"])),
        f"{scores['auc']['n']:,}",
    ]


def _records(evaluation: EvaluationResults) -> list[dict[str, Any]]:
    records = []
    for size in SIZE_CLASSES:
        block = evaluation.summary["size_classes"][size]
        about = {"model": evaluation.name, "size_class": size}
        for name, part, whole in (
            ("pooled_recall", "found_lesions", "reference_lesions"),
            ("pooled_precision", "matched_lesions", "predicted_lesions"),
        ):
            records.append(
                {
                    **about,
                    "score": name,
                    "over": "lesions",
                    "mean": known(block[name]),
                    "part": block[part],
                    "whole": block[whole],
                }
            )
        for over, key in (
            ("patients with the class", "scores_with"),
            ("all patients", "scores"),
        ):
            records += [
                {**about, "score": score, "over": over, **summary}
                for score, summary in block[key].items()
            ]
    records += [
        {
            "model": evaluation.name,
            "size_class": "all",
            "score": score,
            "over": "all patients",
            **evaluation.summary["scores"][score],
        }
        for score in _AREAS
    ]
    return records
