"""Shows that reading, computing and writing overlap in a folder of FLAIRs.

    python benchmarks/predict_folder.py
    python benchmarks/predict_folder.py --scans=4 --small

Predicts a folder of FLAIRs of 512 x 512 x 20 voxels by the U-Net with random
weights, as `wmh-predict` does, in two ways that take turns: all at once, where
a scan is read and another written while the network works on a third; and one
after the other, where nothing can overlap. Prints medians of the wall and
processor times, and what reading, computing and writing take of the second.
Where the network uses all cores, as OpenVINO does, overlapping can hide only
the waiting for disks and the work that one core does alone: the processor time
divided by the cores is the limit, and stands beside.
"""

import argparse
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmenter
    from wmh_keras.prediction.outputs import Job
    from wmh_keras.prediction.scan import RunInfo

PARTS = ("reading", "computing", "writing")


@dataclasses.dataclass
class Run:
    """What one pass over the folder took, in seconds."""

    wall: float
    cpu: float
    parts: dict[str, float] = dataclasses.field(default_factory=dict)


def main() -> None:
    """Makes the inputs, measures both ways in turns, prints medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scans", type=int, default=8, help="in the folder")
    parser.add_argument(
        "--rounds", type=int, default=3, help="to take the median of"
    )
    parser.add_argument(
        "--engine", default="auto", help="as wmh-predict takes it"
    )
    parser.add_argument("--small", action="store_true", help="a quick look")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_inputs(folder, arguments.scans, small=arguments.small)
        together, apart = _measure(folder, arguments.rounds, arguments.engine)
    _show(together, apart, arguments.scans)


def _write_inputs(folder: Path, scans: int, *, small: bool) -> None:
    """Writes the model and FLAIR of `predict.py`, and copies of the latter."""
    script = Path(__file__).with_name("predict.py")
    command = [sys.executable, str(script), f"--write_inputs={folder}"]
    subprocess.run(command + ["--small"] * small, check=True)
    for number in range(scans):
        target = folder / "scans" / f"{number:03d}_FLAIR.nii.gz"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / "FLAIR.nii.gz", target)


def _measure(
    folder: Path, rounds: int, engine_name: str
) -> tuple[list[Run], list[Run]]:
    from wmh_keras.inference.engine import choose_engine
    from wmh_keras.prediction.request import Request, plan
    from wmh_keras.prediction.scan import RunInfo

    request = Request(
        input_path=folder / "scans",
        model_paths=(folder / "model",),
        output_dir=folder / "out",
        overwrite=True,
    )
    planned = plan(request)
    engine = choose_engine(engine_name, "fp32")
    from wmh_keras.inference.loading import load_segmenter

    segmenter = load_segmenter(planned.infos, engine=engine)
    run = RunInfo(planned.settings, engine)
    jobs = planned.waiting
    _one_by_one(jobs[:1], segmenter, run)  # compiles
    together, apart = [], []
    for _ in range(rounds):
        together.append(_timed(lambda: _at_once(jobs, segmenter, run, folder)))
        apart.append(_timed(lambda: _one_by_one(jobs, segmenter, run)))
    return together, apart


def _timed(work: Callable[[], dict[str, float]]) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    parts = work()
    return Run(time.perf_counter() - wall, time.process_time() - cpu, parts)


def _at_once(
    jobs: "list[Job]", segmenter: "Segmenter", run: "RunInfo", folder: Path
) -> dict[str, float]:
    from wmh_keras.prediction.cohort import predict_cohort

    records = predict_cohort(jobs, lambda: segmenter, run, folder / "out")
    if any(record.status != "done" for record in records):
        sys.exit("a scan failed")
    return {}


def _one_by_one(
    jobs: "list[Job]", segmenter: "Segmenter", run: "RunInfo"
) -> dict[str, float]:
    from wmh_keras.prediction.scan import load_scan, segment_scan, write_scan

    seconds = dict.fromkeys(PARTS, 0.0)
    for job in jobs:
        times = [time.perf_counter()]
        loaded = load_scan(job.case, segmenter.channels)
        times.append(time.perf_counter())
        segmented = segment_scan(job, loaded, segmenter, run)
        times.append(time.perf_counter())
        write_scan(job, segmented, run)
        times.append(time.perf_counter())
        for index, part in enumerate(PARTS):
            seconds[part] += times[index + 1] - times[index]
    return seconds


def _show(together: list[Run], apart: list[Run], scans: int) -> None:
    def median(runs: list[Run], name: str) -> float:
        return statistics.median(getattr(run, name) for run in runs)

    print(f"{scans} FLAIRs, {os.cpu_count()} cores, {len(apart)} rounds")
    for part in PARTS:
        seconds = statistics.median(run.parts[part] for run in apart)
        print(f"{part:28}{seconds:8.2f} s")
    one_by_one, at_once = median(apart, "wall"), median(together, "wall")
    cpu = median(together, "cpu")
    print(f"{'one after the other':28}{one_by_one:8.2f} s")
    print(
        f"{'all at once':28}{at_once:8.2f} s, {one_by_one / at_once:.2f} times "
        f"as fast, {scans * 60 / at_once:.0f} scans a minute"
    )
    print(f"{'limit: CPU time / cores':28}{cpu / (os.cpu_count() or 1):8.2f} s")


if __name__ == "__main__":
    main()
