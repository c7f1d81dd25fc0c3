"""Times wmh-prepare against a straightforward script, and against gunzip.

    python benchmarks/preparation.py
    python benchmarks/preparation.py --small
    python benchmarks/preparation.py --input=FOLDER
    python benchmarks/preparation.py --memory

Makes synthetic scans with masks: thick slices of 256 x 256 x 20 and
512 x 512 x 30 voxels, and 1 mm volumes of 182 x 218 x 182. Prepares them by
`wmh-prepare` (on one thread, and on all cores) and by
`preparation_straightforward.py`, which uses one core, checks that the records
of both hold the same arrays, and decompresses the files alone, once each, by
Python's gzip and by zlib-ng. Prints medians of wall and processor time, the
ratio of wall times, and peak memory. Each run is a process of its own, and
its clock starts after its imports; the versions take turns.

`--memory` prepares 10, 100 and 1,000 small volumes and prints peak memory.
"""

import argparse
import contextlib
import gzip
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from preparation_scans import BENCHMARKED, KINDS, MANY, write_scans

OURS, ONE_THREAD = "wmh-prepare", "wmh-prepare, 1 thread"
PLAIN = "straightforward"
VERSIONS = (OURS, ONE_THREAD, PLAIN, "gunzip, gzip", "gunzip, zlib-ng")
# What half floats and another order of sums may differ by.
TOLERANCE = 4e-3


