"""Checkpoints: the full state of a training after an epoch.

    checkpoints/epoch_000012/
      variables.npz     weights, batch statistics, optimizer
      state.json        schedule, history, and the SHA-256 of variables.npz

A checkpoint is written to a temporary folder that is then renamed, so a kill
at any moment leaves whole checkpoints only.
"""

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_prep import files
from data_prep.errors import UserError

if TYPE_CHECKING:
    # Reading how far a training is must not take the seconds of its import.
    import keras

_VARIABLES, _STATE = "variables.npz", "state.json"
_NAME = re.compile(r"epoch_(\d{6})")
# The one before the latest stays, in case the disk lost part of the latest.
_KEPT = 2


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on disk.

    Attributes:
      folder: Where it lies.
      epoch: Epochs done.
      state: What was given to save_checkpoint.
    """

    folder: Path
    epoch: int
    state: dict[str, Any]


def save_checkpoint(
    checkpoints: Path,
    epoch: int,
    model: "keras.Model",
    state: Mapping[str, Any],
) -> None:
    """Writes a checkpoint and removes all but the last two.

    Args:
      checkpoints: Folder of the checkpoints.
      epoch: Epochs done.
      model: Compiled, with the state of training.
      state: Anything that JSON takes.
    """
    checkpoints.mkdir(parents=True, exist_ok=True)
    folder = checkpoints / f"epoch_{epoch:06d}"
    temporary = files.temporary_beside(folder)
    temporary.mkdir()
    try:
        np.savez(temporary / _VARIABLES, **_read_variables(model))
        digest = files.sha256_of(temporary / _VARIABLES)
        files.write_json(
            temporary / _STATE, {"variables_sha256": digest, "state": state}
        )
        # Left over where an earlier try could not be read.
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in _folders(checkpoints)[_KEPT:]:
        shutil.rmtree(old)


def latest_checkpoint(checkpoints: Path) -> Checkpoint | None:
    """Returns the latest checkpoint whose files are whole, or None.

    Raises:
      UserError: There are checkpoints, but none is whole.
    """
    folders = _folders(checkpoints)
    problems = []
    for folder in folders:
        try:
            content = files.read_json(folder / _STATE)
            digest = files.sha256_of(folder / _VARIABLES)
        except (OSError, UserError) as error:
            problems.append(str(error))
            continue
        state = content.get("state") if isinstance(content, dict) else None
        if not isinstance(state, dict):
            problems.append(f"{folder / _STATE}: not a state of training")
        elif digest == content.get("variables_sha256"):
            epoch = int(_NAME.fullmatch(folder.name)[1])
            return Checkpoint(folder, epoch, state)
        else:
            problems.append(f"{folder / _VARIABLES}: damaged")
    if problems:
        raise UserError(
            "no checkpoint can be read, so the training cannot go on: "
            f"{'; '.join(problems)}; start again in another --workdir"
        )
    return None


def restore_checkpoint(checkpoint: Checkpoint, model: "keras.Model") -> None:
    """Puts the state of a checkpoint into a compiled model.

    Raises:
      UserError: The checkpoint belongs to another network or optimizer.
    """
    variables = dict(_variables(model))
    path = checkpoint.folder / _VARIABLES
    with np.load(path, allow_pickle=False) as stored:
        shapes = {name: stored[name].shape for name in stored.files}
        expected = {name: tuple(v.shape) for name, v in variables.items()}
        if shapes != expected:
            different = sorted(shapes.items() ^ expected.items())
            raise UserError(
                f"{path}: made by another network or version: {different[:4]}"
            )
        for name, variable in variables.items():
            variable.assign(stored[name])


def _folders(checkpoints: Path) -> list[Path]:
    """Returns the checkpoint folders, the latest first."""
    found = [p for p in checkpoints.glob("*") if _NAME.fullmatch(p.name)]
    return sorted(found, reverse=True)


def _variables(
    model: "keras.Model",
) -> Iterator[tuple[str, "keras.Variable"]]:
    model.optimizer.build(model.trainable_variables)
    weights = {id(variable) for variable in model.metrics_variables}
    for variable in model.variables:
        if id(variable) not in weights:  # metrics start anew in each epoch
            yield f"model/{variable.path}", variable
    for variable in model.optimizer.variables:
        yield f"optimizer/{variable.path}", variable


def _read_variables(model: "keras.Model") -> dict[str, np.ndarray]:
    import keras

    return {
        name: keras.ops.convert_to_numpy(variable.value)
        for name, variable in _variables(model)
    }
