"""Times the engines of prediction side by side.

    python benchmarks/predict.py
    python benchmarks/predict.py --small

For each engine and precision that this machine has: slices/s of the U-Net
with random weights, and a cold start: `wmh-predict` on one FLAIR of
512 x 512 x 20 voxels in a new process, from the shell's call to its end, with
the peak memory. Rounds go over all engines in turn, so that what else runs on
the machine slows all of them; medians and their ratios to TensorFlow's are
printed. Ratios of different runs cannot be compared. Probabilities of all
engines are compared with JAX's. `--small` takes a small network, a small FLAIR
and one round: a check that everything works.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REFERENCE, BASELINE = "jax fp32", "tensorflow fp32"


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is computed."""

    side: int
    filters: tuple[int, ...]
    slices: int
    flair: tuple[int, int, int]
    rounds: int


FULL = Size(384, (16, 32, 64, 128, 256), 24, (512, 512, 20), 5)
SMALL = Size(64, (4, 8), 16, (64, 64, 8), 1)


def write_inputs(folder: Path, size: Size) -> None:
    """Writes a model of random weights and a synthetic FLAIR."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    from data_prep.nifti_writing import write_image
    from data_prep.phantom import PhantomConfig, make_phantom
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras import artifacts
    from wmh_keras.model_info import ModelInfo
    from wmh_keras.models import build_model

    keras.utils.set_random_seed(0)
    arguments = {"side": size.side, "filters": list(size.filters)}
    info = ModelInfo("unet", arguments, PreprocessConfig(side=size.side))
    artifacts.save_model(
        folder / "model", [build_model("unet", **arguments)], info
    )
    spacing = (168 / size.flair[0], 200 / size.flair[1], 130 / size.flair[2])
    flair, _ = make_phantom(PhantomConfig(size.flair, spacing))
    write_image(folder / "FLAIR.nii.gz", flair.data, flair)


def serve(folder: Path, engine: str, precision: str, slices: int) -> None:
    """Loads an engine, then times one volume for every line on stdin.

    Runs in a process of its own. The first volume, which compiles, is not
    timed; its probabilities are saved.
    """
    from wmh_keras import artifacts
    from wmh_keras.inference.engine import choose_engine

    chosen = choose_engine(engine, precision)
    from wmh_keras.inference.loading import load_segmenter

    info = artifacts.read_model_info(folder / "model")
    segmenter = load_segmenter([info], engine=chosen)
    shape = (slices, info.preprocess.side, info.preprocess.side, 1)
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(
        folder / f"{engine} {precision}.npy", segmenter.predict_slices(volume)
    )
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        segmenter.predict_slices(volume)
        print(slices / (time.perf_counter() - start), flush=True)


def measure_speed(
    folder: Path, size: Size, variants: list[str]
) -> dict[str, list[float]]:
    """Slices/s of each engine, one number a round."""
    processes = {
        name: subprocess.Popen(
            [
                sys.executable,
                __file__,
                "--serve",
                str(folder),
                *name.split(),
                str(size.slices),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in variants
    }
    for name, process in processes.items():
        # Libraries may write lines of their own.
        if not any(line == "ready\n" for line in process.stdout):
            raise SystemExit(f"{name}: did not start")
    speeds = {name: [] for name in variants}
    for _ in range(size.rounds):
        for name, process in processes.items():
            process.stdin.write("\n")
            process.stdin.flush()
            speeds[name].append(float(process.stdout.readline()))
    for process in processes.values():
        process.communicate()
    return speeds


def measure_cold_start(
    folder: Path, size: Size, variants: list[str]
) -> dict[str, list[tuple[float, float]]]:
    """(seconds, peak MB) of whole predictions, one pair a round."""
    runs = {name: [] for name in variants}
    for _ in range(size.rounds):
        for name in variants:
            engine, precision = name.split()
            command = [sys.executable, "-m", "wmh_keras.predict"]
            command += [f"--input={folder / 'FLAIR.nii.gz'}"]
            command += [f"--model={folder / 'model'}", "--overwrite"]
            command += [f"--output_dir={folder / 'out'}"]
            command += [f"--engine={engine}", f"--precision={precision}"]
            start = time.perf_counter()
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{name}: wmh-predict failed")
            seconds = time.perf_counter() - start
            runs[name].append((seconds, usage.ru_maxrss / 1024))
    return runs


def find_variants() -> list[str]:
    """Engines and precisions that this machine has."""
    variants = [REFERENCE, BASELINE]
    try:
        from wmh_keras.inference.openvino_network import has_bf16_units
    except ModuleNotFoundError:
        return variants
    return [*variants, "openvino fp32"] + ["openvino bf16"] * has_bf16_units()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a quick look")
    parser.add_argument(
        "--rounds", type=int, help="instead of 5, or 1 with --small"
    )
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--write_inputs", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    size = dataclasses.replace(size, rounds=arguments.rounds or size.rounds)
    if arguments.write_inputs:
        write_inputs(Path(arguments.write_inputs), size)
        return
    if arguments.serve:
        folder, engine, precision, slices = arguments.serve
        serve(Path(folder), engine, precision, int(slices))
        return
    variants = find_variants()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory, as the system counts
        # it, starts from that of the process which starts it.
        write = [sys.executable, __file__, f"--write_inputs={folder}"]
        subprocess.run(write + ["--small"] * arguments.small, check=True)
        speeds = measure_speed(folder, size, variants)
        runs = measure_cold_start(folder, size, variants)
        expected = np.load(folder / f"{REFERENCE}.npy")
        differences = {
            name: float(abs(np.load(folder / f"{name}.npy") - expected).max())
            for name in variants
        }
    print(json.dumps(dataclasses.asdict(size)))
    print(
        "engine           slices/s  ratio   cold s   ratio  peak MB  max diff"
    )
    base_speed = statistics.median(speeds[BASELINE])
    base_start = statistics.median(seconds for seconds, _ in runs[BASELINE])
    for name in variants:
        speed = statistics.median(speeds[name])
        start = statistics.median(seconds for seconds, _ in runs[name])
        peak = max(megabytes for _, megabytes in runs[name])
        print(
            f"{name:15}  {speed:8.2f}  {speed / base_speed:5.2f}  "
            f"{start:7.2f}  {start / base_start:6.2f}  {peak:7.0f}  "
            f"{differences[name]:.1e}"
        )


if __name__ == "__main__":
    main()
