"""Runs a program as a process of its own, and listens to what it says."""

import contextlib
import datetime
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from data_prep.program import EXIT_INTERRUPTED, EXIT_OK
from wmh_keras.comparison.step import Ending, Step

# Of what a program said, for the message about its end.
_KEPT_CHARACTERS = 20_000
# What ends a process that does nothing about it: kill and batch systems, and
# a closed terminal.
_ENDS = ("SIGTERM", "SIGHUP")
_ERROR = re.compile(r"^wmh-\w+: error: ", re.MULTILINE)
_HINT = re.compile(r"\n`wmh-\w+ --help` lists the flags\.$")


def run_child(step: Step) -> Ending:
    """Runs a step; what it says goes to stderr and to its log.

    Ctrl-C reaches the program once, and this waits until it has ended in its
    own way, such as after writing its files; another Ctrl-C kills it. SIGTERM
    and a terminal that closes do the same.

    Args:
        step: what to run. Its log is added to.

    Raises:
        KeyboardInterrupt: this process or the program was interrupted.
    """
    step.log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", step.module, *step.arguments]
    with open(step.log, "a", encoding="utf-8") as log:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        log.write(f"# {now}  {shlex.join(command)}\n")
        with _ends_interrupt(), _start(command) as process:
            said = _attend(process, (sys.stderr, log))
            code = process.wait()
        log.write(f"# ended with {code}\n")
    if code in (EXIT_INTERRUPTED, -signal.SIGINT):
        raise KeyboardInterrupt
    return Ending(code, "" if code == EXIT_OK else find_reason(said, code))


def find_reason(said: str, code: int) -> str:
    """Finds in what a program said why it failed.

    Args:
        said: the end of it.
        code: its exit status.

    Returns:
        Its message, which may have several lines; else its last line, or the
        signal that killed it.
    """
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as when memory runs out" if -code == signal.SIGKILL else ""
        return f"was killed ({name}{hint})"
    messages = _ERROR.split(said)
    if len(messages) > 1:
        return _HINT.sub("", messages[-1].strip())
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"ended with exit status {code}"


@contextlib.contextmanager
def _ends_interrupt() -> Iterator[None]:
    """Makes Ctrl-C of what else asks this process to end.

    The program would go on without us otherwise, in its own process group,
    and keep the work folder from whoever starts again.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    changed = []
    if threading.current_thread() is threading.main_thread():
        for name in _ENDS:
            number = getattr(signal, name, None)  # no SIGHUP on Windows
            # Not where it is ignored, as nohup does, or somebody's own.
            if number and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, interrupt)
                changed.append(number)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _start(command: Sequence[str]) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A terminal's Ctrl-C then comes to us alone, and we hand it on: twice
        # would break off what the program does about the first one.
        process_group=0,
    )


def _attend(process: subprocess.Popen, places: Sequence[TextIO]) -> str:
    """Listens to the end; whatever breaks that off ends the process too."""
    try:
        return _listen(process, places)
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            _listen(process, places)
        finally:
            # It has ended, or we are not to wait for it.
            process.kill()
            process.wait()
        raise


def _listen(process: subprocess.Popen, places: Sequence[TextIO]) -> str:
    said = ""
    for line in process.stdout:
        for place in places:
            place.write(line)
            place.flush()
        said = (said + line)[-_KEPT_CHARACTERS:]
    return said
