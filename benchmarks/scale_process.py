"""Runs a program as a process of its own and says what it took."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_SAMPLE_SECONDS = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2"}
# In /proc/PID/stat, counted behind the command's name in parentheses.
_SESSION_FIELD, _RSS_FIELD = 3, 21


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one process took, with all that it started.

    Attributes:
      wall_seconds: from its start to its end, imports included.
      cpu_seconds: user and system time.
      peak_gb: of resident memory, summed over its processes, in 1e9 bytes.
      load: processes that wanted a core just before, a minute's mean.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_gb: float
    load: float


def run_measured(command: Sequence[str], log: Path) -> Cost:
    """Runs `python COMMAND...` to its end.

    The peak is the larger of two: what the kernel noted of the largest single
    process, which misses nothing, and the largest sum over all processes in
    samples a tenth of a second apart.

    Args:
      command: arguments of the Python interpreter.
      log: gets what the program prints; replaced.

    Raises:
      SystemExit: the program failed; names it and its log.
      KeyboardInterrupt: as it came; the program is stopped first.
    """
    load = os.getloadavg()[0]
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        start = time.perf_counter()
        # A session of its own tells its processes from all others.
        process = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | _ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _MemorySampler(process.pid) as sampler:
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(
            f"{' '.join(command)}: failed with {process.returncode}; what it "
            f"said:\n{log.read_text(errors='replace')[-2000:]}"
        )
    return Cost(
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_gb=max(usage.ru_maxrss * 1024, sampler.peak_bytes) / 1e9,
        load=load,
    )


def folder_bytes(folder: Path) -> int:
    """Returns the bytes of all files below a folder; 0 where there is none."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


class _MemorySampler:
    """Watches the resident memory of a session's processes, in a thread."""

    def __init__(self, session: int) -> None:
        self.peak_bytes = 0
        self._session = session
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_MemorySampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._resident_bytes())

    def _resident_bytes(self) -> int:
        pages = 0
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                text = Path(entry.path, "stat").read_text()
            except OSError:  # it has ended meanwhile
                continue
            fields = text.rpartition(")")[2].split()
            if int(fields[_SESSION_FIELD]) == self._session:
                pages += int(fields[_RSS_FIELD])
        return pages * _PAGE_BYTES
