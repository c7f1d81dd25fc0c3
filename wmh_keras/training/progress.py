"""One line that says how far the training is and how long it takes."""

import math
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import keras
from tqdm import tqdm

# How often the line is renewed; reading a loss waits for the device.
_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 15.0


class Progress(keras.callbacks.Callback):
    """Shows epoch, step, loss, Dice, images a second and the time left.

    In a terminal one line is renewed in place; elsewhere, as in a log file, a
    line comes now and then, and one for each epoch. To be placed after the
    callbacks that add to the logs.
    """

    def __init__(
        self,
        *,
        first_epoch: int,
        epochs: int,
        steps_per_epoch: int,
        global_batch_size: int,
        description: str = "",
        stream: TextIO | None = None,
    ) -> None:
        """Knows the way to go.

        Args:
          first_epoch: Epochs that were done before.
          epochs: Epochs in all.
          steps_per_epoch: Batches an epoch.
          global_batch_size: Slices a batch.
          description: What is trained on what; shown first.
          stream: Where to write; stderr by default.
        """
        super().__init__()
        self._epochs = epochs
        self._steps = steps_per_epoch
        self._batch = global_batch_size
        self._description = description
        self._epoch, self._step = first_epoch, 0
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._first_step: tuple[float, int] | None = None
        self._shown_at = -math.inf

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Says what is trained, and that the first step takes longer."""
        if self._description:
            self._stream.write(f"{self._description}\n")
        self._show("preparing the first step (compiling takes a while)")

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, Any] | None = None
    ) -> None:
        """Notes the epoch and its start."""
        self._epoch, self._step = epoch, 0
        self._epoch_started = time.perf_counter()

    def on_train_batch_end(
        self, batch: int, logs: Mapping[str, Any] | None = None
    ) -> None:
        """Renews the line when it is time."""
        self._step = batch + 1
        now = time.perf_counter()
        if self._first_step is None:
            # Compiling is no measure of the steps to come.
            self._first_step = (now, self._steps_done())
        every = _TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS
        if now - self._shown_at >= every:
            speed = self._step * self._batch / (now - self._epoch_started)
            parts = [
                f"step {self._step}/{self._steps}",
                *_format_scores(logs, ("loss", "dice")),
                f"{speed:.3g} images/s",
                f"ETA {self._eta(now)}",
            ]
            self._show(" · ".join(parts))

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, Any] | None = None
    ) -> None:
        """Writes the line of the epoch, which stays."""
        self._step = self._steps
        scores = ("loss", "dice", "val_loss", "val_dice", "learning_rate")
        parts = [
            *_format_scores(logs, scores),
            *(f"{v:.3g} images/s" for v in _values(logs, "images_per_second")),
            *(f"{v:.0%} idle" for v in _values(logs, "data_wait_share")),
            f"ETA {self._eta(time.perf_counter())}",
        ]
        self._show(" · ".join(parts), stays=True)

    def _show(self, text: str, stays: bool = False) -> None:
        shown_epoch = min(self._epoch + 1, self._epochs)
        line = f"epoch {shown_epoch}/{self._epochs} · {text}"
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            end = "\n" if stays else ""
            self._stream.write(f"\r{line[:width]:<{width}}{end}")
        else:
            self._stream.write(line + "\n")
        self._stream.flush()
        self._shown_at = time.perf_counter()

    def _steps_done(self) -> int:
        return self._epoch * self._steps + self._step

    def _eta(self, now: float) -> str:
        left = self._epochs * self._steps - self._steps_done()
        if left <= 0:
            return "00:00"
        if self._first_step is None:
            return "?"
        start, step = self._first_step
        done = self._steps_done() - step
        if done < 1:
            return "?"
        return tqdm.format_interval((now - start) / done * left)


def _values(logs: Mapping[str, Any] | None, name: str) -> list[float]:
    return [float(logs[name])] if logs and name in logs else []


def _format_scores(
    logs: Mapping[str, Any] | None, names: tuple[str, ...]
) -> list[str]:
    return [
        f"{name} {value:.4g}" for name in names for value in _values(logs, name)
    ]
