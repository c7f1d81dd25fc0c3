import threading

import pytest

from data_prep.cases.case import Case
from wmh_keras.inference.engine import Engine
from wmh_keras.prediction import cohort, records
from wmh_keras.prediction.cohort import predict_cohort
from wmh_keras.prediction.outputs import plan_jobs
from wmh_keras.prediction.records import Record, Settings
from wmh_keras.prediction.scan import RunInfo

RUN = RunInfo(Settings("unet-1", 0.5, 0.0), Engine("none"))
NAMES = ("A", "B", "C")
LOAD = ("load", "networks")
SECONDS = 20


class Steps:
    """What reading, segmenting and writing do, instead of the real ones."""

    def __init__(self):
        self.begun = {
            (step, name): threading.Event()
            for step in ("read", "segment", "write")
            for name in NAMES
        } | {LOAD: threading.Event()}
        self.finished = []
        self.wait_for = {}
        self.errors = {}

    def do(self, step, name):
        self.begun[step, name].set()
        if (step, name) in self.wait_for:
            assert self.begun[self.wait_for[step, name]].wait(SECONDS)
        if (step, name) in self.errors:
            raise self.errors[step, name]
        self.finished.append((step, name))


@pytest.fixture
def steps(monkeypatch):
    steps = Steps()

    def read(case, channels):
        steps.do("read", case.subject_id)
        return case.subject_id

    def segment(job, scan, *_):
        steps.do("segment", scan)
        return scan

    def write(job, scan, run):
        steps.do("write", scan)
        record = Record(
            status=records.DONE,
            input_sha256="",
            settings=run.settings.to_json(),
            row={"file": scan, "volume_ml": 0, "lesions": 0, "seconds": 0},
            path=job.outputs.record,
        )
        record.path.parent.mkdir(exist_ok=True)
        records.write_record(record)
        return record

    monkeypatch.setattr(cohort, "load_scan", read)
    monkeypatch.setattr(cohort, "segment_scan", segment)
    monkeypatch.setattr(cohort, "write_scan", write)
    return steps


@pytest.fixture
def run(steps, tmp_path):
    class Segmenter:
        channels = ("flair",)

    def run(names=NAMES, make_segmenter=Segmenter):
        cases = [
            Case(name, (("flair", name),), relative_path=f"{name}.nii")
            for name in names
        ]
        jobs = plan_jobs(cases, tmp_path / "out", is_bids=False)
        (tmp_path / "out").mkdir(exist_ok=True)
        return predict_cohort(jobs, make_segmenter, RUN, tmp_path / "out")

    return run


def test_reading_computing_and_writing_overlap(steps, run):
    # Each waits for another to begin: one after the other, none would end.
    steps.wait_for["write", "A"] = ("segment", "B")
    steps.wait_for["segment", "B"] = ("read", "C")
    steps.wait_for["segment", "C"] = ("write", "B")
    assert [record.row["file"] for record in run()] == list(NAMES)


def test_the_first_scan_is_read_while_the_networks_are_loaded(steps, run):
    class Segmenter:
        channels = ("flair",)

        def __init__(self):
            steps.do(*LOAD)

    steps.wait_for[LOAD] = ("read", "A")
    steps.wait_for["read", "A"] = LOAD
    assert len(run(make_segmenter=Segmenter)) == len(NAMES)


def test_a_segmenter_of_other_channels_is_refused(steps, run):
    class Segmenter:
        channels = ("flair", "t1")

    with pytest.raises(ValueError, match="'t1'"):
        run(make_segmenter=Segmenter)
    assert not {step for step, _ in steps.finished} & {"segment", "write"}


def test_no_scan_at_all(run):
    assert run(()) == []


def test_no_more_than_one_scan_waits_to_be_written(steps, run):
    """Slow writing holds the rest up, rather than filling the memory."""
    waiting = []
    do = steps.do

    def watch(step, name):
        if step == "segment":
            written = {n for s, n in steps.finished if s == "write"}
            earlier = set(NAMES[: NAMES.index(name)])
            waiting.append(len(earlier - written))
        do(step, name)

    steps.do = watch
    run()
    assert len(waiting) == len(NAMES)
    assert max(waiting) <= 1


def test_what_fails_is_recorded_in_its_place(steps, run):
    steps.errors["read", "A"] = OSError("gone")
    steps.errors["write", "B"] = OSError("disk full")
    first, second, third = run()
    assert [r.status for r in (first, second, third)] == [
        records.FAILED,
        records.FAILED,
        records.DONE,
    ]
    assert "gone" in first.row["error"]
    assert "disk full" in second.row["error"]


def test_a_fault_in_writing_comes_up(steps, run):
    steps.errors["write", "A"] = RuntimeError("a fault of the program")
    with pytest.raises(RuntimeError, match="a fault of the program"):
        run()


def test_ctrl_c_lets_a_scan_be_written_to_its_end(steps, run, tmp_path):
    steps.wait_for["write", "A"] = ("segment", "B")
    steps.errors["segment", "B"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert ("write", "A") in steps.finished
    found = list(records.find_records(tmp_path / "out"))
    assert [record.row["file"] for record in found] == ["A"]
    # The table is written last, with all that is done.
    table = (tmp_path / "out" / "volumes.csv").read_text()
    assert table.count("done") == 1
