"""What the preparation tells the person at the terminal."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_prep.cases.case import Case
from data_prep.dataset.case_records import SortedChecks
from data_prep.dataset.plan import PreparationPlan
from data_prep.messages import listed
from data_prep.preprocess_config import PreprocessConfig
from data_prep.splits import UNLABELLED


def format_found(cases: Sequence[Case]) -> str:
    """Returns one line on what was found, and one on the sites."""
    masks = sum(case.mask is not None for case in cases)
    excluded = sum(bool(case.exclude_reason) for case in cases)
    subjects = len({case.subject_id for case in cases})
    sites = Counter(case.site or "unknown" for case in cases)
    listed = ", ".join(
        f"{site} {count}" for site, count in sorted(sites.items())
    )
    return (
        f"Found {len(cases)} volumes of {subjects} subjects: {masks} with a "
        f"mask, {len(cases) - masks} without, {excluded} excluded.\n"
        f"Sites: {listed}"
    )


def format_cases(plan: PreparationPlan, parts: SortedChecks) -> str:
    """Returns a table of all volumes, as --dry_run shows it."""
    shapes = {
        case.volume_id: "×".join(map(str, check.facts.shape))
        for case, check in parts.used
    }
    rows = [
        (case.volume_id, case.site, case.split, shapes[case.volume_id])
        for case in plan.cases
    ] + [
        (case.volume_id, case.site, status, "")
        for case, status, _ in parts.left_out
    ]
    return format_table(("volume", "site", "split", "shape"), rows)


def format_splits(plan: PreparationPlan, parts: SortedChecks) -> str:
    """Returns the table of splits: subjects, volumes, slices, sites."""
    checks = {case.volume_id: check for case, check in parts.used}
    rows = []
    for name, cases in plan.splits.items():
        sites = Counter(case.site or "unknown" for case in cases)
        rows.append(
            (
                name,
                len({case.subject_id for case in cases}),
                len(cases),
                sum(checks[c.volume_id].facts.num_slices for c in cases),
                ", ".join(f"{s} {n}" for s, n in sorted(sites.items())),
            )
        )
    table = format_table(
        ("split", "subjects", "volumes", "slices", "sites"), rows
    )
    if not set(plan.splits) - {UNLABELLED}:
        table += (
            "\nNo volume has a mask, so nothing here can be trained or "
            "evaluated on."
        )
    return table


def format_warnings(warnings: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Returns the warnings of all volumes; equal ones are put together.

    Args:
      warnings: (volume_id, its warnings); "" is returned where there are none.
    """
    volumes: dict[str, list[str]] = {}
    for volume_id, texts in warnings:
        for text in texts:
            volumes.setdefault(text, []).append(volume_id)
    lines = []
    for text, ids in volumes.items():
        lines.append(f"warning: {listed(ids, 5)}: {text}")
    return "\n".join(lines)


def explain_difference(
    card: Mapping[str, Any],
    plan: PreparationPlan,
    choices: Mapping[str, Any],
) -> str:
    """Says in which way another preparation differs from a finished one.

    Args:
      card: of the finished data set.
      plan: of the other.
      choices: of the other, as in its card.
    """
    # All fields, those too that JSON leaves out.
    there = dataclasses.asdict(PreprocessConfig.from_json(card["preprocess"]))
    here = dataclasses.asdict(plan.preprocess)
    there.update(card["choices"])
    here.update(choices)
    there["mask_value"], here["mask_value"] = (
        card["mask_value"],
        plan.mask_value,
    )
    differences = [
        f"{name} {there.get(name)} there, {here[name]} here"
        for name in here
        if there.get(name) != here[name]
    ]
    sizes = {name: len(cases) for name, cases in plan.splits.items()}
    if sizes != {n: split["volumes"] for n, split in card["splits"].items()}:
        differences.append("other numbers of volumes in the splits")
    return "; ".join(differences) or "other images, masks, ids or metadata"


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[object]]
) -> str:
    """Returns a table for the terminal: numbers right, the rest left."""
    lines = [tuple(map(str, header))] + [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if text.isdigit() else text.ljust(width)
            for text, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
