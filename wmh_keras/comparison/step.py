"""One program to run, and how it ended."""

import dataclasses
from collections.abc import Callable
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Step:
    """A program that is run as a process of its own.

    Attributes:
        label: what it does, for people: "unet, fold 2: train".
        module: of the program, as for `python -m`.
        arguments: its flags.
        log: where what it says is kept.
    """

    label: str
    module: str
    arguments: tuple[str, ...]
    log: Path


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a program ended.

    Attributes:
        code: exit status; 0 done, below 0 the signal that killed it.
        message: why, where it is not 0.
    """

    code: int
    message: str = ""


RunStep = Callable[[Step], Ending]
