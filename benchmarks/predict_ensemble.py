"""Cold starts of a packed ensemble, as large as the model that is shipped.

    python benchmarks/predict_ensemble.py
    python benchmarks/predict_ensemble.py --small

Packs U-Nets of random weights with wmh-pack-model and runs wmh-predict on one
synthetic FLAIR of 20 slices in a new process, from the shell's call to its end,
on OpenVINO. Prints the medians of wall and processor time and the largest
memory, of one network and of all. `--small` takes small networks and one
round: a check that everything works.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FULL, SMALL = (16, 32, 64, 128, 256), (4, 8)
SLICES = 20


def write_models(folder: Path, side: int, filters: list[int], n: int) -> None:
    """Writes n models of random weights, run_0 and so on."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    from data_prep.preprocess import PreprocessConfig
    from wmh_keras import artifacts
    from wmh_keras.model_info import ModelInfo
    from wmh_keras.models import build_model

    keras.utils.set_random_seed(0)
    arguments = {"side": side, "filters": filters}
    config = PreprocessConfig(
        side, "background", "robust_zscore", oversize="resize"
    )
    for number in range(n):
        artifacts.save_model(
            folder / f"run_{number}",
            [build_model("unet", **arguments)],
            ModelInfo("unet", arguments, config),
        )


def write_flair(folder: Path, side: int) -> None:
    """Writes a synthetic head of side x side x 20 voxels."""
    from data_prep.nifti_writing import write_image
    from data_prep.phantom import PhantomConfig, make_phantom

    spacing = (168 / side, 200 / side, 130 / SLICES)
    flair, _ = make_phantom(PhantomConfig((side, side, SLICES), spacing))
    write_image(folder / f"FLAIR_{side}.nii.gz", flair.data, flair)


def run(module: str, *arguments: str) -> tuple[float, float, float]:
    """Runs a program; returns wall seconds, CPU seconds and peak MB."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"wmh_keras.{module}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{module} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cpu, usage.ru_maxrss / 1024


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a quick look")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write_inputs", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    small, members = arguments.small, arguments.members
    sides = (64,) if small else (256, 512)
    if arguments.write_inputs:
        folder, filters = Path(arguments.write_inputs), SMALL if small else FULL
        write_models(folder, sides[0], list(filters), members)
        for side in sides:
            write_flair(folder, side)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory, as the system counts
        # it, starts from that of the process which starts it.
        write = [sys.executable, __file__, f"--write_inputs={folder}"]
        write += [f"--members={members}"] + ["--small"] * small
        subprocess.run(write, check=True)
        for count in (1, members):
            run(
                "pack_model",
                *(f"--model={folder / f'run_{n}'}" for n in range(count)),
                f"--output_dir={folder / f'packed_{count}'}",
                "--model_name=random",
            )
        print("FLAIR            networks   wall s    CPU s  peak MB")
        for side in sides:
            for count in (1, members):
                runs = [
                    run(
                        "predict",
                        f"--input={folder / f'FLAIR_{side}.nii.gz'}",
                        f"--model={folder / f'packed_{count}'}",
                        f"--output_dir={folder / 'out'}",
                        "--engine=openvino",
                        "--overwrite",
                    )
                    for _ in range(1 if small else arguments.rounds)
                ]
                wall, cpu, peak = zip(*runs, strict=True)
                size = f"{side} x {side} x {SLICES}"
                print(
                    f"{size:16} {count:8}  {statistics.median(wall):7.2f}  "
                    f"{statistics.median(cpu):7.2f}  {max(peak):7.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
