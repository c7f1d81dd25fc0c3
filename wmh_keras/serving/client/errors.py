"""What can go wrong between client and server, said for people."""

import enum

from data_prep.errors import UserError


class Fault(enum.Enum):
    """Kinds of failure, the same for gRPC and REST; the value: the way out."""

    AWAY = (
        "is the server running there, and are host, port (gRPC is usually "
        "8500, REST 8501), --protocol and --tls right?"
    )
    BUSY = "the server asks to come back later; try again"
    INSECURE = (
        "the connection cannot be secured: check --tls, --ca_file, "
        "--client_cert and --client_key"
    )
    FORBIDDEN = "the server does not let you in: check --token_file"
    NOT_FOUND = "check --model_name and --model_version"
    FOREIGN = "is it TensorFlow Serving, with a model that wmh-export made?"
    TIMEOUT = (
        "allow more with --timeout_seconds, or ask for less at a time with "
        "--route=slices and a smaller --batch_size"
    )
    TOO_LARGE = (
        "ask for less at a time: --route=slices and a smaller --batch_size"
    )
    REFUSED = "the server refuses the request"
    BROKEN = "the server failed at it; its log says more"
    BAD_ANSWER = "nothing was written from this answer"


# A moment later the same request may succeed. Not a time-out, which would
# only take as long again, and not what is wrong with the request itself.
_TRANSIENT = {Fault.AWAY, Fault.BUSY}
# No other scan can succeed either.
_ENDS_RUN = {
    Fault.AWAY,
    Fault.BUSY,
    Fault.INSECURE,
    Fault.FORBIDDEN,
    Fault.NOT_FOUND,
    Fault.FOREIGN,
}


class ServingError(UserError):
    """A server's refusal, silence or unusable answer.

    Attributes:
      fault: its kind.
      address: the server.
      details: what it said.
      wait_seconds: what it asks to wait; None where it asks for nothing.
    """

    def __init__(
        self,
        fault: Fault,
        address: str,
        details: str,
        wait_seconds: float | None = None,
    ) -> None:
        details = " ".join(details.split())
        super().__init__(f"{address}: {details}; {fault.value}")
        self.fault = fault
        self.address = address
        self.details = details
        self.wait_seconds = wait_seconds

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.fault in _TRANSIENT

    @property
    def ends_run(self) -> bool:
        """Whether no other scan can succeed either."""
        return self.fault in _ENDS_RUN


class RunEndedError(Exception):
    """Stops a run at once, instead of letting every scan fail in turn."""
