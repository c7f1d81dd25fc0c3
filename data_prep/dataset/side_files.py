"""Writes what lies beside the examples: lists, card."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.dataset.case_records import SortedChecks, case_columns, case_rows
from data_prep.dataset.data_card import (
    VolumeSummary,
    format_data_card,
    make_data_card,
)
from data_prep.dataset.data_folder import (
    CARD_FILE,
    CASES_FILE,
    READABLE_CARD_FILE,
    SPLITS_FILE,
)
from data_prep.dataset.plan import PreparationPlan
from data_prep.files import sha256_of, write_csv, write_json, write_text
from data_prep.splits import UNLABELLED, write_splits


def write_side_files(
    folder: str | os.PathLike,
    plan: PreparationPlan,
    parts: SortedChecks,
    summaries: Mapping[str, VolumeSummary],
    identity: str,
    *,
    choices: Mapping[str, Any],
    times: Mapping[str, Any],
) -> None:
    """Writes splits.csv, cases.csv, data_card.json and DATA_CARD.md.

    Args:
      folder: where to.
      plan: what was prepared.
      parts: everyone, the left out too.
      summaries: of the prepared volumes, by volume_id.
      identity: see `preparation.plan_identity`.
      choices: what the user chose; no paths, they could tell who it is.
      times: when and how long.
    """
    folder = Path(folder)
    # A subject with and without masks belongs to the split of its masks.
    splits = {case.subject_id: UNLABELLED for case in plan.cases}
    for case in plan.cases:
        if case.split != UNLABELLED:
            splits[case.subject_id] = case.split
    write_splits(folder / SPLITS_FILE, splits)
    rows = list(case_rows(plan, parts, summaries))
    columns = case_columns(plan.preprocess.channels)
    write_csv(folder / CASES_FILE, columns, rows)
    statuses = [status for _, status, _ in parts.left_out]
    card = make_data_card(
        plan,
        summaries,
        identity,
        choices=choices,
        left_out={name: statuses.count(name) for name in sorted(set(statuses))},
        times=times,
        files={
            name: sha256_of(folder / name) for name in (SPLITS_FILE, CASES_FILE)
        },
    )
    write_json(folder / CARD_FILE, card)
    write_text(folder / READABLE_CARD_FILE, format_data_card(card))
