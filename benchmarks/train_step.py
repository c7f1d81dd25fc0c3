"""Times training steps of the 2-D U-Net: ours against PyTorch's.

    python benchmarks/train_step.py --torch_python=OTHER_ENV/bin/python
    python benchmarks/train_step.py --small
    python benchmarks/train_step.py --device=gpu --peak_tflops 495 989

Keras on TensorFlow and on JAX runs what wmh-train runs: its compiled model, its
loss, metrics and callbacks, by `fit`. PyTorch, eager and compiled, trains the
same network from the same weights on the same batch, with the same loss and
Adam, without metrics; parameters and losses are compared. PyTorch is no part
of this project: --torch_python names the interpreter of an environment that
has it.

Each runs in a process of its own. On a CPU the rounds go over all of them in
turn, so that what else runs on the machine slows all alike; on a GPU, whose
memory they would share, they run one after the other, and JAX runs once more
with the augmentation on the host and on the device. Medians are printed, and
their ratios to the better PyTorch of the same precision, in this run. bf16 is
the mixture of bfloat16 and float32 that each of them offers. Ratios of
different runs cannot be compared.
"""

import argparse
import dataclasses
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from train_step_task import MARK, Task

FOLDER = Path(__file__).resolve().parent
TORCH = ("torch eager", "torch compiled")
PRECISIONS = ("fp32", "bf16")
# Slices of the paper's whole development and internal test set.
PAPER_SLICES = 34_228
# Largest relative differences between the losses of the first step, and between
# the means of the first round: Adam's first steps are as large for gradients
# that are rounding errors alone.
TOLERANCES = {"fp32": (1e-4, 1e-2), "bf16": (1e-2, 5e-2)}


@dataclasses.dataclass
class Row:
    """What was measured of one task."""

    task: Task
    facts: dict[str, Any]
    speeds: list[float] = dataclasses.field(default_factory=list)

    @property
    def speed(self) -> float:
        """Median of the rounds, slices a second."""
        return statistics.median(self.speeds)


