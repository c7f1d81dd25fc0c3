"""Trains the U-Net in PyTorch; `train_step.py` starts it, where PyTorch is.

Runs without this project and without Keras. The settings are those with which
PyTorch is fastest: the memory format that wins a round on this machine, the
fused Adam, gradients set to None, all cores, on a GPU also TF32 and cuDNN's own
choice of algorithms.
"""

import contextlib
import math
import os
import time

import torch
from torch import nn
from torch.nn import functional
from train_step_task import (
    ADAM_EPSILON,
    LEARNING_RATE,
    LESION_PRIOR,
    NORM_EPSILON,
    NORM_MOMENTUM,
    OTHER_PATHOLOGY,
    WARM_UP,
    WMH,
    Task,
    draw_kernel,
    make_batch,
    read_task,
    report,
    wait_for_turn,
)

FORMATS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


class UNet(nn.Module):
    """The network of `wmh_keras.models.unet`, with the names of its layers."""

    def __init__(self, filters: tuple[int, ...]) -> None:
        """Makes the layers, and draws their weights."""
        super().__init__()
        self.levels = len(filters)
        inputs = 1
        for level, number in enumerate(filters[:-1], start=1):
            self._add_block(f"encoder_{level}", inputs, number)
            inputs = number
        self._add_block("bottom", inputs, filters[-1])
        for level in range(self.levels - 1, 0, -1):
            number = filters[level - 1]
            self._add_block(f"decoder_{level}", filters[level] + number, number)
        self.logits = nn.Conv2d(filters[0], 1, 1)
        for name, layer in self.named_children():
            if isinstance(layer, nn.Conv2d):
                shape = [layer.weight.shape[axis] for axis in (2, 3, 1, 0)]
                kernel = torch.from_numpy(draw_kernel(name, tuple(shape)))
                layer.weight.data.copy_(kernel.permute(3, 2, 0, 1))
                nn.init.zeros_(layer.bias)
        prior = math.log(LESION_PRIOR / (1 - LESION_PRIOR))
        nn.init.constant_(self.logits.bias, prior)

    def _add_block(self, name: str, inputs: int, outputs: int) -> None:
        for index, number in ((1, inputs), (2, outputs)):
            norm = nn.BatchNorm2d(outputs, NORM_EPSILON, 1 - NORM_MOMENTUM)
            convolution = nn.Conv2d(number, outputs, 3, padding=1)
            self.add_module(f"{name}_{index}_conv", convolution)
            self.add_module(f"{name}_{index}_norm", norm)

    def _block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        for index in (1, 2):
            x = getattr(self, f"{name}_{index}_conv")(x)
            x = getattr(self, f"{name}_{index}_norm")(x)
            x = functional.relu(x, inplace=True)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Takes images (b, 1, h, w) to logits of the same shape."""
        skips = []
        for level in range(1, self.levels):
            x = self._block(f"encoder_{level}", x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self._block("bottom", x)
        for level in range(self.levels - 1, 0, -1):
            x = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = torch.cat([skips[level - 1], x], 1)
            x = self._block(f"decoder_{level}", x)
        with torch.autocast(x.device.type, enabled=False):
            return self.logits(x.float())


class Training:
    """Fits one batch, over and over."""

    def __init__(self, task: Task, memory_format: torch.memory_format) -> None:
        """Puts network and batch where they are wanted."""
        self.device = "cuda" if task.device == "gpu" else "cpu"
        if self.device == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.allow_tf32 = True
        else:
            torch.set_num_threads(len(os.sched_getaffinity(0)))
        self.half = task.precision == "bf16"
        network = UNet(task.filters)
        self.weights = sum(p.numel() for p in network.parameters())
        network = network.to(self.device, memory_format=memory_format)
        self.network = network
        if task.framework == "torch compiled":
            self.network = torch.compile(network, dynamic=False)
        self.adam = torch.optim.Adam(
            network.parameters(), LEARNING_RATE, eps=ADAM_EPSILON, fused=True
        )
        self.image, self.mask = (
            torch.from_numpy(array)
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=memory_format)
            for array in make_batch(task)
        )
        if self.device == "cuda":
            # So that copies do not wait for the step before, as with a loader.
            self.image = self.image.pin_memory()
            self.mask = self.mask.pin_memory()

    def step(self) -> torch.Tensor:
        """Fits once; the loss, which may not be computed yet."""
        image = self.image.to(self.device, non_blocking=True)
        mask = self.mask.to(self.device, non_blocking=True)
        self.adam.zero_grad(set_to_none=True)
        half = contextlib.nullcontext()
        if self.half:
            half = torch.autocast(self.device, torch.bfloat16)
        with half:
            logits = self.network(image)
        losses = functional.binary_cross_entropy_with_logits(
            logits, (mask == WMH).float(), reduction="none"
        )
        counts = (mask != OTHER_PATHOLOGY).float()
        loss = (losses * counts).sum() / counts.sum()
        loss.backward()
        self.adam.step()
        return loss.detach()

    def run(self, steps: int) -> tuple[float, float]:
        """Fits so often; the loss of the first step, and the mean."""
        losses = torch.stack([self.step() for _ in range(steps)])
        return float(losses[0]), float(losses.mean())


def warm_up(
    task: Task, memory_format: torch.memory_format
) -> tuple[float, tuple[float, float], Training]:
    """Seconds of the last round to warm up, losses of the first, training."""
    training = Training(task, memory_format)
    losses = training.run(task.steps)
    for _ in range(WARM_UP - 1):
        start = time.perf_counter()
        training.run(task.steps)
    return time.perf_counter() - start, losses, training


def fastest(task: Task) -> tuple[str, tuple[float, float], Training]:
    """The memory format that wins, its first losses, its training."""
    trials = {name: warm_up(task, FORMATS[name]) for name in FORMATS}
    winner = min(trials, key=lambda name: trials[name][0])
    return winner, *trials[winner][1:]


def main() -> None:
    """Warms up, then times a round whenever `train_step.py` asks for one."""
    task = read_task()
    if task.device == "gpu" and not torch.cuda.is_available():
        report(missing="PyTorch sees no GPU")
        return
    winner, losses, training = fastest(task)
    report(
        losses=losses,
        layout=winner,
        weights=training.weights,
        versions={"torch": torch.__version__},
        device=torch.cuda.get_device_name() if task.device == "gpu" else "cpu",
    )
    for _ in range(task.rounds):
        wait_for_turn()
        start = time.perf_counter()
        training.run(task.steps)
        report(seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main()
