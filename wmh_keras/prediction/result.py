"""What came of a run, for the person who started it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from wmh_keras.prediction import records
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import VOLUMES_FILE, Record
from wmh_keras.prediction.summary import PAGE_FILE

# Lines of warnings at the end of a run; all of them are in the table.
_MAX_WARNINGS = 20


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of it.

    Attributes:
      output_dir: where everything lies.
      segmented: records of the scans that this run segmented.
      failed: records of those that could not be.
      num_skipped: scans that were done before.
      without_seg: records of the scans, of this run and before, that have no
        DICOM SEG though it is asked for.
      has_summary: whether table and page were written.
    """

    output_dir: Path
    segmented: Sequence[Record]
    failed: Sequence[Record]
    num_skipped: int
    without_seg: Sequence[Record] = ()
    has_summary: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether every scan got all that was asked for."""
        return not self.failed and not self.without_seg

    def describe(self) -> list[str]:
        """Returns lines for the user."""
        lines = [
            f"{len(self.segmented)} segmented, {self.num_skipped} already "
            f"done, {len(self.failed)} failed",
        ]
        lines += [f"  failed: {record.row['error']}" for record in self.failed]
        lines += [
            f"  no DICOM SEG of {record.row['file']}: {record.seg_problem}"
            for record in self.without_seg
        ]
        warnings = [
            f"  warning: {record.row['file']}: {warning}"
            for record in self.segmented
            for warning in record.warnings
            if not record.seg_problem or record.seg_problem not in warning
        ]
        lines += warnings[:_MAX_WARNINGS]
        if len(warnings) > _MAX_WARNINGS:
            more = len(warnings) - _MAX_WARNINGS
            where = f", in {VOLUMES_FILE}" if self.has_summary else ""
            lines.append(f"  … and {more} more warnings{where}")
        if self.has_summary:
            lines += [
                f"table: {self.output_dir / VOLUMES_FILE}",
                f"page:  {self.output_dir / PAGE_FILE}",
            ]
        return lines


def result_of(
    output_dir: Path,
    made: Sequence[Record],
    done: Sequence[Job],
    *,
    dicom_seg: bool,
    has_summary: bool,
) -> Result:
    """Sorts the records of a run.

    Args:
      output_dir: where everything lies.
      made: records of this run.
      done: scans that were done before.
      dicom_seg: whether masks were wanted as DICOM too.
      has_summary: whether table and page were written.
    """
    without_seg: list[Record] = []
    if dicom_seg:
        before = (records.read_record(job.outputs.record) for job in done)
        known = (*made, *(r for r in before if r is not None))
        without_seg = [r for r in known if r.seg_problem]
    return Result(
        output_dir=output_dir,
        segmented=[r for r in made if r.status != records.FAILED],
        failed=[r for r in made if r.status == records.FAILED],
        num_skipped=len(done),
        without_seg=without_seg,
        has_summary=has_summary,
    )