class Worker:
    """The process of one task."""

    def __init__(self, task: Task, torch_python: str) -> None:
        """Starts it."""
        self.task = task
        script = f"train_step_{'torch' if task.is_torch else 'keras'}.py"
        environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        search = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
        if task.device == "cpu":
            environment |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            [
                torch_python if task.is_torch else sys.executable,
                str(FOLDER / script),
                json.dumps(dataclasses.asdict(task)),
            ],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> dict[str, Any]:
        """Reads its next report."""
        for line in self.process.stdout:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        sys.exit(f"{self.task.name}: ended before its time")

    def time_round(self) -> float:
        """Slices a second of one round."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.task.batch * self.task.steps / self.read()["seconds"]


def main() -> None:
    """Measures and prints."""
    arguments = _parse()
    tasks = list_tasks(arguments)
    if not tasks:
        sys.exit(f"--only={arguments.only}: nothing has this in its name")
    # On a CPU all are alive at once, on a GPU one at a time.
    groups = [tasks] if arguments.device == "cpu" else [[t] for t in tasks]
    rows = []
    for group in groups:
        rows += measure(group, arguments.torch_python)
    if not rows:
        sys.exit("nothing could be measured")
    show(rows, arguments.peak_tflops)
    if arguments.json:
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
        Path(arguments.json).write_text(f"{text}\n", encoding="utf-8")
    check_same(rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--torch_python", default=sys.executable, help="an interpreter")
    add("--device", choices=("cpu", "gpu"), default="cpu")
    add("--batch", type=int, help="slices a step: 4, or 32 on a GPU")
    add("--steps", type=int, help="steps a round: 2, or 20 on a GPU")
    add("--rounds", type=int, help="rounds: 5, or 1 with --small")
    add(
        "--only",
        default="",
        help="what has one of these words, such as jax,eager",
    )
    add(
        "--peak_tflops",
        type=float,
        nargs=2,
        metavar=PRECISIONS,
        help="of the device: adds the share of it that convolutions reach",
    )
    add("--json", metavar="FILE", help="writes all numbers there")
    add("--small", action="store_true", help="small slices: a check, no more")
    arguments = parser.parse_args()
    gpu = arguments.device == "gpu"
    for name, value in (
        ("batch", 2 if arguments.small else 32 if gpu else 4),
        ("steps", 20 if gpu else 2),
        ("rounds", 1 if arguments.small else 5),
    ):
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
        if getattr(arguments, name) < 1:
            parser.error(f"--{name}: expected 1 or more")
    return arguments


def list_tasks(arguments: argparse.Namespace) -> list[Task]:
    """Lists what is to be measured."""
    wanted = [
        (framework, "none") for framework in ("tensorflow", "jax", *TORCH)
    ]
    if arguments.device == "gpu":
        wanted += [("jax", "host"), ("jax", "device")]
    tasks = [
        Task(
            framework,
            precision,
            augment_on,
            arguments.device,
            side=64 if arguments.small else 384,
            filters=(4, 8) if arguments.small else (16, 32, 64, 128, 256),
            batch=arguments.batch,
            steps=arguments.steps,
            rounds=arguments.rounds,
        )
        for precision, (framework, augment_on) in itertools.product(
            PRECISIONS, wanted
        )
    ]
    if not _has_torch(arguments.torch_python):
        print(
            f"{arguments.torch_python} has no PyTorch: nothing to compare "
            "with; --torch_python names an interpreter that has it"
        )
        tasks = [task for task in tasks if not task.is_torch]
    words = arguments.only.split(",")
    return [t for t in tasks if any(word in t.name for word in words)]


def _has_torch(python: str) -> bool:
    try:
        result = subprocess.run(
            [python, "-c", "import numpy, torch"], capture_output=True
        )
    except OSError as error:
        sys.exit(f"--torch_python: {error}")
    return result.returncode == 0


def measure(tasks: list[Task], torch_python: str) -> list[Row]:
    """Starts a process for each task, and goes round; leaves out who cannot."""
    workers, alive, rows = [], [], []
    try:
        for task in tasks:
            print(f"starting {task.name} …", file=sys.stderr, flush=True)
            worker = Worker(task, torch_python)
            workers.append(worker)
            facts = worker.read()
            if "missing" in facts:
                print(f"{task.name}: left out, {facts['missing']}")
                continue
            alive.append(worker)
            rows.append(Row(task, facts))
        for _ in range(tasks[0].rounds):
            for worker, row in zip(alive, rows, strict=True):
                row.speeds.append(worker.time_round())
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
    return rows


def check_same(rows: list[Row]) -> None:
    """Ends with an error where one trained another network than the first."""
    first = rows[0]
    for row in rows:
        if row.facts["weights"] != first.facts["weights"]:
            sys.exit(
                f"{row.task.name} has {row.facts['weights']:,} weights, "
                f"{first.task.name} {first.facts['weights']:,}"
            )
        if row.task.augment_on != "none":
            continue  # what is changed at random has other losses
        for loss, expected, tolerance in zip(
            row.facts["losses"],
            first.facts["losses"],
            TOLERANCES[row.task.precision],
            strict=True,
        ):
            if abs(loss - expected) > tolerance * expected:
                sys.exit(
                    f"{row.task.name} does not train as {first.task.name}: "
                    f"losses of the first step and of the first round "
                    f"{row.facts['losses']}, there {first.facts['losses']}"
                )


def show(rows: list[Row], peak_tflops: list[float] | None) -> None:
    """Prints the table."""
    task = rows[0].task
    versions, devices = {}, {}
    for row in rows:
        versions |= row.facts["versions"]
        devices[row.facts["device"]] = True
    print(
        f"\n{platform.machine()}, {len(os.sched_getaffinity(0))} CPU cores; "
        f"{', '.join(devices)}; Python {platform.python_version()}, "
        + ", ".join(f"{name} {text}" for name, text in versions.items())
        + f"\n{rows[0].facts['weights']:,} weights, slices of side "
        f"{task.side}, batches of {task.batch}, {task.rounds} rounds of "
        f"{task.steps} steps\n"
    )
    flops = next((r.facts["flops"] for r in rows if "flops" in r.facts), None)
    peak = " of peak" if peak_tflops and flops else ""
    print(f"{'':28}slices/s    range       of PyTorch{peak}     epoch     loss")
    for row in rows:
        precision = row.task.precision
        best = max(
            (
                other.speed
                for other in rows
                if other.task.is_torch and other.task.precision == precision
            ),
            default=None,
        )
        ratio = f"{row.speed / best:.2f}" if best else "-"
        share = ""
        if peak:
            per_second = peak_tflops[PRECISIONS.index(precision)] * 1e12
            share = f"{row.speed * flops / per_second:8.1%}"
        spread = f"{min(row.speeds):.2f}-{max(row.speeds):.2f}"
        minutes = PAPER_SLICES / row.speed / 60
        layout = row.facts.get("layout")  # PyTorch's choice
        name = f"{row.task.name}, {layout}" if layout else row.task.name
        print(
            f"{name:28}{row.speed:8.2f} {spread:>14}{ratio:>11}"
            f"{share}{minutes:6.0f} min {row.facts['losses'][1]:8.4f}"
        )
    print(
        f"\nepoch: of {PAPER_SLICES:,} slices, at this speed. loss: mean of "
        "the first round, which is not timed."
    )


if __name__ == "__main__":
    main()
