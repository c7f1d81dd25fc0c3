"""What happens after each epoch, in the order of this file.

Keras hands one dict of logs from callback to callback: each adds what the
later ones use.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data_prep import files
from data_prep.errors import UserError
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training.checkpoint import save_checkpoint
from wmh_keras.training.interruption import Interruption
from wmh_keras.training.schedule import Schedule, cosine_rate
from wmh_keras.training.validation import VolumeValidation

HISTORY_COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "dice",
    "val_loss",
    "val_accuracy",
    "val_dice",
    "learning_rate",
    "seconds",
    "images_per_second",
    "data_wait_share",
)

# Reading a loss waits for the device, so not every step is looked at.
_NAN_CHECK_SECONDS = 5.0

Logs = dict[str, Any]


class NanGuard(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self._checked_at = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Checks the running mean of the loss, now and then."""
        if time.perf_counter() - self._checked_at >= _NAN_CHECK_SECONDS:
            self._checked_at = time.perf_counter()
            _check_loss(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Checks the mean of the epoch, which any NaN has spoiled."""
        _check_loss(logs)


class Clock(keras.callbacks.Callback):
    """Logs the learning rate and the images a second of an epoch."""

    def __init__(self, images_per_epoch: int) -> None:
        """Takes the slices an epoch, repetitions counted."""
        super().__init__()
        self._images = images_per_epoch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds learning_rate and images_per_second."""
        seconds = time.perf_counter() - self.started
        # Through text: 0.0003 in float32 is 0.0003000000142 in float64.
        rate = np.float32(self.model.optimizer.learning_rate)
        logs["learning_rate"] = float(str(rate))
        logs["images_per_second"] = self._images / seconds


class FollowCosine(keras.callbacks.Callback):
    """Sets the learning rate of each epoch: see `cosine_rate`."""

    def __init__(self, first: float, epochs: int) -> None:
        """Takes the first rate, and the epochs within which it falls."""
        super().__init__()
        self._first = first
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets it; a training that goes on gets the same."""
        self.model.optimizer.learning_rate = cosine_rate(
            self._first, epoch, self._epochs
        )


class Validate(keras.callbacks.Callback):
    """Logs the scores of whole validation volumes."""

    def __init__(
        self,
        validation: VolumeValidation,
        every: int,
        interruption: Interruption,
    ) -> None:
        """Takes what to do.

        Args:
          validation: The volumes.
          every: After how many epochs they are predicted.
          interruption: Looked at before each volume.
        """
        super().__init__()
        self._validation = validation
        self._every = every
        self._interruption = interruption

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds val_loss, val_accuracy and val_dice, where it is due."""
        if (epoch + 1) % self._every == 0:
            scores = self._validation.run(self._interruption.check)
            logs["val_loss"] = scores.loss
            logs["val_accuracy"] = scores.accuracy
            logs["val_dice"] = scores.dice


class FollowSchedule(keras.callbacks.Callback):
    """Keeps the best model, reduces the learning rate, ends the training."""

    def __init__(
        self,
        schedule: Schedule,
        plateau_factor: float,
        keep_model: Callable[[keras.Model, Mapping[str, float]], None],
    ) -> None:
        """Takes what to follow.

        Args:
          schedule: Decides.
          plateau_factor: What the learning rate is multiplied by.
          keep_model: Saves the model, with its scores.
        """
        super().__init__()
        self._schedule = schedule
        self._factor = plateau_factor
        self._keep_model = keep_model

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Acts on val_dice, where there is one."""
        if "val_dice" not in logs:
            return
        decision = self._schedule.update(epoch + 1, logs["val_dice"])
        if decision.improved:
            names = ("val_dice", "val_loss", "val_accuracy")
            scores = {name: logs[name] for name in names}
            self._keep_model(self.model, {**scores, "epoch": epoch + 1})
        if decision.reduce:
            optimizer = self.model.optimizer
            optimizer.learning_rate = (
                float(optimizer.learning_rate) * self._factor
            )
        if decision.stop:
            self.model.stop_training = True


class SaveState(keras.callbacks.Callback):
    """Writes history.csv and then the checkpoint, in this order.

    The rows of the history are part of the checkpoint, and a training that
    goes on begins with those: a kill between the two files costs nothing.
    To be placed after everything that changes the state of training. Of
    several processes the first writes, and the others wait for it.
    """

    def __init__(
        self,
        workdir: Path,
        schedule: Schedule,
        rows: list[dict[str, Any]],
        fixed_state: Mapping[str, Any],
        clock: Clock,
        group: ProcessGroup,
    ) -> None:
        """Takes what belongs to the state.

        Args:
          workdir: The work folder.
          schedule: Its state is saved.
          rows: History so far; it grows.
          fixed_state: What else to save, the same after every epoch.
          clock: Tells when the epoch began.
          group: The processes that train together.
        """
        super().__init__()
        self._workdir = workdir
        self._schedule = schedule
        self._rows = rows
        self._fixed_state = fixed_state
        self._clock = clock
        self._group = group

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves."""
        logs["seconds"] = time.perf_counter() - self._clock.started
        row = {"epoch": epoch + 1}
        row |= {
            name: float(logs[name]) for name in HISTORY_COLUMNS if name in logs
        }
        self._rows.append(row)
        if self._group.is_first:
            self._write(epoch + 1)
        self._group.gather()

    def _write(self, epochs: int) -> None:
        write_history(self._workdir, self._rows)
        state = {
            **self._fixed_state,
            "schedule": self._schedule.to_json(),
            "history": self._rows,
        }
        save_checkpoint(
            self._workdir / "checkpoints", epochs, self.model, state
        )


def write_history(workdir: Path, rows: list[dict[str, Any]]) -> None:
    """Writes history.csv: a row an epoch, empty where not validated."""
    files.write_csv(workdir / "history.csv", HISTORY_COLUMNS, rows)


def _check_loss(logs: Logs | None) -> None:
    loss = float(logs["loss"])
    if not math.isfinite(loss):
        raise UserError(
            f"the training loss is {loss}: the training diverged. The best "
            "model so far is kept; start again in another --workdir with a "
            "lower --learning_rate"
        )
