"""Measures how a whole study grows: time, memory and bytes of each step.

    python benchmarks/scale.py --output=scale.json
    python benchmarks/scale.py --sizes=10,100 --side=32 --design_sizes=

Makes studies of 10, 100 and 1,000 synthetic volumes, small ones (64 x 64 x 20
by default), and runs the real programs on each, every one as a process of its
own: wmh-prepare; wmh-train for a fixed number of steps ("train, start") and
for one epoch; wmh-evaluate on the test split and wmh-report; wmh-predict on
all scans. Then the same on a few volumes of a hospital's size, 512 x 512 x 30
at side 384 with the paper's network ("design point"). Wall and processor time,
peak memory of all processes of a step and the bytes that it wrote are printed
as they come and kept in --output, with the machine and the versions.

Two models are fitted to each: a power law, whose exponent says how a step
grows, and a line a + b n, which is carried on to --forecast, 1,156 patients
(the paper's study) and 100,000. That is far beyond what was measured, and
holds as long as disks and memory do.

A default run takes about a quarter of an hour on two quiet cores and 2 GB of
disk. It may be stopped: the same command goes on with the study that was not
finished, and what is done is read from --output.
"""

import argparse
import dataclasses
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import scale_growth
import tqdm
from scale_process import folder_bytes, run_measured
from scale_results import format_results, open_results, rows_of
from scale_steps import NEEDS, STEPS, Series, study_steps

from data_prep.files import write_json
from data_prep.program import progress_style

# Seconds of a study, roughly, for the time left: fixed and a volume.
_ROUGH_SECONDS = {"small": (80, 0.3), "design point": (60, 16)}


def main() -> None:
    """Runs what is not done, then prints everything."""
    arguments = _parse()
    if arguments.make:
        _make_scans(*arguments.make)
        return
    # Whoever ends this ends the program that it waits for, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output = Path(arguments.output).absolute()
    results = open_results(
        output, tuple(_series(arguments)), arguments.steps, arguments.backend
    )
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        try:
            _run_studies(arguments, results, output, Path(scratch))
        except KeyboardInterrupt:
            sys.exit(f"\ninterrupted; the same command goes on; see {output}")
    print(format_results(results, arguments.forecast))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--output", default="scale.json", help="file of the results"
    )
    parser.add_argument(
        "--sizes",
        type=_numbers,
        default=(10, 100, 1000),
        help="numbers of small volumes",
    )
    parser.add_argument(
        "--side", type=int, default=64, help="of a small volume, in voxels"
    )
    parser.add_argument(
        "--slices", type=int, default=20, help="of a small volume"
    )
    parser.add_argument(
        "--filters",
        type=_numbers,
        default=(8, 16),
        help="of the network for them",
    )
    parser.add_argument(
        "--design_sizes",
        type=_numbers,
        default=(7,),
        help="numbers of volumes of 512 x 512 x 30; empty for none",
    )
    parser.add_argument(
        "--steps",
        type=_names,
        default=STEPS,
        help="of " + "; ".join(STEPS) + ", with semicolons between",
    )
    parser.add_argument(
        "--backend", default="tensorflow", help="of the training"
    )
    parser.add_argument(
        "--forecast",
        type=_numbers,
        default=(1156, 100_000),
        help="for so many volumes",
    )
    parser.add_argument("--scratch", help="folder for what is written")
    # What the program starts itself with: folder, number, x, y, z.
    parser.add_argument("--make", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.steps:
        if NEEDS.get(name, name) not in arguments.steps:
            parser.error(f"--steps: {name} needs {NEEDS[name]}")
    return arguments


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def _names(text: str) -> tuple[str, ...]:
    names = {part.strip() for part in text.split(";")}
    if names - set(STEPS):
        raise argparse.ArgumentTypeError(
            f"expected some of {'; '.join(STEPS)}, received {text}"
        )
    return tuple(name for name in STEPS if name in names)


def _series(arguments: argparse.Namespace) -> Iterator[Series]:
    side = arguments.side
    yield Series(
        name="small",
        shape=(side, side, arguments.slices),
        side=side,
        filters=arguments.filters,
        batch_size=16,
        sizes=arguments.sizes,
    )
    yield Series(
        name="design point",
        shape=(512, 512, 30),
        side=384,
        filters=(),
        batch_size=8,
        sizes=arguments.design_sizes,
    )


def _run_studies(
    arguments: argparse.Namespace,
    results: dict[str, Any],
    output: Path,
    scratch: Path,
) -> None:
    studies = [(s, n) for s in _series(arguments) for n in s.sizes]
    rough = {
        (series.name, volumes): fixed + each * volumes
        for series, volumes in studies
        for fixed, each in [_ROUGH_SECONDS[series.name]]
    }
    with tqdm.tqdm(
        total=sum(rough.values()),
        bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]",
        **progress_style(),
    ) as bar:
        for series, volumes in studies:
            name = (series.name, volumes)
            bar.set_description_str(f"{series.name}, {volumes} volumes")
            part = rough[name] / (len(arguments.steps) + 1)
            if len(rows_of(results, *name)) == len(arguments.steps):
                bar.update(rough[name])
                continue
            # A study that was stopped in the middle is done again.
            unfinished = rows_of(results, *name)
            results["rows"] = [
                row for row in results["rows"] if row not in unfinished
            ]
            folder = scratch / "study"
            _start_making(folder / "scans", volumes, series.shape)
            bar.update(part)
            for row in _run_study(folder, series, volumes, arguments):
                bar.update(part)
                line = scale_growth.format_rows([row]).splitlines()[1]
                tqdm.tqdm.write(line, file=sys.stderr)
                results["rows"].append(row)
                write_json(output, results)
            shutil.rmtree(folder)


def _run_study(
    folder: Path,
    series: Series,
    volumes: int,
    arguments: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Runs the steps of one study; yields what each took."""
    for step in study_steps(folder, series, arguments.backend, arguments.steps):
        log = folder / "logs" / f"{step.name}.txt"
        cost = run_measured(step.command, log)
        yield {
            "series": series.name,
            "step": step.name,
            "volumes": volumes,
            **dataclasses.asdict(cost),
            "disk_gb": folder_bytes(step.output) / 1e9,
        }


def _start_making(
    scans: Path, volumes: int, shape: tuple[int, int, int]
) -> None:
    # In a process of its own: a child's peak memory, as the system counts it,
    # starts from that of the process which starts it.
    subprocess.run(
        [sys.executable, __file__, "--make", str(scans), str(volumes)]
        + [str(size) for size in shape],
        check=True,
    )


def _make_scans(folder: str, number: str, *shape: str) -> None:
    from preparation_scans import write_scans

    x, y, z = map(int, shape)
    series = Series("", (x, y, z), 0, (), 0, ())
    write_scans(Path(folder), (series.shape, series.spacing_mm), int(number))


if __name__ == "__main__":
    main()
