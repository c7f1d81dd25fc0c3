"""One scan: read, segment, write everything, then say that it is done."""

import dataclasses
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from data_prep.cases.case import Case
from data_prep.errors import UserError, VolumeError
from data_prep.files import sha256_of
from data_prep.nifti import read_volume
from data_prep.size_classes import count_by_class
from data_prep.version import installed_versions
from data_prep.volume import Volume, check_channel
from wmh_keras.inference.engine import Engine
from wmh_keras.metrics.volumetry import volume_ml
from wmh_keras.prediction import lesions as lesion_table
from wmh_keras.prediction import records
from wmh_keras.prediction.bids_derivative import write_sidecars
from wmh_keras.prediction.likeness import (
    COLUMN,
    Expectation,
    compare_with_training,
    warn_of_seen,
)
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import Record, Settings
from wmh_keras.prediction.result_files import (
    file_names,
    remove_leftovers,
    write_results,
    write_segmentation_object,
)

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmentation, Segmenter

# What a single bad scan may raise; the others then go on.
SCAN_ERRORS = (UserError, OSError, MemoryError)


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What is the same for all scans of a run.

    Attributes:
      settings: what decides the results.
      engine: what the networks run on, for the table.
      model: what is known of the model, for BIDS sidecars.
      model_name: what people call it, with its version, or "".
      model_checksum: the start of that of its model.json, or "".
      dicom_seg: whether masks of DICOM series are written as DICOM too.
      expectations: what the models' training scans were like; where it is
        empty, no scan is compared with them.
      channels: roles of the images that the networks take.
      seen_subjects: digests of those that the models have seen; None where
        that is not known.
      versions: of the software.
    """

    settings: Settings
    engine: Engine
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dicom_seg: bool = False
    expectations: Sequence[Expectation] = ()
    model_name: str = ""
    model_checksum: str = ""
    channels: tuple[str, ...] = ("flair",)
    seen_subjects: tuple[str, ...] | None = None
    versions: Mapping[str, str] = dataclasses.field(
        default_factory=installed_versions
    )


@dataclasses.dataclass(frozen=True)
class LoadedScan:
    """What was read of one scan.

    Attributes:
      images: one volume a channel, the FLAIR first.
      sha256: of the FLAIR file.
      seconds: that reading took.
      channels_sha256: role to the SHA-256 of the file, of the further ones.
    """

    images: tuple[Volume, ...]
    sha256: str
    seconds: float
    channels_sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentedScan:
    """What was found in one scan, of which nothing is written yet.

    Attributes:
      flair: gives the grid.
      result: what the segmenter found.
      record: on disk, "started".
      seconds: that reading and segmenting took.
    """

    flair: Volume
    result: "Segmentation"
    record: Record
    seconds: float


def load_scan(case: Case, channels: tuple[str, ...]) -> LoadedScan:
    """Reads the images that a model needs.

    Args:
      case: names the files.
      channels: roles, in the order of the network's input.

    Raises:
      UserError: a role is not there, or a file cannot be used; scan, file and
        role are named.
      OSError: a file cannot be read.
    """
    start = time.monotonic()
    paths = dict(case.images)
    reasons = dict(case.missing)
    missing = [role for role in channels if role not in paths]
    if missing:
        details = [f"{role}: {reasons.get(role, 'absent')}" for role in missing]
        raise UserError(
            f"{case.flair}: the model needs {', '.join(channels)}; "
            + "; ".join(details)
        )
    images = tuple(read_volume(paths[role]) for role in channels)
    for role, image in zip(channels[1:], images[1:], strict=True):
        try:
            check_channel(image, images[0], role)
        except VolumeError as error:
            raise UserError(f"{paths[role]}: {error}") from error
    return LoadedScan(
        images,
        sha256_of(case.flair),
        time.monotonic() - start,
        {role: sha256_of(paths[role]) for role in channels[1:]},
    )


def segment_scan(
    job: Job,
    scan: LoadedScan,
    segmenter: "Segmenter",
    run: RunInfo,
    on_progress: Callable[[float], None] | None = None,
) -> SegmentedScan:
    """Segments a scan; on disk it is from now on one that was started.

    Args:
      job: the case and its paths.
      scan: what `load_scan` gave.
      segmenter: built with the settings of `run`.
      run: settings and names.
      on_progress: called with the share of the network's work that is done.

    Raises:
      UserError, OSError, MemoryError: nothing is then said to be done.
    """
    start = time.monotonic()
    record = Record(
        status=records.STARTED,
        input_sha256=scan.sha256,
        channels_sha256=scan.channels_sha256,
        settings=run.settings.to_json(),
        row={**_who(job.case), **_computing(run)},
        files={},
        path=job.outputs.record,
        seen_subjects=run.seen_subjects,
        versions=run.versions,
    )
    remove_leftovers(job)
    records.write_record(record)
    result = segmenter.segment(scan.images, on_progress)
    seconds = scan.seconds + time.monotonic() - start
    return SegmentedScan(scan.images[0], result, record, seconds)


def write_scan(job: Job, scan: SegmentedScan, run: RunInfo) -> Record:
    """Writes the files of a scan; the record comes last.

    Args:
      job: the case and its paths; existing files are replaced.
      scan: what `segment_scan` gave.
      run: settings and names.

    Returns:
      The record, as written.

    Raises:
      UserError, OSError, MemoryError: nothing is then said to be done.
    """
    start = time.monotonic()
    flair, result = scan.flair, scan.result
    found = lesion_table.describe_lesions(
        result.mask, result.probability, flair, result.disagreement
    )
    has_uncertainty = result.disagreement is not None
    volume = volume_ml(result.mask, flair.voxel_mm3)
    likeness = compare_with_training(
        flair, volume, len(found), run.expectations
    )
    warnings = [
        *likeness.warnings,
        *result.warnings,
        *warn_of_seen(job.case.subject_id, run.seen_subjects),
    ]
    thumbnails = write_results(
        job, flair, result, found, volume, warnings, run.settings
    )
    if job.outputs.sidecars:
        write_sidecars(
            job, run.settings, run.model, has_uncertainty=has_uncertainty
        )
    seg_problem = _write_dicom_seg(job, scan, run)
    counts = count_by_class(lesion.volume_mm3 for lesion in found)
    record = dataclasses.replace(
        scan.record,
        status=records.DONE,
        row={
            **scan.record.row,
            "volume_ml": round(volume, 7),
            "lesions": len(found),
            **{f"{name}_lesions": n for name, n in counts.items()},
            COLUMN: likeness.verdict,
            "seconds": round(scan.seconds + time.monotonic() - start, 2),
        },
        warnings=[
            *warnings,
            *([f"no DICOM SEG: {seg_problem}"] if seg_problem else []),
        ],
        thumbnails=thumbnails,
        files=file_names(
            job,
            has_uncertainty=has_uncertainty,
            has_dicom_seg=run.dicom_seg and not seg_problem,
        ),
        seg_problem=seg_problem,
        mask_sha256=sha256_of(job.outputs.mask),
    )
    records.write_record(record)
    return record


def fail_scan(job: Job, run: RunInfo, error: BaseException) -> Record:
    """Records that a scan failed, and removes what is left of its results.

    Results of an earlier run go too: they would be taken for this one's.
    """
    for path in job.outputs.results:
        path.unlink(missing_ok=True)
    message = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        message = "not enough memory for this volume"
    if job.case.flair not in message:
        message = f"{job.case.flair}: {message}"
    message = _without_root(message, job.case)
    record = Record(
        status=records.FAILED,
        input_sha256="",
        settings=run.settings.to_json(),
        row={**_who(job.case), **_computing(run), "error": message},
        path=job.outputs.record,
    )
    records.write_record(record)
    return record


def _without_root(message: str, case: Case) -> str:
    """Shortens paths to those below the input folder, as the tables give them.

    Tables and pages are handed on, and folders may bear patients' names.
    """
    root = case.flair.removesuffix(case.relative_path)
    if root == case.flair or not root.strip("/"):
        return message
    # Only where a path begins: "in/" also ends "main/", say.
    return re.sub(rf"(?<![\w/.-]){re.escape(root)}", "", message)


def _write_dicom_seg(job: Job, scan: SegmentedScan, run: RunInfo) -> str:
    """Returns why there is none though it is wanted, or ""."""
    path = job.outputs.dicom_seg
    if path is None:
        return ""
    if run.dicom_seg:
        return write_segmentation_object(
            job, scan.flair, scan.result.mask, run.settings
        )
    path.unlink(missing_ok=True)  # it was of another mask
    return ""


def _computing(run: RunInfo) -> dict[str, str]:
    return {
        "model_name": run.model_name,
        "model_checksum": run.model_checksum,
        "engine": run.engine.name,
        "precision": run.engine.precision,
    }


def _who(case: Case) -> dict[str, str]:
    return {
        "subject_id": case.subject_id,
        "session": case.session,
        "run": case.run,
        "file": case.relative_path or case.flair,
    }
