"""Table 1: how many lesions of which size there are."""

from collections.abc import Mapping
from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.reporting.report_rules import describe_rule, is_default_rule
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import UNKNOWN, percent, plural
from wmh_keras.reporting.tables.table import Part, Table

_COLUMNS = ("set", "subjects", "volumes", *SIZE_CLASSES, "lesions", "source")
_HEADER = ("Set", "Patients", "Volumes", "Small", "Medium", "Large", "All")


def lesions_table(study: Study) -> Table:
    """Lesions by size and split, and those of the evaluated patients."""
    records = [_evaluated(study)]
    notes = [f"Reference lesions. {describe_rule(study.evaluations[0])}"]
    if study.data is None:
        notes.append(
            "Only the evaluated patients are known; --data_dir=DATA adds the "
            "splits of the prepared data set."
        )
    else:
        splits = _splits(study.data.card["splits"])
        records = [*splits, *records]
        notes.append(
            "The splits are counted by the data card of --data_dir: "
            "26-connected components, small below 20 mm³, large above 150 mm³."
        )
        if not is_default_rule(study.evaluations[0]):
            notes.append(
                "The evaluation tells lesions apart by another rule than the "
                "data card, so that its row and those of the splits do not "
                "count the same."
            )
        without = [r["set"] for r in splits if r["lesions"] is None]
        if without:
            notes.append(f"{', '.join(without)}: without reference masks.")
    return Table(
        name="table_1_lesions",
        title="Table 1. Lesions by size and split",
        parts=[Part(_HEADER, [_row(record) for record in records])],
        notes=notes,
        columns=_COLUMNS,
        records=records,
    )


def _splits(splits: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = []
    for name, split in splits.items():
        lesions = split["lesions"]
        counts = dict.fromkeys(SIZE_CLASSES) if lesions is None else lesions
        records.append(
            {
                "set": name,
                "subjects": split["subjects"],
                "volumes": split["volumes"],
                **{size: counts[size] for size in SIZE_CLASSES},
                "lesions": None if lesions is None else lesions["count"],
                "source": "data card",
            }
        )
    counted = [r for r in records if r["lesions"] is not None]
    if len(counted) > 1:
        names = ("subjects", "volumes", *SIZE_CLASSES, "lesions")
        total = {name: sum(r[name] for r in counted) for name in names}
        records.append(
            {"set": "all with masks", **total, "source": "data card"}
        )
    return records


def _evaluated(study: Study) -> dict[str, Any]:
    summary = study.evaluations[0].summary
    counts = {
        size: summary["size_classes"][size]["reference_lesions"]
        for size in SIZE_CLASSES
    }
    split = summary["evaluated"].get("split")
    return {
        "set": f"evaluated ({split})" if split else "evaluated",
        "subjects": summary["num_subjects"],
        "volumes": summary["num_volumes"],
        **counts,
        "lesions": sum(counts.values()),
        "source": "evaluation",
    }


def _row(record: Mapping[str, Any]) -> list[str]:
    total = record["lesions"]
    cells = [record["set"], f"{record['subjects']:,}", f"{record['volumes']:,}"]
    for size in SIZE_CLASSES:
        count = record[size]
        if count is None:
            cells.append(UNKNOWN)
        elif not total:
            cells.append(f"{count:,}")
        else:
            cells.append(f"{count:,} ({percent(count / total)})")
    return [*cells, UNKNOWN if total is None else f"{total:,}"]


def lesion_count_text(study: Study) -> str:
    """The evaluated lesions in words."""
    record = _evaluated(study)
    by_size = ", ".join(f"{record[size]:,} {size}" for size in SIZE_CLASSES)
    return f"{plural(record['lesions'], 'reference lesion')} ({by_size})"
