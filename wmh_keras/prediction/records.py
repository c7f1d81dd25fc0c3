"""One record a scan: what was done, with what, and whether it is complete.

The record is the commit mark. It says "started" before the first result is
written and "done" after the last: whatever stops a run, the next one knows
what to do again. The table and the page are made from the records alone.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.cases.listing import bullet_list
from data_prep.errors import UserError
from data_prep.files import (
    is_temporary,
    nan_to_none,
    read_json,
    sha256_of,
    write_json,
)
from data_prep.nifti import check_intact
from wmh_keras.prediction.outputs import Job, ScanOutputs

FORMAT = "wmh-keras prediction 1"
RECORD_SUFFIX = "_prediction.json"
VOLUMES_FILE = "volumes.csv"

STARTED, DONE, FAILED = "started", "done", "failed"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides a result, beside the image.

    Attributes:
      model: identity of networks, weights and preprocessing, of all models
        of an ensemble, and of the test-time flips.
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions were removed.
    """

    model: str
    threshold: float
    min_lesion_mm3: float

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known about one scan's results.

    Attributes:
      status: "started", "done" or "failed".
      input_sha256: of the FLAIR file; "" where it could not be read.
      settings: as `Settings.to_json` gives them.
      row: the scan's line of volumes.csv.
      warnings: what the user should know.
      thumbnails: JPEG files in base64, for the page.
      files: names of the results, in the record's folder.
      mask_sha256: of the mask as it was written; "" before that.
      path: where the record was read from or goes to.
      channels_sha256: of the files of further images, by their roles.
      seg_problem: why there is no DICOM SEG though it was asked for, or "".
      seen_subjects: digests of those that the model had seen in training; None
        where that is not known, as of a served model.
      versions: of the software, as `installed_versions` gives them.
    """

    status: str
    input_sha256: str
    settings: Mapping[str, Any]
    row: Mapping[str, Any]
    warnings: Sequence[str] = ()
    thumbnails: Sequence[str] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mask_sha256: str = ""
    path: Path | None = None
    channels_sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    seg_problem: str = ""
    seen_subjects: Sequence[str] | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Names of results that are no longer there."""
        folder = self.path.parent
        return [n for n in self.files.values() if not (folder / n).is_file()]

    def lacks_dicom_seg(self, job: Job) -> bool:
        """Whether the scan's DICOM SEG was neither written nor refused."""
        return (
            job.outputs.dicom_seg is not None
            and "dicom_seg" not in self.files
            and not self.seg_problem
        )

    def has_changed_mask(self, mask: Path) -> bool:
        """Whether the mask is no longer what was written: a correction?"""
        if not self.mask_sha256 or not mask.is_file():
            return False
        return sha256_of(mask) != self.mask_sha256


def write_record(record: Record) -> None:
    """Writes a record atomically to its `path`."""
    value = dataclasses.asdict(record)
    del value["path"]
    if not record.channels_sha256:  # as it was before there were any
        del value["channels_sha256"]
    if not record.seg_problem:
        del value["seg_problem"]
    if record.seen_subjects is None:
        del value["seen_subjects"]
    write_json(record.path, nan_to_none({"format": FORMAT, **value}))


def read_record(path: str | os.PathLike) -> Record | None:
    """Reads a record; None where the file is absent or not a record."""
    path = Path(path)
    try:
        value = read_json(path)
    except UserError:
        return None
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        return None
    try:
        return Record(**value, path=path)
    except TypeError:
        return None


def find_records(output_dir: str | os.PathLike) -> Iterator[Record]:
    """Reads all records below a folder, in the order of their paths.

    Folders below it with a table of their own hold the results of other runs,
    maybe of the same scans, and are passed over.
    """
    paths: list[Path] = []
    for folder, children, names in os.walk(output_dir):
        if Path(folder) != Path(output_dir) and VOLUMES_FILE in names:
            children.clear()
            continue
        paths += [Path(folder, n) for n in names if n.endswith(RECORD_SUFFIX)]
    for path in sorted(paths):
        # A killed run's unfinished file may hold a whole record.
        record = None if is_temporary(path) else read_record(path)
        if record is not None:
            yield record


