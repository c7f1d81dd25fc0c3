"""Table 2: spacings of the sets, and how many lesions are found."""

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.report_rules import (
    describe_lesion_rule,
    describe_rule,
)
from wmh_keras.reporting.study import DataSummary, Study
from wmh_keras.reporting.tables.formats import number, part_of
from wmh_keras.reporting.tables.table import Part, Table

_COLUMNS = (
    "part",
    "set",
    "volumes",
    "axis",
    "smallest_mm",
    "median_mm",
    "largest_mm",
    "model",
    "size_class",
    "reference_lesions",
    "found_lesions",
    "found_percent",
    "predicted_lesions",
    "matched_lesions",
    "matched_percent",
)
_AXES = {"x": "x", "y": "y", "z": "between slices"}


def spacings_table(study: Study) -> Table:
    """Spacings by split, and found lesions by size class and model."""
    lesions = [r for e in study.evaluations for r in _lesion_records(e)]
    parts = [
        _lesion_part(lesions, "found", "Reference lesions that were found"),
        _lesion_part(
            lesions, "matched", "Predicted lesions that are right, by own size"
        ),
    ]
    first = study.evaluations[0]
    notes = [
        f"{describe_rule(first)} {describe_lesion_rule(first)}",
        "Counted over the lesions of all patients together.",
    ]
    spacings: list[dict[str, Any]] = []
    if study.data is None:
        notes.append("--data_dir=DATA adds the spacings of the data set.")
    else:
        spacings = list(_spacing_records(study, study.data))
        parts.insert(0, _spacing_part(spacings))
    return Table(
        name="table_2_spacings_and_lesions",
        title="Table 2. Spacings by split, and lesions that were found",
        parts=parts,
        notes=notes,
        columns=_COLUMNS,
        records=[*spacings, *lesions],
    )


def _spacing_records(
    study: Study, data: DataSummary
) -> Iterable[dict[str, Any]]:
    for name, split in data.card["splits"].items():
        yield from _spacings_of(name, split["volumes"], split["spacing_mm"])
    evaluated = {v.key.identity for v in study.evaluations[0].volumes}
    spacings = [
        [float(length) for length in case["spacing_mm"].split("x")]
        for case in data.cases
        if case["spacing_mm"]
        and (case["subject_id"], case["session"], case["run"]) in evaluated
    ]
    if spacings:
        columns = zip(*spacings, strict=True)
        ranges = {
            axis: [min(c), statistics.median(c), max(c)]
            for axis, c in zip("xyz", columns, strict=True)
        }
        yield from _spacings_of("evaluated", len(spacings), ranges)


def _spacings_of(
    name: str, volumes: int, ranges: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    for axis in "xyz":
        smallest, median, largest = ranges[axis]
        yield {
            "part": "spacing",
            "set": name,
            "volumes": volumes,
            "axis": axis,
            "smallest_mm": smallest,
            "median_mm": median,
            "largest_mm": largest,
        }


def _spacing_part(records: list[dict[str, Any]]) -> Part:
    rows: dict[str, list[str]] = {}
    for record in records:
        row = rows.setdefault(
            record["set"], [record["set"], f"{record['volumes']:,}"]
        )
        median, smallest, largest = (
            number(record[f"{name}_mm"], 2)
            for name in ("median", "smallest", "largest")
        )
        row.append(f"{median} ({smallest} to {largest})")
    return Part(
        header=("Set", "Volumes", *_AXES.values()),
        rows=list(rows.values()),
        caption="Voxel spacing in mm: median (smallest to largest)",
    )


def _lesion_records(evaluation: EvaluationResults) -> list[dict[str, Any]]:
    blocks = evaluation.summary["size_classes"]
    fields = (
        "reference_lesions",
        "found_lesions",
        "predicted_lesions",
        "matched_lesions",
    )
    counts = {size: [blocks[size][f] for f in fields] for size in SIZE_CLASSES}
    counts["all"] = [sum(c) for c in zip(*counts.values(), strict=True)]
    return [
        {
            "part": "lesions",
            "model": evaluation.name,
            "size_class": size,
            **dict(zip(fields, values, strict=True)),
            "found_percent": _percent(values[1], values[0]),
            "matched_percent": _percent(values[3], values[2]),
        }
        for size, values in counts.items()
    ]


def _lesion_part(
    records: list[dict[str, Any]], counted: str, caption: str
) -> Part:
    of = {"found": "reference", "matched": "predicted"}[counted]
    rows: dict[str, list[str]] = {}
    for record in records:
        row = rows.setdefault(record["model"], [record["model"]])
        row.append(
            part_of(record[f"{counted}_lesions"], record[f"{of}_lesions"])
        )
    return Part(
        header=("Model", "Small", "Medium", "Large", "All"),
        rows=list(rows.values()),
        caption=caption,
    )


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
