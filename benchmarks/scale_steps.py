"""The steps of a study as commands of the real programs."""

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

STEPS = (
    "prepare",
    "train, start",
    "train, epoch",
    "evaluate",
    "report",
    "predict",
)
# What a step needs the results of.
NEEDS = {
    "train, start": "prepare",
    "train, epoch": "prepare",
    "evaluate": "train, epoch",
    "report": "evaluate",
    "predict": "train, epoch",
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Volumes of one kind, at several sizes of the study.

    Attributes:
      name: for tables.
      shape: voxels of a volume.
      side: of a prepared slice.
      filters: of the U-Net; empty takes the paper's.
      batch_size: of the training.
      sizes: numbers of volumes.
      fixed_steps: batches of "train, start".
    """

    name: str
    shape: tuple[int, int, int]
    side: int
    filters: tuple[int, ...]
    batch_size: int
    sizes: tuple[int, ...]
    fixed_steps: int = 4

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """A head's size over the voxels."""
        x, y, z = self.shape
        return (230 / x, 230 / y, 140 / z)


@dataclasses.dataclass(frozen=True)
class Step:
    """One program to run.

    Attributes:
      name: one of `STEPS`.
      command: arguments of the Python interpreter.
      output: the folder that it writes.
    """

    name: str
    command: tuple[str, ...]
    output: Path


def study_steps(
    folder: Path, series: Series, backend: str, names: tuple[str, ...]
) -> Iterator[Step]:
    """Yields the steps of a study whose scans lie in `folder`/scans.

    A step is made when it is asked for: it may need what the one before has
    written.

    Args:
      folder: everything of this study goes here.
      series: the kind of volumes.
      backend: of the training.
      names: the steps to run, in the order of `STEPS`.
    """
    data, run = folder / "data", folder / "run"
    evaluation = folder / "evaluation"
    for name in names:
        if name == "prepare":
            yield _step(
                name,
                data,
                "data_prep.prepare",
                f"--input={folder / 'scans'}",
                f"--data_dir={data}",
                f"--side={series.side}",
            )
        elif name.startswith("train"):
            yield _training(name, folder, series, backend)
        elif name == "evaluate":
            yield _step(
                name,
                evaluation,
                "wmh_keras.evaluate",
                f"--data_dir={data}",
                f"--model={run}",
                f"--output_dir={evaluation}",
            )
        elif name == "report":
            yield _step(
                name,
                folder / "report",
                "wmh_keras.report",
                f"--evaluations={evaluation}",
                f"--data_dir={data}",
                f"--output_dir={folder / 'report'}",
            )
        else:
            yield _step(
                name,
                folder / "predictions",
                "wmh_keras.predict",
                f"--input={folder / 'scans'}",
                f"--model={run}",
                f"--output_dir={folder / 'predictions'}",
            )


def _training(name: str, folder: Path, series: Series, backend: str) -> Step:
    is_fixed = name == "train, start"
    workdir = folder / ("run_fixed" if is_fixed else "run")
    flags = [
        f"--data_dir={folder / 'data'}",
        f"--workdir={workdir}",
        f"--global_batch_size={series.batch_size}",
        f"--backend={backend}",
        "--epochs=1",
    ]
    if series.filters:
        flags.append(f"--filters={','.join(map(str, series.filters))}")
    if is_fixed:
        # The same work whatever the size: so many steps, one validation.
        one = folder / "one_validation_subject.txt"
        one.write_text(_first_validation_subject(folder / "data") + "\n")
        flags.append(f"--steps_per_epoch={series.fixed_steps}")
        flags.append(f"--validation_subjects={one}")
    return _step(name, workdir, "wmh_keras.train", *flags)


def _first_validation_subject(data: Path) -> str:
    with open(data / "splits.csv", newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] == "validation":
                return row["subject_id"]
    raise SystemExit(f"{data}: no validation subject; take larger --sizes")


def _step(name: str, output: Path, module: str, *flags: str) -> Step:
    return Step(name, ("-m", module, *flags), output)
