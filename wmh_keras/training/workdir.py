"""The work folder of a training: may it begin there, or go on?

flags.cfg        the flags, as a flagfile
checkpoints/     full state of training, the last two epochs
model/           the best model
history.csv      a row an epoch
curves.png       the same as a picture
tensorboard/     the same for TensorBoard
patches/         while patches are fitted: the volumes they are cut from
"""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

from data_prep import files
from data_prep.errors import UserError
from data_prep.messages import listed
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import checkpoint as checkpoints
from wmh_keras.training.config import (
    TrainingConfig,
    format_flagfile,
)
from wmh_keras.training.config_changes import differences
from wmh_keras.training.initial_model import check_unchanged

FLAGS_FILE = "flags.cfg"
CHECKPOINTS = "checkpoints"


def locked(workdir: Path) -> contextlib.AbstractContextManager[None]:
    """Keeps a second training out of the work folder; makes the folder.

    Raises:
      UserError: Another process trains there.
    """
    return files.locked_folder(
        workdir, "another process trains in this work folder"
    )


def open_workdir(
    config: TrainingConfig,
    data_fingerprint: str,
    check_start: Callable[[], None] = lambda: None,
) -> checkpoints.Checkpoint | None:
    """Decides whether a training begins or goes on, and notes its flags.

    Args:
      config: The training.
      data_fingerprint: Stands for the volumes fitted and validated.
      check_start: Called where the training begins, before anything is
        noted: what it raises leaves the folder as it was.

    Returns:
      The checkpoint to go on from; None to begin.

    Raises:
      UserError: Other files are there, the flags the data or the initial
        model are others than those of the run in the folder, or that run is
        finished.
    """
    workdir = Path(config.workdir)
    flags_file = workdir / FLAGS_FILE
    files.remove_temporaries(workdir)
    files.remove_temporaries(workdir / CHECKPOINTS)
    present = {p.name for p in workdir.iterdir()}
    if present and FLAGS_FILE not in present:
        raise UserError(
            f"{workdir}: expected a new or empty folder or a work folder, "
            f"found other files ({listed(sorted(present), 5)}); take "
            "another --workdir"
        )
    checkpoint = checkpoints.latest_checkpoint(workdir / CHECKPOINTS)
    if checkpoint is None:
        check_start()
    else:
        _check_same_flags(config, flags_file)
        _check_same_data(checkpoint, workdir, data_fingerprint)
        check_unchanged(checkpoint, config, read_flags(flags_file))
        _check_unfinished(checkpoint, config)
    files.write_text(flags_file, format_flagfile(config))
    return checkpoint


def open_workdir_together(
    config: TrainingConfig,
    data_fingerprint: str,
    group: ProcessGroup,
    check_start: Callable[[], None] = lambda: None,
) -> checkpoints.Checkpoint | None:
    """Opens the work folder for all processes of a training.

    The first one decides and notes the flags; the others read the same.

    Args:
      config: The training.
      data_fingerprint: Stands for the volumes fitted and validated.
      group: The processes; every one of them has to call this.
      check_start: As for `open_workdir`; the first process calls it.

    Raises:
      UserError: As `open_workdir`; or the processes have other flags, other
        data or another work folder.
    """
    workdir = Path(config.workdir)
    if group.is_first:
        checkpoint = open_workdir(config, data_fingerprint, check_start)
        group.gather()
    else:
        group.gather()
        checkpoint = checkpoints.latest_checkpoint(workdir / CHECKPOINTS)
    seen = [
        str((workdir / FLAGS_FILE).is_file()),
        checkpoint.epoch if checkpoint else 0,
    ]
    answers = group.gather(
        [config.to_flags(), config.epochs, data_fingerprint, seen]
    )
    flags, epochs, fingerprint, seen_there = answers[0]
    different = differences(flags, config.to_flags())
    if epochs != config.epochs:
        different.append(f"--epochs: was {epochs}, now {config.epochs}")
    if different:
        raise UserError(
            "all processes of a training need the same flags; of the first "
            f"process and process {group.index}:\n  " + "\n  ".join(different)
        )
    if fingerprint != data_fingerprint:
        raise UserError(
            f"{config.data_dir}: process {group.index} has other data there "
            "than the first process; all need the same prepared data"
        )
    if seen != seen_there:
        raise UserError(
            f"{workdir}: process {group.index} finds another folder there "
            "than the first process; --workdir has to be on a disk that all "
            "machines share"
        )
    return checkpoint


