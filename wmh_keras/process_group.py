"""The processes that train together: what they tell each other.

Gradients and batch statistics go through JAX. This channel carries the rest:
small values that every process has to know, waiting for each other, and the
news that one of them has ended. JAX alone would have the others wait, or abort
them without a word that helps.

Process 0 listens, the others connect to it. Each sends a sign of life several
times within the time after which it counts as lost; a process that dies is
noticed at once, since the system closes its connection.
"""

import atexit
import contextlib
import json
import os
import queue
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from data_prep.errors import UsageError, UserError
from data_prep.program import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE

GO_ON = (
    "start all processes again with the same command; the training goes on "
    "after its last finished epoch"
)
_SIGNS_OF_LIFE = 5
_CONNECT_SECONDS = 60.0
# A process that got the same error itself may say so in its own words.
_GRACE_SECONDS = 2.0
# After an error of JAX: so long the news of a dead process may take.
_NEWS_SECONDS = 5.0


class ProcessGroup:
    """A process among those that train together; by default it is alone.

    As a context it tells the others how the block ended: after an error they
    end too, within a second where a process dies, within `silence_seconds`
    where its machine is gone.

    Attributes:
      index: Of this process, from 0.
      count: Processes.
    """

    def __init__(self, index: int = 0, count: int = 1) -> None:
        """Notes who it is; `connect` makes the connections."""
        self.index = index
        self.count = count
        self._peers: dict[int, _Peer] = {}
        self._ending = threading.Event()  # losses are no news any more
        self._left = threading.Event()
        self._end = end_process

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes the files."""
        return self.index == 0

    def connect(
        self,
        share_address: Callable[[str], str],
        host: str,
        silence_seconds: float,
        end: Callable[[str], None] | None = None,
    ) -> None:
        """Connects the processes; every one of them has to call it.

        Args:
          share_address: Gets a text of process 0 (of the others: anything)
            and returns that of process 0 in every process.
          host: Under which the others reach process 0; used there only.
          silence_seconds: A process that is silent for so long is lost.
          end: Called with the reason, in a thread of its own, where another
            process has ended; by default it ends this one at once.

        Raises:
          UserError: Process 0 cannot be reached.
        """
        self._end = end or self._end
        if self.is_first:
            with socket.create_server(("", 0)) as server:
                server.settimeout(_CONNECT_SECONDS)
                token = secrets.token_hex(16)
                port = server.getsockname()[1]
                share_address(json.dumps([host, port, token]))
                self._accept(server, token)
        else:
            host, port, token = json.loads(share_address(""))
            self._peers[0] = _Peer(_open(host, port))
            self._peers[0].send({"index": self.index, "token": token})
        for number, peer in self._peers.items():
            peer.socket.settimeout(silence_seconds)
            threading.Thread(
                target=self._listen, args=(number, peer), daemon=True
            ).start()
        threading.Thread(
            target=self._signal_life,
            args=(silence_seconds / _SIGNS_OF_LIFE,),
            daemon=True,
        ).start()

    def gather(self, value: Any = None) -> list[Any]:  # noqa: ANN401
        """Waits for every process and returns what each of them gave.

        Args:
          value: Anything that JSON takes; NaN and infinity too.

        Returns:
          The values in the order of the processes, in every process.
        """
        if not self._peers:
            return [value]
        if self.is_first:
            values = [
                value,
                *(self._peers[i].values.get() for i in self._order),
            ]
            for peer in self._peers.values():
                peer.send({"value": values})
            return values
        self._peers[0].send({"value": value})
        return self._peers[0].values.get()

    def __enter__(self) -> "ProcessGroup":
        """Returns the group."""
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: object
    ) -> None:
        """Waits for the others, or tells them of an error."""
        if self.count == 1:
            return
        if error is None:
            self._ending.set()
            self.gather()
        else:
            if isinstance(error, RuntimeError):
                # JAX fails where another process died: then `_end` says so.
                time.sleep(_NEWS_SECONDS)
            self._ending.set()
            why = f"ended: {_reason(error)}"
            for peer in self._peers.values():
                peer.send({"ended": self.index, "why": why})
            # At the end of a process JAX waits for minutes for the others.
            atexit.register(_exit_at_once, _exit_code(error))
        self._left.set()
        for peer in self._peers.values():
            peer.close()

    @property
    def _order(self) -> range:
        return range(1, self.count)

    def _accept(self, server: socket.socket, token: str) -> None:
        while len(self._peers) < self.count - 1:
            try:
                connection, _ = server.accept()
            except TimeoutError as error:
                absent = sorted(set(self._order) - set(self._peers))
                raise UserError(
                    f"process {absent[0]} of {self.count} did not connect "
                    f"within {_CONNECT_SECONDS:.0f} s; {GO_ON}"
                ) from error
            connection.settimeout(_CONNECT_SECONDS)
            peer = _Peer(connection)
            greeting = peer.receive()
            # Anyone can reach the port; only the group knows the token.
            if greeting and greeting.get("token") == token:
                self._peers[greeting["index"]] = peer
            else:
                peer.release()

    def _listen(self, number: int, peer: "_Peer") -> None:
        while message := peer.receive():
            if "value" in message:
                peer.values.put(message["value"])
            elif "ended" in message:
                self._lose(message["ended"], message["why"])
                break
        else:
            self._lose(number, "stopped answering")
            peer.values.put([])  # nobody is to wait any longer
        peer.release()

    def _lose(self, number: int, why: str) -> None:
        if self._ending.is_set():
            return
        for peer in self._peers.values():
            peer.send({"ended": number, "why": why})
        if why.startswith("ended"):
            self._ending.wait(_GRACE_SECONDS)
        if not self._ending.is_set():
            self._end(f"process {number} of {self.count} {why}; {GO_ON}")

    def _signal_life(self, every: float) -> None:
        while not self._left.wait(every):
            for peer in self._peers.values():
                peer.send({"alive": True})


class _Peer:
    """A connection: lines of JSON, and the values that came."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.values: queue.Queue[Any] = queue.Queue()
        self._reader = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        # That it is gone is for the listening thread to find out.
        with contextlib.suppress(OSError), self._lock:
            self.socket.sendall(line)

    def receive(self) -> dict[str, Any] | None:
        """Returns the next message; None where the connection is lost."""
        try:
            line = self._reader.readline()
            return json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Says that nothing more comes; the other side then does the same."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def release(self) -> None:
        """Gives the connection back to the system."""
        self._reader.close()
        self.socket.close()


def _open(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), _CONNECT_SECONDS)
    except OSError as error:
        raise UserError(
            f"process 0 cannot be reached at {host}:{port}: {error}; the "
            "machines of a training have to reach each other on any port"
        ) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    if isinstance(error, UserError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def end_process(reason: str) -> None:
    """Ends the process from whatever thread, whatever JAX waits for."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write(f"\nerror: {reason}\n")
        sys.stderr.flush()
    os._exit(EXIT_FAILED)


def _exit_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
