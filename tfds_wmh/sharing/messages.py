"""What `wmh-share` tells the person at the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.dataset.report import format_table
from data_prep.messages import listed
from tfds_wmh.sharing.layout import README_FILE
from tfds_wmh.sharing.packing import Inspection, PackRequest
from tfds_wmh.sharing.scanning import free_texts
from tfds_wmh.sharing.verifying import Verified

_MOST = 50


def format_inspection(request: PackRequest, inspection: Inspection) -> str:
    """Returns what a data folder holds, and what is wrong with it."""
    blocks = [_format_splits(inspection.contents.card["splits"])]
    texts = free_texts(inspection.contents.rows)
    if texts:
        lines = [
            f"  {field}: {', '.join(values[:20])}"
            + (f" and {len(values) - 20} more" if len(values) > 20 else "")
            for field, values in texts.items()
        ]
        blocks.append(
            "Texts that travel; look whether they say who somebody is:\n"
            + "\n".join(lines)
        )
    without_site = sum(not row["site"] for row in inspection.contents.rows)
    if without_site:
        blocks.append(
            f"warning: {without_site} of {len(inspection.contents.rows)} "
            "volumes have no site, so that the pack cannot be merged with "
            "another; give it in participants.tsv or the manifest and prepare "
            "again"
        )
    if inspection.left_behind:
        blocks.append(f"Not packed: {listed(inspection.left_behind)}")
    if request.key_path is None:
        blocks.append(
            "The key of the pseudonyms is not beside the data, so the files "
            "were not searched for it; --pseudonym_key=FILE does so."
        )
    if inspection.problems:
        blocks.append(format_problems(inspection.problems))
    if inspection.findings:
        found = [str(finding) for finding in inspection.findings]
        blocks.append(
            "Identifiers, what may be one, and heads that are not as was "
            f"said: {len(found)}\n{_listed(found)}"
        )
    return "\n\n".join(blocks)


def format_verified(folder: Path, verified: Verified) -> str:
    """Returns what came of a check."""
    share = verified.share
    head = (
        f"{share['name']}\n"
        f"Sites: {', '.join(share['sites'])}. Heads: {share['heads']}. "
        f"Licence: {share['licence']}"
    )
    if verified.problems:
        return f"{head}\n\n{format_problems(verified.problems)}"
    return (
        f"{head}\n\n{_format_splits(share['splits'])}\n\n"
        f"{folder}: whole, and as it was packed."
    )


def format_problems(problems: Sequence[str]) -> str:
    """Returns the problems, a line each."""
    return f"Problems: {len(problems)}\n{_listed(problems)}"


def format_written(output: Path) -> str:
    """Returns where what is."""
    return (
        f"\nWritten and complete: {output}\n"
        f"Read {output / README_FILE} before you pass it on.\n"
        f"Check it there with: wmh-share verify --data_dir={output}"
    )


def _format_splits(splits: Mapping[str, Mapping[str, Any]]) -> str:
    fields = ("subjects", "volumes", "slices")
    rows = [
        (name, *(split[field] for field in fields))
        for name, split in splits.items()
    ]
    return format_table(("split", *fields), rows)


def _listed(lines: Sequence[str]) -> str:
    shown = [f"  {line}" for line in lines[:_MOST]]
    if len(lines) > _MOST:
        shown.append(f"  … and {len(lines) - _MOST} more")
    return "\n".join(shown)
