"""What the frameworks of `train_step.py` have in common; needs NumPy alone.

The process of each framework gets a `Task`, and makes from it the same network
with the same weights, and the same batch.
"""

import dataclasses
import json
import math
import sys
import zlib
from typing import Any

import numpy as np

# What `train_step.py` reads begins with it; libraries print lines of their own.
MARK = "train_step: "
LEARNING_RATE, ADAM_EPSILON = 3e-4, 1e-7
NORM_EPSILON, NORM_MOMENTUM = 1e-3, 0.9
LESION_PRIOR = 0.01
WMH, OTHER_PATHOLOGY = 1, 2
# The first compiles; on JAX so may the second, where the metrics begin anew.
WARM_UP = 2


@dataclasses.dataclass(frozen=True)
class Task:
    """What one process measures.

    Attributes:
      framework: "tensorflow" or "jax", that Keras runs on; "torch eager" or
        "torch compiled".
      precision: "fp32" or "bf16": float32, or its mixture with bfloat16.
      augment_on: "none", "host" or "device"; of Keras alone.
      device: "cpu" or "gpu".
      side: Of the slices, in pixels.
      filters: Channels at each level.
      batch: Slices a step.
      steps: Steps a round.
      rounds: That are timed, after WARM_UP others.
    """

    framework: str
    precision: str
    augment_on: str
    device: str
    side: int
    filters: tuple[int, ...]
    batch: int
    steps: int
    rounds: int

    @property
    def name(self) -> str:
        """Says what it is, for a table."""
        words = "" if self.is_torch else "Keras, "
        where = "" if self.augment_on == "none" else f", {self.augment_on}"
        return f"{words}{self.framework} {self.precision}{where}"

    @property
    def is_torch(self) -> bool:
        """Whether it is PyTorch's."""
        return self.framework.startswith("torch")


def read_task() -> Task:
    """Reads the task of this process from its command line."""
    task = Task(**json.loads(sys.argv[1]))
    return dataclasses.replace(task, filters=tuple(task.filters))


def make_batch(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Makes slices (b, h, w, 1) float32 and their labels 0, 1, 2 likewise.

    Noise with brighter squares, which are lesions, and one of label 2.
    """
    rng = np.random.default_rng(0)
    shape = (task.batch, task.side, task.side, 1)
    image = rng.standard_normal(shape, np.float32)
    mask = np.zeros(shape, np.float32)
    size = task.side // 16
    for k, label in ((3, WMH), (6, WMH), (9, OTHER_PATHOLOGY)):
        mask[:, k * size : (k + 1) * size, k * size : (k + 1) * size] = label
    return image + 2.0 * (mask > 0).astype(np.float32), mask


def draw_kernel(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draws the kernel (h, w, in, out) of the convolution of this name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    deviation = math.sqrt(2.0 / math.prod(shape[:-1]))
    return (deviation * rng.standard_normal(shape)).astype(np.float32)


def report(**values: Any) -> None:  # noqa: ANN401
    """Tells `train_step.py` something."""
    print(f"{MARK}{json.dumps(values)}", flush=True)


def wait_for_turn() -> None:
    """Waits until `train_step.py` wants the next round; ends if it is gone."""
    if not sys.stdin.readline():
        sys.exit(0)