def check_earlier(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    overwrite: bool,
    precision: str = "fp32",
    dicom_seg: bool = False,
) -> tuple[list[Job], list[Job]]:
    """Tells what is to be done from what is done already.

    Args:
      jobs: the scans of this run.
      settings: of this run.
      overwrite: do everything again, whatever is there.
      precision: that the networks have to have computed in.
      dicom_seg: whether masks of DICOM series are wanted as DICOM too.

    Returns:
      (to do, done before with the same settings from the same file).

    Raises:
      UserError: without `overwrite`, results are there that were made with
        other settings, from another image, or by somebody else, or whose mask
        is damaged.
    """
    if overwrite:
        return list(jobs), []
    waiting, done, problems = [], [], []
    for job in jobs:
        record = read_record(job.outputs.record)
        if record is None:
            problem = _foreign_files(job.outputs)
        elif record.status == DONE and not record.missing:
            problem = _difference(record, settings, job)
            problem = problem or _other_precision(record, precision)
            problem = problem or _damaged_mask(record, job)
            if problem is None and dicom_seg and record.lacks_dicom_seg(job):
                problem = _corrected_mask(record, job)
            elif problem is None:
                done.append(job)
                continue
        else:
            problem = _corrected_mask(record, job)
        if problem is None:
            waiting.append(job)
        else:
            problems.append(f"{job.outputs.mask}: {problem}")
    if problems:
        raise UserError(
            "nothing was written: there are results that this run would not "
            "give; take another --output_dir, or --overwrite:\n"
            + bullet_list(problems)
        )
    return waiting, done


def _other_precision(record: Record, precision: str) -> str | None:
    # Records without it are of a time when there was no other.
    before = record.row.get("precision", "fp32")
    if precision == before:
        return None
    return f"made with precision {before}, this run has {precision}"


def _foreign_files(outputs: ScanOutputs) -> str | None:
    found = [path.name for path in outputs.results if path.exists()]
    if not found:
        return None
    return f"there without a record of this program: {', '.join(found)}"


def _corrected_mask(record: Record, job: Job) -> str | None:
    if not record.has_changed_mask(job.outputs.mask):
        return None
    return (
        "changed since it was written (a correction by hand?), and would be "
        f"replaced, for {', '.join(record.missing) or 'its DICOM SEG'} is "
        "missing; keep it under another name"
    )


def warn_of_changed_masks(done: Sequence[Job]) -> tuple[str, ...]:
    """Tells of masks that are kept though they are not as written.

    Args:
      done: jobs that `check_earlier` found done.
    """
    changed = []
    for job in done:
        record = read_record(job.outputs.record)
        if record is not None and record.has_changed_mask(job.outputs.mask):
            changed.append(
                f"{job.outputs.mask}: changed since it was written; it is kept "
                "as it is, table and page show what was written"
            )
    return tuple(changed)


def _damaged_mask(record: Record, job: Job) -> str | None:
    """A mask that somebody corrected can still be read; a torn one cannot."""
    mask = job.outputs.mask
    if not record.has_changed_mask(mask):
        return None
    try:
        check_intact(mask)
    except UserError as error:
        return f"changed since it was written, and no mask any more ({error})"
    return None


def _difference(record: Record, settings: Settings, job: Job) -> str | None:
    for name, value in settings.to_json().items():
        if record.settings.get(name) != value:
            return (
                f"made with {name} {record.settings.get(name)}, this run has "
                f"{value}"
            )
    if job.case.missing:
        roles = ", ".join(role for role, _ in job.case.missing)
        return f"its {roles} can no longer be found"
    known = {"flair": record.input_sha256, **record.channels_sha256}
    for role, path in job.case.images:
        try:
            is_same = sha256_of(path) == known.get(role)
        except OSError:
            return f"its image {path} can no longer be read"
        if not is_same:
            return f"the image {path} has changed since"
    return None
