"""How the processes of one training, on one machine or more, are joined."""

import ctypes
import dataclasses
import os
import signal
import socket
from typing import Any

import numpy as np

from data_prep.errors import UsageError, UserError
from wmh_keras.process_group import GO_ON, ProcessGroup, end_process

_ADDRESS_BYTES = 512
# The processes have to start within so long of each other.
_START_SECONDS = 300
# The handler that C holds must not be collected.
_on_abort: Any = None


@dataclasses.dataclass(frozen=True)
class Processes:
    """How the processes of one training find each other.

    Attributes:
      coordinator: HOST:PORT of process 0, under which the others reach it;
        "auto" takes everything from the cluster's own environment; "" is a
        training in one process.
      num_processes: Processes in all; not with "auto".
      process_id: Of this one, from 0; not with "auto".
      silence_seconds: A process that is silent for so long is lost.
    """

    coordinator: str = ""
    num_processes: int | None = None
    process_id: int | None = None
    silence_seconds: float = 30.0

    def __post_init__(self) -> None:
        numbers = (self.num_processes, self.process_id)
        if self.coordinator in ("", "auto"):
            if numbers != (None, None):
                raise UsageError(
                    "--num_processes, --process_id: expected only with "
                    "--coordinator=HOST:PORT"
                )
            return
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(
                "--coordinator: expected HOST:PORT of process 0, or auto; "
                f"received {self.coordinator!r}"
            )
        if None in numbers or not 0 <= self.process_id < self.num_processes:
            raise UsageError(
                "--coordinator=HOST:PORT: expected --num_processes=N and "
                "--process_id from 0 to N - 1 with it; received "
                f"{self.num_processes} and {self.process_id}"
            )


def join_processes(processes: Processes) -> ProcessGroup:
    """Joins the processes of one training; before anything else asks JAX.

    Args:
      processes: How they find each other.

    Returns:
      The group; of one process where there is no coordinator.

    Raises:
      UserError: Keras does not run on JAX, the others cannot be reached, or
        there is no cluster whose environment could be read.
    """
    if not processes.coordinator:
        return ProcessGroup()
    if os.environ.get("KERAS_BACKEND", "jax") != "jax":
        raise UserError(
            "--coordinator: only --backend=jax trains in several processes"
        )
    import jax
    from jax.experimental import multihost_utils

    arguments = {}
    host = socket.gethostname()
    if processes.coordinator != "auto":
        host = processes.coordinator.rpartition(":")[0].strip("[]")
        arguments = {
            "coordinator_address": processes.coordinator,
            "num_processes": processes.num_processes,
            "process_id": processes.process_id,
        }
    _end_clearly_on_abort()
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=_START_SECONDS,
            # The group notices earlier, and says what to do.
            heartbeat_timeout_seconds=int(3 * processes.silence_seconds) + 60,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(
            f"--coordinator={processes.coordinator}: the processes did not "
            f"find each other: {error}; auto needs the environment of SLURM, "
            "Open MPI or Kubernetes"
        ) from error
    group = ProcessGroup(jax.process_index(), jax.process_count())

    def share_address(text: str) -> str:
        padded = np.zeros(_ADDRESS_BYTES, np.uint8)
        encoded = text.encode()
        padded[: len(encoded)] = list(encoded)
        padded = multihost_utils.broadcast_one_to_all(padded)
        return bytes(padded).rstrip(b"\0").decode()

    try:
        group.connect(share_address, host, processes.silence_seconds)
    except BaseException as error:
        group.__exit__(type(error), error, None)
        raise
    return group


def _end_clearly_on_abort() -> None:
    """Has the last word where JAX aborts this process.

    It does so, with a dump, where the processes do not find each other and as
    soon as process 0 is gone; a handler in Python would never run.
    """
    global _on_abort
    if os.name != "posix":
        return
    message = (
        "JAX aborted this process: the processes did not find each other, or "
        f"process 0 stopped answering; {GO_ON}"
    )
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)
    _on_abort = handler(lambda _: end_process(message))
    ctypes.CDLL(None).signal(signal.SIGABRT, _on_abort)
