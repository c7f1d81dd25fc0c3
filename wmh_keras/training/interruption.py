"""Ctrl-C between two steps of a training, never within one.

Python raises KeyboardInterrupt wherever it is. Within a step of JAX or
TensorFlow that may be a function which they call and whose errors they drop,
so that the training goes on, or one after which the process may crash.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

import keras

_MESSAGE = b"\nending before the next step; Ctrl-C again ends at once\n"


class Interruption:
    """Notes the first Ctrl-C while it is entered; the second acts as ever.

    Outside the main thread, and where SIGINT is ignored or has a handler of
    somebody else, nothing changes.
    """

    def __init__(self) -> None:
        """Not asked for yet."""
        self._asked = False
        self._entered = False

    def __enter__(self) -> "Interruption":
        """Takes Ctrl-C over from Python."""
        self._entered = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._entered:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Gives Ctrl-C back to Python."""
        if self._entered:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self._asked:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not print: it may be what was interrupted.
        with contextlib.suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), _MESSAGE)


class EndWhereAsked(keras.callbacks.Callback):
    """Ends a training before the step that follows Ctrl-C.

    An epoch whose last step is done is finished and saved first.
    """

    def __init__(self, interruption: Interruption) -> None:
        """Takes what notes Ctrl-C."""
        super().__init__()
        self._interruption = interruption

    def on_train_batch_begin(
        self, batch: int, logs: dict | None = None
    ) -> None:
        """Raises KeyboardInterrupt if it was pressed."""
        self._interruption.check()
