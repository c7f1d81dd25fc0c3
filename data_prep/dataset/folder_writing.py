"""Fills a data folder, or says that this was done before."""

import datetime
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_prep.dataset import data_folder
from data_prep.dataset.case_records import SortedChecks, all_warnings
from data_prep.dataset.data_card import VolumeSummary
from data_prep.dataset.plan import PreparationPlan, plan_identity
from data_prep.dataset.report import explain_difference, format_warnings
from data_prep.dataset.side_files import write_side_files
from data_prep.errors import UserError


def write_data_folder(
    data_dir: str | os.PathLike,
    plan: PreparationPlan,
    parts: SortedChecks,
    write_datasets: Callable[[Path], Mapping[str, VolumeSummary]],
    *,
    choices: Mapping[str, Any],
    started: float,
) -> str:
    """Makes the data set of a plan, unless it is there already.

    Args:
      data_dir: the data folder.
      plan: what to prepare.
      parts: everyone, the left out too.
      write_datasets: gets a folder, writes the examples of the plan into it,
        and returns the summaries by volume_id.
      choices: what the user chose; goes into the card.
      started: seconds since the epoch; for the card's times.

    Returns:
      What to tell the user: warnings, and where everything is.

    Raises:
      UserError: a different data set is there, or see `build_data_folder`.
    """
    data_dir = Path(data_dir)
    digests = {c.volume_id: check.content_sha256 for c, check in parts.used}
    left_out = [
        (status, case.volume_id, case.exclude_reason)
        for case, status, _ in parts.left_out
    ]
    identity = plan_identity(plan, digests, left_out)
    if data_folder.is_finished(data_dir):
        return _compare(data_dir, plan, identity, choices)
    with data_folder.build_data_folder(data_dir) as folder:
        summaries = write_datasets(folder)
        seconds = round(time.time() - started, 1)
        moment = datetime.datetime.fromtimestamp(started, datetime.UTC)
        write_side_files(
            folder,
            plan,
            parts,
            summaries,
            identity,
            choices=choices,
            times={
                "started": moment.isoformat(timespec="seconds"),
                "seconds": seconds,
            },
        )
    warnings = format_warnings(
        (case.volume_id, all_warnings(check, summaries[case.volume_id]))
        for case, check in parts.used
    )
    return (
        f"{warnings}\n"
        f"Prepared {len(plan.cases)} volumes in {seconds} s.\n"
        f"Data set:  {data_dir / data_folder.DATASET_NAME}\n"
        f"Data card: {data_dir / data_folder.READABLE_CARD_FILE}\n"
        f"Splits:    {data_dir / data_folder.SPLITS_FILE}\n"
        f"Cases:     {data_dir / data_folder.CASES_FILE}"
    ).strip()


def _compare(
    data_dir: Path,
    plan: PreparationPlan,
    identity: str,
    choices: Mapping[str, Any],
) -> str:
    data_folder.remove_leftovers(data_dir)
    card = data_folder.read_card(data_dir)
    if card["identity"] == identity:
        return f"{data_dir}: holds this very preparation; nothing to do."
    difference = explain_difference(card, plan, choices)
    raise UserError(
        f"{data_dir}: holds a different preparation ({difference}); choose "
        f"another --data_dir, or remove this one"
    )
