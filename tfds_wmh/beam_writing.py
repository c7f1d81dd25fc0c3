"""Writes record files through Apache Beam: the same bytes, on any runner.

One pipeline a config: cases are read, prepared and serialised wherever the
runner likes, grouped by the file that `FilePlan` names for each record, and
every file is sorted and written by one worker. What comes before (finding,
checking, splits) and after (cards) stays where the program was started.
"""

import contextlib
import dataclasses
import json
import os
import re
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tensorflow_datasets.core import file_adapters, naming
from tensorflow_datasets.core import writer as tfds_writer

from data_prep.cases.case import Case
from data_prep.dataset.data_card import VolumeSummary
from data_prep.errors import UserError, VolumeError
from data_prep.files import write_json
from data_prep.program import progress
from tfds_wmh.record_files import FilePlan
from tfds_wmh.record_making import RecordMaker

_DONE = ".done"
_POLL_SECONDS = 1.0
# Split, index of the file; what the record is sorted by, the record.
_Placed = tuple[tuple[str, int], tuple[int | str, bytes]]


@dataclasses.dataclass(frozen=True)
class BeamRun:
    """How Beam is run.

    Attributes:
      options: pipeline options, such as "--runner=DirectRunner".
      num_slices: axial slices of every volume, by volume_id.
    """

    options: tuple[str, ...]
    num_slices: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """Where a split goes.

    Attributes:
      template: names the files.
      plan: says which record goes into which.
    """

    template: naming.ShardedFileTemplate
    plan: FilePlan

    def path(self, index: int) -> str:
        """Returns the path of a file."""
        return os.fspath(
            self.template.sharded_filepath(
                shard_index=index, num_shards=len(self.plan.lengths)
            )
        )


def write_through_beam(
    maker: RecordMaker,
    cases: Mapping[str, Sequence[Case]],
    files: Mapping[str, SplitFiles],
    file_format: file_adapters.FileFormat,
    run: BeamRun,
) -> dict[str, VolumeSummary]:
    """Prepares all splits of one config in one pipeline.

    Args:
      maker: makes the records of a case.
      cases: of each split.
      files: of each split; in a folder that every worker can write to.
      file_format: of the record files.
      run: options for Beam.

    Returns:
      The summaries by volume_id; none for the config `volumes`.

    Raises:
      ImportError: Beam is not installed.
      UserError: the workers wrote elsewhere.
      VolumeError: a volume cannot be prepared, or has changed since it was
        checked.
    """
    # Only now: Beam is an extra, and takes a second to import.
    import apache_beam as beam

    folder = Path(next(iter(files.values())).template.data_dir, _DONE)
    folder.mkdir()
    prepare = _PrepareCase(maker, dict(files), str(folder))
    write = _WriteFile(dict(files), file_format)
    elements = [(split, case) for split, own in cases.items() for case in own]
    # Nothing of the program's own arguments is Beam's.
    options = beam.options.pipeline_options.PipelineOptions(list(run.options))
    with (
        _shown(folder, f"{maker.config}, Beam", len(elements)),
        _plainly(),
        beam.Pipeline(options=options) as pipeline,
    ):
        # In one line: the Dask runner computes what leads to the last.
        _ = (
            pipeline
            | "Cases" >> beam.Create(elements)
            | "Spread" >> beam.Reshuffle()
            | "Prepare" >> beam.FlatMap(prepare)
            | "GroupByFile" >> beam.GroupByKey()
            | "Write" >> beam.Map(write)
        )
    _check_all_written(files)
    summaries = _read_summaries(folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return summaries


@dataclasses.dataclass(frozen=True)
class _PrepareCase:
    """Makes the records of a case, each with its place."""

    maker: RecordMaker
    files: dict[str, SplitFiles]
    done: str

    def __call__(self, element: tuple[str, Case]) -> Iterator[_Placed]:
        split, case = element
        made = self.maker.make(case)
        for key, record in made.records:
            index, sort_key = self.files[split].plan.place(key)
            yield (split, index), (sort_key, record)
        summary = made.summary and dataclasses.asdict(made.summary)
        write_json(
            Path(self.done, f"{case.volume_id}.json"),
            {"volume_id": case.volume_id, "summary": summary},
        )


@dataclasses.dataclass(frozen=True)
class _WriteFile:
    """Writes the records of one file."""

    files: dict[str, SplitFiles]
    file_format: file_adapters.FileFormat

    def __call__(
        self, group: tuple[tuple[str, int], Iterable[tuple[int | str, bytes]]]
    ) -> str:
        (split, index), records = group
        ordered = sorted(records)
        path = self.files[split].path(index)
        expected = self.files[split].plan.lengths[index]
        if len(ordered) != expected:
            raise VolumeError(
                f"{path}: expected {expected} records, received "
                f"{len(ordered)}; did files change since they were checked?"
            )
        # Some runners do a step twice: what is there is then replaced whole.
        unfinished = f"{path}.{uuid.uuid4().hex}.incomplete"
        writer = tfds_writer.ExampleWriter(self.file_format)
        writer.write(unfinished, ordered)
        os.replace(unfinished, path)
        return path


def _check_all_written(files: Mapping[str, SplitFiles]) -> None:
    paths = [
        own.path(index)
        for own in files.values()
        for index in range(len(own.plan.lengths))
    ]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise UserError(
            f"Beam left out {len(missing)} files, such as {missing[0]}: every "
            "worker has to see --input and --data_dir under the same path"
        )


def _read_summaries(folder: Path) -> dict[str, VolumeSummary]:
    summaries = {}
    for path in sorted(folder.glob("*.json")):
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["summary"] is not None:
            summaries[fields["volume_id"]] = VolumeSummary(
                **{
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in fields["summary"].items()
                }
            )
    return summaries


@contextlib.contextmanager
def _shown(folder: Path, description: str, total: int) -> Iterator[None]:
    """Shows how many cases the workers have finished."""
    is_over = threading.Event()

    def steps() -> Iterator[int]:
        seen = 0
        while seen < total:
            is_last = is_over.wait(_POLL_SECONDS)
            now = sum(1 for path in folder.glob("*.json"))
            yield from range(seen, now)
            seen = max(now, seen)
            if is_last:
                return

    def show() -> None:
        for _ in progress(steps(), description, total=total, unit="volume"):
            pass

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Says what is wrong with a volume as it is said without Beam."""
    try:
        yield
    except Exception as error:
        # Runners hand on a worker's error as text, with its trace.
        found = re.search(r"VolumeError: ([^\n]*)", str(error))
        if found is None:
            raise
        reason = found.group(1).split(" [while running")[0]
        raise VolumeError(reason) from error
