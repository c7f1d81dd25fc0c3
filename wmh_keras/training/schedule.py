"""What a validation Dice means: better, reduce the rate, or stop."""

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class Decision:
    """What follows from one validation.

    Attributes:
      improved: It is the best so far: keep this model.
      reduce: Reduce the learning rate.
      stop: End the training.
    """

    improved: bool
    reduce: bool
    stop: bool


def cosine_rate(first: float, epoch: int, epochs: int) -> float:
    """Returns the learning rate of an epoch, falling along half a cosine.

    Loshchilov and Hutter, SGDR, ICLR 2017 (arXiv 1608.03983), equation 5
    without restarts.

    Args:
      first: That of the first epoch.
      epoch: From 0.
      epochs: Within which it falls. The last of them still has a rate above
        0, which the epochs after it keep.
    """
    last = min(epoch, epochs - 1)
    return first * 0.5 * (1 + math.cos(math.pi * last / epochs))


class Schedule:
    """Counts epochs without improvement; its state is JSON.

    Attributes:
      best: Best validation Dice so far; None before the first.
      best_epoch: Epoch of the best, counted from 1; 0 before the first.
      stopped: Whether the training was ended.
    """

    def __init__(self, plateau_epochs: int, stop_epochs: int) -> None:
        """Starts counting.

        Args:
          plateau_epochs: Epochs without improvement after which the rate is
            reduced; a reduction starts the count anew. 0 never reduces.
          stop_epochs: Epochs without improvement after which training ends;
            0 never ends it.
        """
        self._plateau_epochs = plateau_epochs
        self._stop_epochs = stop_epochs
        self.best: float | None = None
        self.best_epoch = 0
        self.stopped = False
        self._counted_from = 0

    def update(self, epoch: int, dice: float) -> Decision:
        """Takes the Dice of an epoch (counted from 1) into account."""
        best = -math.inf if self.best is None else self.best
        if dice > best:
            self.best, self.best_epoch = dice, epoch
            self._counted_from = epoch
            return Decision(improved=True, reduce=False, stop=False)
        waited = epoch - self._counted_from
        reduce = 0 < self._plateau_epochs <= waited
        if reduce:
            self._counted_from = epoch
        self.stopped = 0 < self._stop_epochs <= epoch - self.best_epoch
        return Decision(improved=False, reduce=reduce, stop=self.stopped)

    def to_json(self) -> dict[str, Any]:
        """Returns the state."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "counted_from": self._counted_from,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over the state that to_json gave."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.stopped = state["stopped"]
        self._counted_from = state["counted_from"]
