r"""Trainings side by side on one device: what all of them fit together.

    python benchmarks/side_by_side.py --count=1,16 -- \
        --flagfile=robust.cfg --flagfile=student.cfg \
        --flagfile=accelerator.cfg --backend=jax --data_dir=DATA

Starts as many trainings as are asked for, each with another seed and a work
folder of its own, and waits for all. Prints the seconds from the first start to
the last end, and what all of them fitted a second (history.csv; without the
first epoch, which compiles), also as a ratio to the first count.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def train_all(count: int, flags: list[str]) -> tuple[float, float]:
    """Trains `count` networks at once.

    Returns:
      Seconds, and patches or slices a second of all while they fitted.
    """
    environment = {
        **os.environ,
        # Each takes what it needs of the device's memory, and no more.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        environment.setdefault("JAX_COMPILATION_CACHE_DIR", f"{folder}/jax")
        start = time.perf_counter()
        logs = [Path(folder, f"{seed}.log") for seed in range(count)]
        processes = []
        for seed, log in enumerate(logs):
            # Not a pipe: a full one would stop a training till it is read.
            with open(log, "wb") as stream:
                processes.append(
                    subprocess.Popen(
                        [
                            *(sys.executable, "-m", "wmh_keras.train", *flags),
                            f"--seed={seed}",
                            f"--workdir={folder}/{seed}",
                        ],
                        env=environment,
                        stdout=subprocess.DEVNULL,
                        stderr=stream,
                    )
                )
        codes = [process.wait() for process in processes]
        seconds = time.perf_counter() - start
        for code, log in zip(codes, logs, strict=True):
            if code:
                error = log.read_text(encoding="utf-8")
                raise SystemExit(f"a training failed:\n{error[-2000:]}")
        rate = 0.0
        for seed in range(count):
            path = Path(folder, str(seed), "history.csv")
            with open(path, newline="", encoding="utf-8") as stream:
                rates = [
                    float(row["images_per_second"])
                    for row in csv.DictReader(stream)
                ]
            rate += statistics.mean(rates[1:] or rates)
    return seconds, rate


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", default="1,4", help="trainings at a time")
    parser.add_argument("flags", nargs="+", help="of wmh-train, after --")
    arguments = parser.parse_args()
    print("trainings  seconds  fitted/s  ratio")
    first = None
    for count in map(int, arguments.count.split(",")):
        seconds, rate = train_all(count, arguments.flags)
        first = first or rate
        print(
            f"{count:9d} {seconds:8.0f} {rate:9.1f} {rate / first:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
