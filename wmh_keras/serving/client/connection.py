"""Where a server is and how to get there."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import UserError

if TYPE_CHECKING:
    from wmh_keras.serving.client.transport import Transport

PROTOCOLS = ("grpc", "rest")

# A name, an IPv4 address, or an IPv6 address in brackets; then the port.
_SERVER = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


@dataclasses.dataclass(frozen=True)
class Tls:
    """How a connection is secured.

    Attributes:
      ca_file: certificates (PEM) to trust; None takes the usual ones.
      client_cert: the client's own certificate (PEM), where the server asks
        for one.
      client_key: its private key (PEM).
    """

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    def __post_init__(self) -> None:
        if (self.client_cert is None) != (self.client_key is None):
            raise UserError(
                "expected a client certificate together with its key, "
                "received one of the two: --client_cert, --client_key"
            )


@dataclasses.dataclass(frozen=True)
class Connection:
    """Where a server is and how to get there.

    Attributes:
      server: HOST:PORT.
      protocol: one of PROTOCOLS.
      timeout_seconds: for one answer.
      tls: None does without.
      token: sent as "authorization: Bearer TOKEN"; "" sends none.
    """

    server: str
    protocol: str = PROTOCOLS[0]
    timeout_seconds: float = 300.0
    tls: Tls | None = None
    token: str = dataclasses.field(default="", repr=False)

    def __post_init__(self) -> None:
        match = _SERVER.fullmatch(self.server)
        if match is None or not 0 < int(match[2]) < 2**16:
            raise UserError(
                f"--server={self.server}: expected HOST:PORT, such as "
                "localhost:8500"
            )
        if self.protocol not in PROTOCOLS:
            raise UserError(
                f"expected a protocol of {PROTOCOLS}, received "
                f"{self.protocol!r}"
            )
        if not 0 < self.timeout_seconds < float("inf"):
            raise UserError(
                "expected a time-out above 0 seconds, received "
                f"{self.timeout_seconds}"
            )
        if self.token and self.tls is None:
            raise UserError(
                "a token over an open connection could be read by anyone on "
                "the way; take --tls with it"
            )

    @property
    def host(self) -> str:
        """The name or address, without brackets."""
        return self.server.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        return int(self.server.rpartition(":")[2])


def connect(connection: Connection) -> "Transport":
    """Makes the connection; nothing is sent before the first question.

    Raises:
      UserError: gRPC is not installed, or a file of --tls cannot be read.
    """
    if connection.protocol == "rest":
        from wmh_keras.serving.client.rest_transport import RestTransport

        return RestTransport(connection)
    try:
        import grpc  # noqa: F401
        from google import protobuf  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"{error.name} is missing: pip install '.[client]', or "
            "take --protocol=rest"
        ) from error
    from wmh_keras.serving.client.grpc_transport import GrpcTransport

    return GrpcTransport(connection)


def read_pem(path: Path | None) -> bytes | None:
    """Reads a file of --tls; None stays None.

    Raises:
      UserError: it cannot be read, or is not PEM.
    """
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if b"-----BEGIN" not in content:
        raise UserError(f"{path}: expected a PEM file (-----BEGIN …)")
    return content
