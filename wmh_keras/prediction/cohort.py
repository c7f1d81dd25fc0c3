"""All scans of a run, whatever a single one does."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import tqdm

from data_prep.errors import UserError
from data_prep.program import progress_style
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import FAILED, Record
from wmh_keras.prediction.scan import (
    SCAN_ERRORS,
    LoadedScan,
    RunInfo,
    SegmentedScan,
    fail_scan,
    load_scan,
    segment_scan,
    write_scan,
)
from wmh_keras.prediction.summary import write_summary

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmenter

# Of a scan's time, the rest being reading and writing; for the bar alone.
_NETWORK_SHARE = 0.9


def predict_cohort(
    jobs: Sequence[Job],
    make_segmenter: "Callable[[], Segmenter]",
    run: RunInfo,
    output_dir: str | os.PathLike,
    *,
    summarize: bool = True,
) -> list[Record]:
    """Segments every scan, then writes the table and the page.

    A scan that fails is recorded and the rest go on. However the run ends,
    table and page say what is there.

    Args:
      jobs: what is to be done; may be empty.
      make_segmenter: called once, where there is something to do.
      run: settings and names.
      output_dir: where table and page go.
      summarize: write the table and the page.

    Returns:
      One record a job, in the same order.

    Raises:
      UserError: the output folder cannot be written to.
    """
    done = []
    with named_write_errors(output_dir):
        try:
            if jobs:
                done = _predict_all(jobs, make_segmenter, run)
        finally:
            if summarize:
                write_summary(output_dir)
    return done


def _predict_all(
    jobs: Sequence[Job],
    make_segmenter: "Callable[[], Segmenter]",
    run: RunInfo,
) -> list[Record]:
    with ThreadPoolExecutor(max_workers=1) as reader:

        def read(job: Job) -> "Future[LoadedScan]":
            return reader.submit(load_scan, job.case, run.channels)

        first = read(jobs[0])  # while the networks are loaded
        segmenter = make_segmenter()
        if segmenter.channels != run.channels:
            raise ValueError(
                f"expected a segmenter of {run.channels}, received one of "
                f"{segmenter.channels}"
            )
        return _overlap(jobs, _read_ahead(jobs, first, read), segmenter, run)


def _overlap(
    jobs: Sequence[Job],
    scans: "Iterator[tuple[Job, Future[LoadedScan]]]",
    segmenter: "Segmenter",
    run: RunInfo,
) -> list[Record]:
    """Reads a scan, segments the one before and writes the one before that.

    Three scans are in memory, however many there are. An error in writing
    comes up here; on Ctrl-C the scan that is being written is finished.
    """
    done = []
    with (
        _Progress(len(jobs)) as progress,
        ThreadPoolExecutor(max_workers=1) as writer,
    ):

        def take(writing: "Future[Record]") -> None:
            record = writing.result()
            if record.status == FAILED:
                progress.write(f"failed: {record.row['error']}")
            done.append(record)

        writing = None
        for index, (job, reading) in enumerate(scans):
            finish = _segment(
                job,
                reading,
                segmenter,
                run,
                lambda share, index=index: progress.show(
                    index + _NETWORK_SHARE * share
                ),
            )
            if writing is not None:
                take(writing)
            writing = writer.submit(finish)
            if index + 1 < len(jobs):
                progress.show(index + 1)
        take(writing)
        progress.show(len(jobs))
    return done


def _segment(
    job: Job,
    reading: "Future[LoadedScan]",
    segmenter: "Segmenter",
    run: RunInfo,
    on_progress: Callable[[float], None],
) -> Callable[[], Record]:
    """Segments a scan and returns what is left to do: to write it."""
    try:
        scan = segment_scan(job, reading.result(), segmenter, run, on_progress)
    except SCAN_ERRORS as error:
        return functools.partial(fail_scan, job, run, error)
    return functools.partial(_write, job, scan, run)


def _write(job: Job, scan: SegmentedScan, run: RunInfo) -> Record:
    try:
        return write_scan(job, scan, run)
    except SCAN_ERRORS as error:
        return fail_scan(job, run, error)


def _read_ahead(
    jobs: Sequence[Job],
    first: "Future[LoadedScan]",
    read: "Callable[[Job], Future[LoadedScan]]",
) -> Iterator[tuple[Job, "Future[LoadedScan]"]]:
    """Reads the next scan while the network works on the present one."""
    waiting = first
    for index, job in enumerate(jobs):
        current = waiting
        if index + 1 < len(jobs):
            # Not before this one is read: two volumes are held, not all.
            current.exception()
            waiting = read(jobs[index + 1])
        yield job, current


class _Progress:
    """A bar over scans that also moves within one, with the time left."""

    def __init__(self, num_scans: int) -> None:
        self._bar = tqdm.tqdm(
            desc=f"scan 1 of {num_scans}",
            total=num_scans,
            bar_format="{desc} {percentage:3.0f}%|{bar}| "
            "[{elapsed}<{remaining}]",
            **progress_style(),
        )
        self._total = num_scans

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, scans: float) -> None:
        """Moves the bar to so many scans, parts of one included."""
        current = min(int(scans) + 1, self._total)
        self._bar.set_description_str(
            f"scan {current} of {self._total}", refresh=False
        )
        self._bar.update(scans - self._bar.n)

    def write(self, text: str) -> None:
        """Writes a line above the bar."""
        tqdm.tqdm.write(text, file=sys.stderr)


@contextlib.contextmanager
def named_write_errors(output_dir: str | os.PathLike) -> Iterator[None]:
    """Turns what a full or closed disk raises into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{output_dir}: cannot be written to: {error}; what is done is "
            "kept: once that is put right, the same command goes on, or take "
            "another --output_dir"
        ) from error