@dataclasses.dataclass(frozen=True)
class WorkDone:
    """How far the training in a work folder is.

    Attributes:
      epochs: Epochs done; 0 where none is.
      best_epoch: Epoch of the model that is kept; 0 without one.
      best_dice: Its validation Dice; None without one.
      seconds: What the epochs took, the validation with them.
    """

    epochs: int = 0
    best_epoch: int = 0
    best_dice: float | None = None
    seconds: float = 0.0


def read_work_done(workdir: Path) -> WorkDone:
    """Tells how far a training is; changes nothing, imports no Keras.

    Raises:
      UserError: There are checkpoints, but none is whole.
    """
    checkpoint = checkpoints.latest_checkpoint(workdir / CHECKPOINTS)
    if checkpoint is None:
        return WorkDone()
    schedule = checkpoint.state["schedule"]
    return WorkDone(
        epochs=checkpoint.epoch,
        best_epoch=schedule["best_epoch"],
        best_dice=schedule["best"],
        seconds=sum(row["seconds"] for row in checkpoint.state["history"]),
    )


def is_finished(config: TrainingConfig, data_fingerprint: str) -> bool:
    """Tells whether this very training is finished; changes nothing.

    Args:
      config: The training.
      data_fingerprint: Stands for the volumes fitted and validated.

    Returns:
      False where there is something left to do or to refuse, such as other
      flags: starting the training says what.
    """
    workdir = Path(config.workdir)
    flags_file = workdir / FLAGS_FILE
    if not flags_file.is_file():
        return False
    try:
        checkpoint = checkpoints.latest_checkpoint(workdir / CHECKPOINTS)
        if checkpoint is None:
            return False
        _check_same_flags(config, flags_file)
        _check_same_data(checkpoint, workdir, data_fingerprint)
    except UserError:
        return False
    return bool(_why_finished(checkpoint, config))


def read_flags(flags_file: Path) -> dict[str, str]:
    """Reads names and values from a flagfile that a training wrote."""
    text = flags_file.read_text(encoding="utf-8")
    pairs = (
        line.removeprefix("--").partition("=") for line in text.split("\n")
    )
    return {name: value for name, separator, value in pairs if separator}


def _check_same_flags(config: TrainingConfig, flags_file: Path) -> None:
    different = differences(read_flags(flags_file), config.to_flags())
    if different:
        raise UserError(
            f"{flags_file.parent}: holds a training with other flags, which "
            "cannot be changed on the way:\n  "
            + "\n  ".join(different)
            + f"\ngo on with --flagfile={flags_file}, or take another --workdir"
        )


def _check_same_data(
    checkpoint: checkpoints.Checkpoint, workdir: Path, data_fingerprint: str
) -> None:
    if checkpoint.state["data_fingerprint"] != data_fingerprint:
        raise UserError(
            f"{workdir}: holds a training on other data: the volumes to fit or "
            "to validate on were others, or prepared in another way, or the "
            "lesion masks were others; give the same --data_dir, subject lists "
            "and --lesion_masks, or take another --workdir"
        )


def _check_unfinished(
    checkpoint: checkpoints.Checkpoint, config: TrainingConfig
) -> None:
    why = _why_finished(checkpoint, config)
    if why:
        raise UserError(why)


def _why_finished(
    checkpoint: checkpoints.Checkpoint, config: TrainingConfig
) -> str:
    """Says why there is nothing left to do; "" where there is."""
    schedule = checkpoint.state["schedule"]
    if schedule["stopped"]:
        return (
            f"{config.workdir}: this training is finished: it ended after "
            f"epoch {checkpoint.epoch}, {config.stop_epochs} epochs past its "
            f"best, epoch {schedule['best_epoch']}; its model is in "
            f"{Path(config.workdir) / 'model'}; take another --workdir"
        )
    if checkpoint.epoch >= config.epochs:
        return (
            f"{config.workdir}: this training is finished: {checkpoint.epoch} "
            f"epochs are done, --epochs={config.epochs}; its model is in "
            f"{Path(config.workdir) / 'model'}; raise --epochs to go on, or "
            "take another --workdir"
        )
    return ""
