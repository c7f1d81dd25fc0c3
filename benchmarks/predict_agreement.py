"""Compares what the engines of prediction find in real scans.

    python benchmarks/predict_agreement.py --input=SCANS --model=RUN

Runs `wmh-predict` on the scans once for each engine and precision that this
machine has, and compares all with JAX in fp32: the largest difference of a
probability, and the Dice of the masks, in the worst scan and over all. Two
empty masks have a Dice of 1. Takes a trained model: with random weights no
probability is near the threshold for a reason.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from predict import REFERENCE, find_variants

from data_prep.nifti import is_nifti, read_mask, read_probability

# What wmh-predict writes, from BIDS data sets and others.
_PROBABILITY_ENDS = ("probability", "probseg")


@dataclasses.dataclass(frozen=True)
class Agreement:
    """One scan by two engines.

    Attributes:
      largest: difference of a probability.
      dice: of the masks.
    """

    largest: float
    dice: float


def main() -> None:
    """Predicts with all engines and prints a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--input", required=True, help="scans, as wmh-predict takes them"
    )
    parser.add_argument("--model", required=True, help="work or model folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {
            name: _predict(arguments, name, Path(scratch, name))
            for name in find_variants()
        }
        expected = folders.pop(REFERENCE)
        print(f"compared with {REFERENCE}; largest difference, Dice")
        for name, folder in folders.items():
            _show(name, list(_compare(expected, folder)))


def _predict(arguments: argparse.Namespace, name: str, out: Path) -> Path:
    engine, precision = name.split()
    print(f"predicting by {name}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "wmh_keras.predict"]
    command += [f"--input={arguments.input}", f"--model={arguments.model}"]
    command += [f"--engine={engine}", f"--precision={precision}"]
    done = subprocess.run(
        [*command, f"--output_dir={out}"],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name}: wmh-predict failed")
    return out


def _compare(expected: Path, folder: Path) -> Iterator[Agreement]:
    for path in sorted(expected.rglob("*.nii.gz")):
        stem = path.name.removesuffix(".nii.gz")
        if not (is_nifti(path) and stem.endswith(_PROBABILITY_ENDS)):
            continue
        one = read_probability(path).data
        other = read_probability(folder / path.relative_to(expected)).data
        mask = _mask_beside(path)
        masks = [
            read_mask(base / mask.relative_to(expected)).data > 0
            for base in (expected, folder)
        ]
        size = sum(int(array.sum()) for array in masks)
        both = int((masks[0] & masks[1]).sum())
        yield Agreement(
            float(np.abs(one - other).max()), 2 * both / size if size else 1.0
        )


def _mask_beside(probability: Path) -> Path:
    name = probability.name
    for end in _PROBABILITY_ENDS:
        name = name.replace(f"{end}.nii", "mask.nii")
    return probability.with_name(name)


def _show(name: str, scans: list[Agreement]) -> None:
    if not scans:
        sys.exit("no probability maps were found")
    dice = [scan.dice for scan in scans]
    print(
        f"{name:16} {max(scan.largest for scan in scans):.1e}  "
        f"Dice {min(dice):.4f} at worst, {np.mean(dice):.4f} in the mean, "
        f"{len(scans)} scans"
    )


if __name__ == "__main__":
    main()
