"""What a client asks of a server, whatever carries it: gRPC or REST."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

AVAILABLE = "AVAILABLE"
# States that lead to AVAILABLE.
COMING = ("START", "LOADING")


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """One version of a model at the server.

    Attributes:
      version: its number.
      state: START, LOADING, AVAILABLE, UNLOADING, END or UNKNOWN.
      message: why it failed; "" where it did not.
    """

    version: int
    state: str
    message: str = ""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A tensor that a signature takes or gives.

    Attributes:
      dtype: NumPy's name for it ("float32"), or TensorFlow's where the client
        has no use for it.
      shape: None stands for a free axis; a shape of None for a free rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """What can be asked of a model under one name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """One version of one model."""

    name: str
    version: int


class Transport(Protocol):
    """A connection to one server. Each call asks once, and never again.

    Attributes:
      address: such as "grpc://host:8500".
    """

    address: str

    def versions(self, name: str) -> list[VersionStatus]:
        """Lists the versions of a model that the server knows.

        Raises:
          ServingError: no such model, or no answer.
        """

    def signatures(self, model: ModelVersion) -> dict[str, Signature]:
        """Lists what can be asked of a model.

        Raises:
          ServingError: no such model or version, or no answer.
        """

    def predict(
        self,
        model: ModelVersion,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Mapping[str, type],
    ) -> dict[str, np.ndarray]:
        """Has a model compute.

        Args:
          model: this very version answers, no other.
          signature: its name.
          inputs: float32, int32 or uint8 by name.
          outputs: what is wanted, name to type: np.float32, np.uint8, or
            bytes for strings.

        Returns:
          Just these, of these types (strings as an array of bytes objects),
          in any shape that the server gave.

        Raises:
          ServingError: refused, no answer in time, or no readable one.
        """

    def close(self) -> None:
        """Ends the connection."""
