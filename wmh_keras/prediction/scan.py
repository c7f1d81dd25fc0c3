"""One scan: read, segment, write everything, then say that it is done."""

import base64
import dataclasses
import glob
import gzip
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.case import Case
from data_prep.errors import UserError
from data_prep.files import sha256_of, write_atomically, write_csv
from data_prep.volume import (
    Volume,
    read_volume,
    write_mask,
    write_probability,
)
from wmh_keras.metrics.volumetry import volume_ml
from wmh_keras.prediction import lesions as lesion_table
from wmh_keras.prediction import records
from wmh_keras.prediction.bids_derivative import write_sidecars
from wmh_keras.prediction.lesions import Lesion
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import Record, Settings
from wmh_keras.reporting.overlay import draw_tiles
from wmh_keras.reporting.overview import to_jpeg, write_overview

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmentation, Segmenter

_NUM_THUMBNAILS = 6
_THUMBNAIL_WIDTH = 200

# What a single bad scan may raise; the others then go on.
SCAN_ERRORS = (UserError, OSError, MemoryError)


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What is the same for all scans of a run.

    Attributes:
      settings: what decides the results.
      engine: what the network runs on, for the table.
      model: what is known of the model, for BIDS sidecars.
    """

    settings: Settings
    engine: str
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LoadedScan:
    """What was read of one scan.

    Attributes:
      images: one volume a channel, the FLAIR first.
      sha256: of the FLAIR file.
      seconds: that reading took.
    """

    images: tuple[Volume, ...]
    sha256: str
    seconds: float


def load_scan(case: Case, channels: tuple[str, ...]) -> LoadedScan:
    """Reads the images that a model needs.

    Args:
      case: names the files.
      channels: roles, in the order of the network's input.

    Raises:
      UserError: a role is not there, or a file cannot be used.
      OSError: a file cannot be read.
    """
    start = time.monotonic()
    paths = dict(case.images)
    missing = [role for role in channels if role not in paths]
    if missing:
        raise UserError(
            f"{case.flair}: the model needs {', '.join(channels)}, there is "
            f"no {', '.join(missing)}"
        )
    images = tuple(read_volume(paths[role]) for role in channels)
    sha256 = sha256_of(case.flair)
    return LoadedScan(images, sha256, time.monotonic() - start)


def process_scan(
    job: Job,
    scan: LoadedScan,
    segmenter: "Segmenter",
    run: RunInfo,
    on_progress: Callable[[float], None] | None = None,
) -> Record:
    """Segments a scan and writes its files; the record comes last.

    Args:
      job: the case and its paths; existing files are replaced.
      scan: what `load_scan` gave.
      segmenter: built with the settings of `run`.
      run: settings and names.
      on_progress: called with the share of the network's work that is done.

    Returns:
      The record, as written.

    Raises:
      UserError, OSError, MemoryError: nothing is then said to be done.
    """
    start = time.monotonic()
    record = Record(
        status=records.STARTED,
        input_sha256=scan.sha256,
        settings=run.settings.to_json(),
        row=_who(job.case),
        files={},
        path=job.outputs.record,
    )
    _remove_leftovers(job)
    records.write_record(record)
    result = segmenter.segment(scan.images, on_progress)
    flair = scan.images[0]
    found = lesion_table.describe_lesions(
        result.mask, result.probability, flair
    )
    volume = volume_ml(result.mask, flair.voxel_mm3)
    thumbnails = _write_results(job, flair, result, found, volume)
    if job.outputs.sidecars:
        write_sidecars(job, run.settings, run.model)
    if job.outputs.flair is not None:
        _copy_compressed(job.case.flair, job.outputs.flair)
    counts = lesion_table.count_by_class(found)
    record = dataclasses.replace(
        record,
        status=records.DONE,
        row={
            **record.row,
            "volume_ml": round(volume, 7),
            "lesions": len(found),
            **{f"{name}_lesions": n for name, n in counts.items()},
            "engine": run.engine,
            "seconds": round(scan.seconds + time.monotonic() - start, 2),
        },
        warnings=list(result.warnings),
        thumbnails=thumbnails,
        files=_file_names(job),
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
        message = f"{job.case.flair}: not enough memory for this volume"
    record = Record(
        status=records.FAILED,
        input_sha256="",
        settings=run.settings.to_json(),
        row={**_who(job.case), "engine": run.engine, "error": message},
        path=job.outputs.record,
    )
    records.write_record(record)
    return record


def _write_results(
    job: Job,
    flair: Volume,
    result: "Segmentation",
    found: list[Lesion],
    volume: float,
) -> list[str]:
    """Writes the four results; returns the page's thumbnails in base64."""
    paths = job.outputs
    write_mask(paths.mask, result.mask, flair)
    write_probability(paths.probability, result.probability, flair)
    write_csv(
        paths.lesions,
        lesion_table.LESION_COLUMNS,
        [lesion.to_row() for lesion in found],
    )
    tiles = draw_tiles(flair, result.mask)
    write_overview(
        paths.overview,
        tiles,
        title=job.case.relative_path or job.case.volume_id,
        subtitle=_summary(volume, found),
    )
    # Drawn anew at their size: outlines of scaled-down pictures fade.
    small = draw_tiles(
        flair, result.mask, count=_NUM_THUMBNAILS, width=_THUMBNAIL_WIDTH
    )
    return [base64.b64encode(to_jpeg(tile)).decode("ascii") for tile in small]


def _summary(volume: float, found: list[Lesion]) -> str:
    if not found:
        return "no lesion found"
    counts = lesion_table.count_by_class(found)
    classes = ", ".join(f"{n} {name}" for name, n in counts.items())
    noun = "lesion" if len(found) == 1 else "lesions"
    return f"{volume:.2f} ml in {len(found)} {noun} ({classes})"


def _who(case: Case) -> dict[str, str]:
    return {
        "subject_id": case.subject_id,
        "session": case.session,
        "run": case.run,
        "file": case.relative_path or case.flair,
    }


def _remove_leftovers(job: Job) -> None:
    """Removes the half-written files of a run that was killed here."""
    earlier = records.read_record(job.outputs.record)
    if earlier is None or earlier.status != records.STARTED:
        return
    for path in job.outputs.results:
        for leftover in path.parent.glob(f".tmp-*-{glob.escape(path.name)}"):
            leftover.unlink(missing_ok=True)


def _copy_compressed(source: str, target: Path) -> None:
    """Copies an uncompressed NIfTI file to a .nii.gz file."""
    with (
        write_atomically(target) as temporary,
        open(source, "rb") as reader,
        # No time stamp inside: equal images give equal files.
        gzip.GzipFile(temporary, "wb", compresslevel=6, mtime=0) as writer,
    ):
        shutil.copyfileobj(reader, writer)


def _file_names(job: Job) -> dict[str, str]:
    paths = job.outputs
    names = {
        "mask": paths.mask.name,
        "probability": paths.probability.name,
        "lesions": paths.lesions.name,
        "overview": paths.overview.name,
    }
    for number, path in enumerate(paths.sidecars, start=1):
        names[f"sidecar_{number}"] = path.name
    if paths.flair is not None:
        names["flair"] = paths.flair.name
    return names
