"""What stands in the tables of an evaluation folder."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from wmh_keras.evaluation.results import PatientResult
from wmh_keras.metrics.curves import PR_RECALL, ROC_FPR

Row = dict[str, Any]

YES, NO = "true", "false"
ROC, PRECISION_RECALL = "roc", "precision_recall"
# Where the points of each curve lie.
GRIDS = {ROC: ROC_FPR, PRECISION_RECALL: PR_RECALL}


def patient_rows(result: PatientResult) -> Iterator[Row]:
    """The one row of per_patient.csv: `results.COLUMNS`."""
    yield (
        dataclasses.asdict(result.key)
        | dataclasses.asdict(result.scores)
        | dataclasses.asdict(result.counts)
    )


def class_rows(result: PatientResult) -> Iterator[Row]:
    """The rows of size_classes.csv: `results.CLASS_COLUMNS`, all classes."""
    key = dataclasses.asdict(result.key)
    for name, scores in result.classes.items():
        yield {**key, "size_class": name, **dataclasses.asdict(scores)}


def lesion_rows(result: PatientResult) -> Iterator[Row]:
    """The rows of lesions.csv: `results.LESION_COLUMNS`, none or more."""
    key = dataclasses.asdict(result.key)
    for lesion in result.lesions:
        row = key | dataclasses.asdict(lesion)
        for axis, place in zip("xyz", row.pop("centroid_mm"), strict=True):
            row[f"centroid_{axis}_mm"] = place
        row["found"] = YES if lesion.found else NO
        row["touches"] = " ".join(map(str, lesion.touches))
        yield row


def curve_rows(result: PatientResult) -> Iterator[Row]:
    """The rows of curves.csv: `results.CURVE_COLUMNS`; none without curves."""
    if result.curves is None:
        return
    key = dataclasses.asdict(result.key)
    values = {ROC: result.curves.tpr, PRECISION_RECALL: result.curves.precision}
    for name, grid in GRIDS.items():
        for x, y in zip(grid, values[name], strict=True):
            yield {**key, "curve": name, "x": x, "y": y}
