"""The cohort of a BIDS data set: table and page, and what is missing in it."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data_prep.cases import find_images
from data_prep.cases.listing import bullet_list
from data_prep.errors import UserError
from wmh_keras.prediction import bids_derivative, records
from wmh_keras.prediction.bids_selection import Selection, select_cases
from wmh_keras.prediction.output_folder import check_output_dir, locked_output
from wmh_keras.prediction.outputs import Job, plan_jobs
from wmh_keras.prediction.records import Record, warn_of_changed_masks
from wmh_keras.prediction.summary import (
    PAGE_FILE,
    VOLUMES_FILE,
    row_of,
    write_summary,
)

# What has to be the same for all lines of a table, if they are compared.
_SETTINGS = ("model", "threshold", "min_lesion_mm3", "precision")


@dataclasses.dataclass(frozen=True)
class Cohort:
    """What the table and the page hold.

    Attributes:
      output_dir: where they lie.
      statuses: number of lines by their status, such as {"done": 12}.
      unfinished: "scan: why", of the lines without a result.
      absent: scans of the data set that have no line.
      warnings: what else the user should know.
    """

    output_dir: Path
    statuses: dict[str, int]
    unfinished: Sequence[str] = ()
    absent: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every scan has a result."""
        return not self.unfinished and not self.absent

    def describe(self) -> list[str]:
        """Returns lines for the user."""
        counts = [f"{count} {name}" for name, count in self.statuses.items()]
        lines = [f"{sum(self.statuses.values())} scans: {', '.join(counts)}"]
        if self.unfinished:
            lines += ["Without a result:", bullet_list(list(self.unfinished))]
        if self.absent:
            lines += [
                "In the data set, but never segmented by the participant "
                "level:",
                bullet_list(list(self.absent)),
            ]
        lines += [f"warning: {text}" for text in self.warnings]
        return [
            *lines,
            f"table: {self.output_dir / VOLUMES_FILE}",
            f"page:  {self.output_dir / PAGE_FILE}",
        ]


def summarize_cohort(
    bids_dir: Path, output_dir: Path, selection: Selection
) -> Cohort:
    """Writes table and page anew, from the records of the participants.

    Args:
      bids_dir: the data set that the results were made from.
      output_dir: where they lie.
      selection: whom results are expected of; the table holds all there are.

    Raises:
      UserError: no results at all (nothing is written then); somebody wanted
        who is not in the data set; or another process still writes there.
    """
    warnings: list[str] = []
    check_output_dir(output_dir)
    bids_derivative.check_output_dir(bids_dir, output_dir)
    cases = find_images(bids_dir, warn=warnings.append)
    wanted = select_cases(bids_dir, cases, selection, warnings.append)
    jobs = plan_jobs(cases, output_dir, is_bids=True, input_dir=bids_dir)
    if not any(records.find_records(output_dir)):
        raise UserError(
            f"{output_dir}: expected results of the participant level, found "
            "none; run it first, with the same output folder"
        )
    with locked_output(output_dir):
        found = write_summary(output_dir)
    rows = [row_of(record) for record in found]
    with_record = {record.path for record in found}
    finished = [r.path for r in found if row_of(r)["status"] == records.DONE]
    warnings += warn_of_changed_masks(
        [job for job in jobs if job.outputs.record in finished]
    )
    return Cohort(
        output_dir=output_dir,
        statuses=dict(Counter(row["status"] for row in rows)),
        unfinished=[
            f"{row['file']}: {row['error']}"
            for row in rows
            if row["status"] != records.DONE
        ],
        absent=[
            job.case.relative_path
            for job in jobs
            if job.case in wanted and job.outputs.record not in with_record
        ],
        warnings=(*warnings, *_differences(found), *_strangers(found, jobs)),
    )


def _differences(found: Sequence[Record]) -> list[str]:
    """Says in what the lines of the table were not made alike."""
    warnings = []
    for name in _SETTINGS:
        values = {str(row_of(r).get(name, "")) for r in found} - {""}
        if len(values) > 1:
            warnings.append(
                f"these scans were not all segmented alike, their {name} is "
                f"{', '.join(sorted(values))}: do not compare them"
            )
    return warnings


def _strangers(found: Sequence[Record], jobs: Sequence[Job]) -> list[str]:
    """Says which lines belong to no scan of the data set, or not any more."""
    known = {job.outputs.record for job in jobs}
    return [
        f"{record.path}: in the table, but its scan is not in the data set"
        for record in found
        if record.path not in known
    ]
