"""Times the training's input: slices a second from TFRecord files to batches.

    python benchmarks/input_pipeline.py
    python benchmarks/input_pipeline.py --small

Prepares synthetic heads as slices of side 384, and reads them as a training
does: without augmentation, with some of it, and with all seven, on one core
and on two; then with what is left on the host where the device augments, and
as a straightforward pipeline does it: slice by slice, five chained Keras
layers and noise. Each is measured in a process of its own that is bound to its
cores. Other programs take their share of the cores, so slices a second of CPU
time stand beside: times the cores, that is what a quiet machine would give.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOVES = {
    "vertical_flip": 0.5,
    "horizontal_flip": 0.5,
    "rotation_degrees": 15.0,
    "scaling": 0.1,
    "translation": 0.05,
    "probability": 0.5,
}
CONTRAST = {"contrast": 0.1, "probability": 0.5}
NOISE = {"noise_std": 0.05, "probability": 0.5}
ALL = MOVES | CONTRAST | NOISE
# What is measured -> the augmentation of the training's own stream.
STREAMS = {
    "read and decode": {},
    "+ contrast": CONTRAST,
    "+ noise": NOISE,
    "+ flips, rotation, scaling, translation": MOVES,
    "+ all seven": ALL,
    "all seven left to the device": ALL,
}
STRAIGHTFORWARD = "straightforward, all seven"
WARM_UP = 4  # batches that are not timed; tf.data finds its threads meanwhile
CORES = (1, 2)


def main() -> None:
    """Prepares the data, measures in processes of their own, and prints."""
    arguments = _parse()
    if arguments.make:
        _make(arguments.make, arguments.small)
        return
    if arguments.measure:
        data_dir, name, cores = arguments.measure
        _measure(data_dir, name, int(cores), arguments)
        return
    shared = [f"--batches={arguments.batches}"]
    shared += ["--small"] if arguments.small else []
    with tempfile.TemporaryDirectory() as folder:
        _run("--make", folder, *shared)
        print(
            f"{'slices a second':42}{'1 core':>8}{'2 cores':>9}"
            f"{'CPU second':>12}{'of 2 / 1':>10}{'peak':>10}",
            flush=True,
        )
        per_cpu_second = {
            name: _measure_row(folder, name, shared)
            for name in (*STREAMS, STRAIGHTFORWARD)
        }
    ratio = per_cpu_second["+ all seven"] / per_cpu_second[STRAIGHTFORWARD]
    print(
        "\nCPU second: slices a second of CPU time, with two cores; of 2 / 1: "
        "what a second core would\nbring on a quiet machine; peak memory with "
        f"two cores. All seven: {ratio:.1f} times straightforward."
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--batches", type=int, default=24, help="batches to time"
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="slices of side 96, batches of 8: seconds, not minutes",
    )
    # What the program starts itself with: a folder; folder, name, cores.
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.batches < 1:
        parser.error("--batches: expected 1 or more")
    if max(CORES) > (os.cpu_count() or 1):
        parser.error(f"this machine has fewer than {max(CORES)} cores")
    return arguments


def _run(*arguments: str) -> bytes:
    """Starts this program again; what it prints."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    result = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )
    if result.returncode:
        sys.exit(result.stderr.decode())
    return result.stdout


def _make(folder: str, small: bool) -> None:
    from data_prep import prepare
    from data_prep.phantom import write_cohort

    write_cohort(
        Path(folder, "cohort"), num_subjects=6 if small else 16, seed=0
    )
    code = prepare.cli(
        [
            "wmh-prepare",
            f"--input={folder}/cohort",
            f"--data_dir={folder}/data",
            f"--side={96 if small else 384}",
        ]
    )
    if code:
        sys.exit("no data could be prepared")


def _measure(
    folder: str, name: str, cores: int, arguments: argparse.Namespace
) -> None:
    """Times one pipeline on so many cores; prints JSON."""
    # Before TensorFlow counts them.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    batch_size = 8 if arguments.small else 32
    make = _straightforward if name == STRAIGHTFORWARD else _stream
    batches = make(f"{folder}/data", name, batch_size, arguments.batches)
    for _ in range(WARM_UP):
        next(batches)
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in batches) * batch_size
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "per_second": count / wall,
        "per_cpu_second": count / cpu,
        "peak_gb": peak * 1024 / 1e9,
    }
    print(json.dumps(result))


def _stream(
    data_dir: str, name: str, batch_size: int, batches: int
) -> Iterator[Any]:
    """What a training reads."""
    from wmh_keras.datasets import open_prepared_data
    from wmh_keras.training.augmentation_config import AugmentationConfig
    from wmh_keras.training.input_pipeline import TrainingStream

    data = open_prepared_data(data_dir)
    stream = TrainingStream(
        data,
        data.select("train"),
        batch_size,
        seed=0,
        augmentation=AugmentationConfig(**STREAMS[name]),
        augment_on="device" if name.endswith("device") else "host",
    )
    return iter(stream.batches(0, WARM_UP + batches))


def _straightforward(
    data_dir: str, name: str, batch_size: int, batches: int
) -> Iterator[Any]:
    """A slice at a time: five Keras layers, one after the other, and noise."""
    import keras
    import tensorflow as tf

    from wmh_keras.datasets import open_prepared_data

    del name
    share = ALL["translation"]
    layers = [
        keras.layers.RandomFlip(data_format="channels_last"),
        keras.layers.RandomRotation(
            ALL["rotation_degrees"] / 360, fill_mode="constant"
        ),
        keras.layers.RandomZoom(ALL["scaling"], fill_mode="constant"),
        keras.layers.RandomTranslation(share, share, fill_mode="constant"),
        keras.layers.RandomContrast(
            ALL["contrast"], value_range=(-100.0, 100.0)
        ),
    ]

    def augment(element: dict[str, Any]) -> tuple[Any, Any]:
        both = {
            "images": tf.cast(element["image"], tf.float32),
            "segmentation_masks": tf.cast(element["mask"], tf.float32)[
                ..., None
            ],
        }
        for layer in layers:
            both = layer(both, training=True)
        image = both["images"]
        noise = tf.random.normal(tf.shape(image), stddev=ALL["noise_std"])
        return image + noise, both["segmentation_masks"]

    data = open_prepared_data(data_dir)
    return iter(
        data.slices(data.select("train"))
        .repeat()
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .take(WARM_UP + batches)
        .prefetch(tf.data.AUTOTUNE)
    )


def _measure_row(folder: str, name: str, shared: list[str]) -> float:
    """Measures and prints one row; slices a second of CPU time."""
    one, two = (
        json.loads(_run("--measure", folder, name, str(n), *shared))
        for n in CORES
    )
    print(
        f"{name:42}{one['per_second']:>8.0f}{two['per_second']:>9.0f}"
        f"{two['per_cpu_second']:>12.0f}"
        f"{2 * two['per_cpu_second'] / one['per_cpu_second']:>10.2f}"
        f"{two['peak_gb']:>7.2f} GB",
        flush=True,
    )
    return two["per_cpu_second"]


if __name__ == "__main__":
    main()
