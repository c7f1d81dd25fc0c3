"""Asking again: only where that can help, and ever more slowly."""

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.transport import (
    AVAILABLE,
    COMING,
    ModelVersion,
    Signature,
    Transport,
    VersionStatus,
)

Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """How often and how fast to ask again.

    Attributes:
      retries: further tries after the first; 0 asks once.
      first_wait_seconds: before the first retry; doubles each time.
      longest_wait_seconds: bound of a wait, also of one that a server asks
        for.
    """

    retries: int = 4
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0

    def wait_seconds(self, number: int, asked: float | None = None) -> float:
        """Returns the wait before retry `number`, which counts from 0.

        Args:
          number: of the retry.
          asked: what the server asks for, in seconds; taken where longer.
        """
        wait = max(self.first_wait_seconds * 2**number, asked or 0.0)
        return min(wait, self.longest_wait_seconds)


def with_retries(
    ask: Callable[[], Answer],
    policy: RetryPolicy,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Asks until an answer comes, or no retry is left or can help.

    Requests change nothing at the server, so that asking twice does no harm.

    Args:
      ask: raises a ServingError where it fails.
      policy: how often and how fast.
      sleep: waits so many seconds.

    Raises:
      ServingError: the last one.
    """
    for number in range(policy.retries + 1):
        try:
            return ask()
        except ServingError as error:
            if not error.is_transient or number == policy.retries:
                raise
            wait = policy.wait_seconds(number, error.wait_seconds)
            print(
                f"{error.address}: {error.details}; try {number + 2} of "
                f"{policy.retries + 1} in {wait:g} s",
                file=sys.stderr,
            )
            sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


class PatientTransport:
    """A `Transport` that asks again where that can help."""

    def __init__(
        self,
        transport: Transport,
        policy: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Takes the transport and how to ask again, see `with_retries`."""
        self.address = transport.address
        self._transport = transport
        self._policy = policy
        self._sleep = sleep

    def versions(self, name: str) -> list[VersionStatus]:
        """Lists the versions of a model; waits for one that is loading."""

        def ask() -> list[VersionStatus]:
            found = self._transport.versions(name)
            states = {each.state for each in found}
            if AVAILABLE not in states and states & set(COMING):
                raise ServingError(
                    Fault.BUSY, self.address, f"{name} is still loading"
                )
            return found

        return self._again(ask)

    def signatures(self, model: ModelVersion) -> dict[str, Signature]:
        """Lists what can be asked of a model, see `Transport`."""
        return self._again(lambda: self._transport.signatures(model))

    def predict(
        self,
        model: ModelVersion,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Mapping[str, type],
    ) -> dict[str, np.ndarray]:
        """Has a model compute, see `Transport`."""
        return self._again(
            lambda: self._transport.predict(model, signature, inputs, outputs)
        )

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def _again(self, ask: Callable[[], Answer]) -> Answer:
        return with_retries(ask, self._policy, self._sleep)