def main() -> None:
    """Makes the scans, measures, compares and prints."""
    arguments = _parse()
    if arguments.measure:
        _measure(*arguments.measure, arguments.side)
        return
    if arguments.make:
        folder, kind, number = arguments.make
        write_scans(Path(folder), KINDS[kind], int(number))
        return
    if arguments.agreement:
        print(_format_agreement(Path(arguments.agreement)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        if arguments.memory:
            _show_memory(Path(scratch))
            return
        if arguments.input:
            _compare(Path(arguments.input), Path(scratch), arguments, "input")
            return
        per_kind = 3 if arguments.small else 8
        for name in BENCHMARKED:
            number = per_kind if name.endswith("182") else per_kind * 2
            scans = Path(scratch, name)
            _run("--make", scans, name, number)
            _compare(scans, Path(scratch), arguments, f"{number} x {name}")
            shutil.rmtree(scans)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--input", help="a data set as wmh-prepare takes it")
    parser.add_argument("--side", type=int, default=384, help="of a slice")
    parser.add_argument("--repeats", type=int, help="1 with --small, else 3")
    parser.add_argument("--small", action="store_true", help="a quick look")
    parser.add_argument("--memory", action="store_true", help="see above")
    parser.add_argument("--scratch", help="folder for what is written")
    # What the program starts itself with: version, scans, output; scans, kind,
    # number; outputs.
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--agreement", help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(
    scans: Path, scratch: Path, arguments: argparse.Namespace, title: str
) -> None:
    repeats = arguments.repeats or (1 if arguments.small else 3)
    measured = {version: [] for version in VERSIONS}
    for repeat in range(repeats):
        for version in VERSIONS:
            print(f"{title}: {version}, {repeat + 1}/{repeats}", flush=True)
            out = scratch / "out" / version
            shutil.rmtree(out, ignore_errors=True)
            measured[version].append(
                _run_version(version, scans, out, arguments.side)
            )
    print(_run("--agreement", scratch / "out"), flush=True)
    shutil.rmtree(scratch / "out")
    plain = statistics.median(m["wall"] for m in measured[PLAIN])
    volumes = measured[OURS][0]["volumes"]
    print(f"\n{title}, side {arguments.side}, {os.cpu_count()} cores")
    print(
        f"{'':24}{'wall':>9}{'a volume':>11}{'CPU':>9}{'ratio':>7}{'peak':>9}"
    )
    for version, runs in measured.items():
        wall, cpu, peak = (
            statistics.median(run[name] for run in runs)
            for name in ("wall", "cpu", "peak_gb")
        )
        print(
            f"{version:24}{wall:>7.2f} s{wall / volumes:>9.3f} s{cpu:>7.2f} s"
            f"{plain / wall:>7.1f}{peak:>6.2f} GB"
        )
    runs = "one run each" if repeats == 1 else f"medians of {repeats} runs"
    print(f"{runs}; ratio: {PLAIN} / this\n", flush=True)


def _run_version(version: str, scans: Path, out: Path, side: int) -> dict:
    text = _run(f"--side={side}", "--measure", version, scans, out)
    return json.loads(text.splitlines()[-1])


def _run(*arguments: object) -> str:
    """Starts this program again; what it prints.

    Nothing large is done in the first process: a child's peak memory begins
    with its parent's.
    """
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.strip()


def _measure(version: str, scans: str, out: str, side: int) -> None:
    """Runs one version; prints JSON as its last line."""
    from data_prep.cases import find_cases

    cases = find_cases(scans)
    files = [path for case in cases for path in (case.flair, case.mask)]
    with _clock() as measured:
        if version.startswith("gunzip"):
            _gunzip(version, files, measured)
        elif version == PLAIN:
            _prepare_plainly(cases, out, side, measured)
        else:
            workers = 1 if version == ONE_THREAD else 0
            _prepare(scans, out, side, workers, measured)
    print(json.dumps({**measured, "volumes": len(cases)}))


@contextlib.contextmanager
def _clock() -> Iterator[dict[str, float]]:
    """Measures the block; "wall" and "cpu" as set are where it begins."""
    measured = {"wall": time.perf_counter(), "cpu": time.process_time()}
    yield measured
    measured["wall"] = time.perf_counter() - measured["wall"]
    measured["cpu"] = time.process_time() - measured["cpu"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured["peak_gb"] = peak * 1024 / 1e9


def _start(measured: dict[str, float]) -> None:
    """Starts the clock again, after the imports."""
    measured["wall"] = time.perf_counter()
    measured["cpu"] = time.process_time()


def _gunzip(version: str, files: list[str], measured: dict) -> None:
    from zlib_ng import gzip_ng

    module = gzip if version.endswith("gzip") else gzip_ng
    _start(measured)
    for path in files:
        with module.open(path) as stream:
            stream.read()


def _prepare_plainly(cases: list, out: str, side: int, measured: dict) -> None:
    import preparation_straightforward as plain

    scans = [
        plain.Scan(case.volume_id, Path(case.flair), Path(case.mask))
        for case in cases
    ]
    _start(measured)
    plain.prepare(scans, Path(out), side)


def _prepare(
    scans: str, out: str, side: int, workers: int, measured: dict
) -> None:
    from data_prep import prepare
    from wmh_keras import distribution

    distribution.import_tensorflow()
    import tfds_wmh.writing  # noqa: F401

    _start(measured)
    code = prepare.cli(
        [
            "wmh-prepare",
            f"--input={scans}",
            f"--data_dir={out}",
            f"--side={side}",
            f"--num_workers={workers}",
        ]
    )
    if code:
        sys.exit(code)


def _format_agreement(out: Path) -> str:
    """Compares the arrays of all records; says how far they agree."""
    import tensorflow_datasets as tfds

    def read(folder: Path, keys: tuple[str, ...]) -> Iterator[tuple]:
        builder = tfds.builder_from_directory(folder)
        for split in builder.info.splits:
            for example in builder.as_dataset(split).as_numpy_iterator():
                name = tuple(example[key] for key in keys)
                yield name, example["image"], example["mask"]

    lines = []
    for config, plain, keys in (
        ("slices", "plain_slices", ("volume_id", "slice_index")),
        ("volumes", "plain_volumes", ("volume_id",)),
    ):
        ours = {
            name: arrays
            for name, *arrays in read(
                out / OURS / "tfds_wmh" / config / "1.0.0", keys
            )
        }
        largest, labels, count = 0.0, 0, 0
        for name, image, mask in read(out / PLAIN / plain / "1.0.0", keys):
            own_image, own_mask = ours.pop(name)
            difference = own_image.astype(np.float32) - image
            largest = max(largest, float(np.abs(difference).max()))
            labels += int((own_mask != mask).sum())
            count += 1
        if ours or largest > TOLERANCE or labels:
            sys.exit(
                f"{config}: {len(ours)} records are missing, values differ by "
                f"{largest:g}, {labels} labels differ"
            )
        lines.append(
            f"{count} {config}: values differ by {largest:.2g} at most, no "
            "label does"
        )
    return "\n".join(lines)


def _show_memory(scratch: Path) -> None:
    print(f"volumes of {MANY}, side 192")
    for number in (10, 100, 1000):
        scans = scratch / f"scans{number}"
        _run("--make", scans, MANY, number)
        out = scratch / "out"
        measured = _run_version(OURS, scans, out, 192)
        size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
        print(
            f"{number:5} volumes: peak {measured['peak_gb']:.2f} GB, "
            f"{size / 1e9:.2f} GB written, {measured['wall']:.1f} s",
            flush=True,
        )
        shutil.rmtree(scans)
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
