"""Times the metrics of one volume against a straightforward version.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --small

Makes a synthetic volume of 512 x 512 x 200 voxels with 500 lesions and a
probability map with noise, scores it by `wmh_keras.metrics` and by
`metrics_straightforward.py`, checks that both give the same numbers, and
prints the median times, their ratio and the peak memory. Each version runs
in a process of its own, on one core. At full size the straightforward
version takes minutes, and is therefore run once; `--small` is a quick look.
"""

import argparse
import dataclasses
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import metrics_straightforward
import numpy as np
from metrics_volume import SPACING_MM, Scan, make_scan

from data_prep.size_classes import SIZE_CLASSES, SizeRule
from wmh_keras.metrics import challenge, curves, labels, lesion, pixel
from wmh_keras.metrics.size_class_scores import score_classes
from wmh_keras.metrics.volumetry import volume_ml

FULL = ((512, 512, 200), 500)
SMALL = ((192, 192, 60), 40)
Scores = dict[str, float]


def score_masks(scan: Scan) -> Scores:
    """All metrics of `wmh_keras.metrics` but the curves, by name."""
    counts = pixel.count_pixels(scan.reference, scan.prediction)
    wmh, predicted = labels.leave_out_label_2(scan.reference, scan.prediction)
    matching = lesion.match_lesions(wmh, predicted)
    lesions = lesion.score_lesions(matching)
    official = challenge.challenge_scores(
        wmh, predicted, SPACING_MM, matching=matching
    )
    voxel_mm3 = math.prod(SPACING_MM)
    any_overlap = lesion.score_lesions(
        matching,
        recall_overlap=lesion.ANY_OVERLAP,
        precision_overlap=lesion.ANY_OVERLAP,
    )
    scores = {
        "dice": pixel.dice(counts),
        "precision": pixel.precision(counts),
        "recall": pixel.recall(counts),
        "accuracy": pixel.accuracy(counts),
        "avd_percent": official.avd_percent,
        "reference_volume_ml": volume_ml(wmh, voxel_mm3),
        "predicted_volume_ml": volume_ml(predicted, voxel_mm3),
        "h95_mm": official.h95_mm,
        "lesion_recall": lesions.recall,
        "lesion_precision": lesions.precision,
        "lesion_f1": lesions.dice,
        "any_overlap_recall": official.lesion_recall,
        "any_overlap_precision": any_overlap.precision,
        "any_overlap_f1": official.lesion_f1,
    }
    rule = SizeRule()
    classes = [
        rule.classes(rule.sizes(side.sizes, SPACING_MM))
        for side in (matching.reference, matching.predicted)
    ]
    per_class = score_classes(matching, *classes)
    for name, found in zip(SIZE_CLASSES, per_class, strict=True):
        scores[f"{name}_dice_within"] = found.dice_within
        scores[f"{name}_dice"] = found.dice
        scores[f"{name}_lesion_recall"] = found.lesion_recall
        scores[f"{name}_lesion_precision"] = found.lesion_precision
        scores[f"{name}_lesion_f1"] = found.lesion_dice
    return scores


def score_curves(scan: Scan) -> Scores:
    """The curves of `wmh_keras.metrics`, by name."""
    found = curves.score_curves(scan.reference, scan.probability)
    scores = {"auc": found.auc, "average_precision": found.average_precision}
    for rate, value in zip(curves.ROC_FPR, found.tpr, strict=True):
        scores[f"tpr at fpr {rate:.3g}"] = value
    for recall, value in zip(curves.PR_RECALL, found.precision, strict=True):
        scores[f"precision at recall {recall:g}"] = value
    return scores


TASKS: dict[str, dict[str, Callable[[Scan], Scores]]] = {
    "all metrics but the curves": {
        "ours": score_masks,
        "straightforward": metrics_straightforward.score_masks,
    },
    "curves": {
        "ours": score_curves,
        "straightforward": metrics_straightforward.score_curves,
    },
}


def main() -> None:
    """Makes the volume, measures in processes of their own, and prints."""
    arguments = _parse()
    size = SMALL if arguments.small else FULL
    if arguments.make:
        scan = make_scan(*size)
        for field in dataclasses.fields(scan):
            np.save(Path(arguments.make, field.name), getattr(scan, field.name))
        return
    if arguments.measure:
        _measure(*arguments.measure, arguments.repeats)
        return
    shape, num_lesions = size
    print(f"volume of {shape} voxels with {num_lesions} lesions", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own too: a child inherits its parent's peak.
        _run("--make", folder, *(["--small"] if arguments.small else []))
        rows = [
            _compare(task, folder, arguments.repeats, arguments.small)
            for task in TASKS
        ]
    print(f"\n{'':28}{'ours':>10}{'straightf.':>12}{'ratio':>8}{'memory':>18}")
    for row in rows:
        print(row)
    print(
        f"medians in seconds; ours of {arguments.repeats} runs, peak memory "
        "of the process with its inputs: ours, straightforward"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="runs to take the median of"
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help=f"{SMALL[0]} voxels and {SMALL[1]} lesions: seconds, not minutes",
    )
    # What the program starts itself with: a folder; folder, task, version.
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        parser.error("--repeats: expected 1 or more")
    return arguments


def _compare(task: str, folder: str, repeats: int, small: bool) -> str:
    """Measures both versions of a task; the row of the table."""
    measured = []
    for version in ("ours", "straightforward"):
        # Minutes at full size: once has to do.
        runs = repeats if small or version == "ours" else 1
        print(f"{task}: {version}, {runs} time(s)", flush=True)
        output = _run(
            "--measure", folder, task, version, "--repeats", str(runs)
        )
        measured.append(json.loads(output))
    ours, plain = measured
    _check_equal(ours["scores"], plain["scores"])
    seconds = [statistics.median(m["seconds"]) for m in measured]
    memory = " ".join(f"{m['peak_gb']:5.2f} GB" for m in measured)
    return (
        f"{task:28}{seconds[0]:>8.2f} s{seconds[1]:>10.2f} s"
        f"{seconds[1] / seconds[0]:>8.0f}{memory:>18}"
    )


def _run(*arguments: str) -> bytes:
    """Starts this program again, on one thread; what it prints."""
    return subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def _measure(folder: str, task: str, version: str, repeats: int) -> None:
    """Runs one version on one core; prints JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    names = [field.name for field in dataclasses.fields(Scan)]
    needed = {"curves": ("reference", "probability")}.get(task, names[:2])
    scan = Scan(
        **{
            name: np.load(Path(folder, f"{name}.npy"))
            if name in needed
            else np.empty(0)
            for name in names
        }
    )
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        scores = TASKS[task][version](scan)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "seconds": seconds,
        "scores": {name: float(value) for name, value in scores.items()},
        "peak_gb": peak * 1024 / 1e9,
    }
    print(json.dumps(result))


def _check_equal(ours: Scores, plain: Scores) -> None:
    if ours.keys() != plain.keys():
        sys.exit(f"one version only: {sorted(ours.keys() ^ plain.keys())}")
    for name, value in plain.items():
        if not math.isclose(ours[name], value, rel_tol=1e-9, abs_tol=1e-12):
            sys.exit(f"{name}: ours {ours[name]}, straightforward {value}")
    print(f"  {len(ours)} numbers agree", flush=True)


if __name__ == "__main__":
    main()
