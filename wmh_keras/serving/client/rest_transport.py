"""Asking a server over REST: JSON over HTTP. Needs no library.

Numbers travel as text, several times the bytes and far slower than gRPC.
"""

import http.client
import json
import math
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_prep.errors import UserError
from wmh_keras.serving.client.connection import Connection, Tls, read_pem
from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.tensors import NAMES_OF_REST
from wmh_keras.serving.client.transport import (
    ModelVersion,
    Signature,
    TensorSpec,
    VersionStatus,
)

_FAULTS = {
    400: Fault.REFUSED,
    401: Fault.FORBIDDEN,
    403: Fault.FORBIDDEN,
    404: Fault.NOT_FOUND,
    405: Fault.FOREIGN,
    412: Fault.REFUSED,
    413: Fault.TOO_LARGE,
    # Of a server that runs out of memory; of a proxy that asks to wait, see
    # `_fault`.
    429: Fault.TOO_LARGE,
    502: Fault.AWAY,
    503: Fault.AWAY,
    504: Fault.TIMEOUT,
}
# What JSON of another form, or nested without end, may raise.
_UNREADABLE = (
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


class RestTransport:
    """A `Transport` over REST, with a connection for each question."""

    def __init__(self, connection: Connection) -> None:
        """Reads the files of --tls; connects with the first call."""
        scheme = "http" if connection.tls is None else "https"
        self.address = f"{scheme}://{connection.server}"
        self._connection = connection
        self._tls = connection.tls and _context(connection.tls)
        self._headers = {"Content-Type": "application/json"}
        if connection.token:
            self._headers["Authorization"] = f"Bearer {connection.token}"

    def versions(self, name: str) -> list[VersionStatus]:
        """Lists the versions of a model, see `Transport`."""
        answer = self._ask("GET", _path(name))
        return self._parsed(_versions_from, answer)

    def signatures(self, model: ModelVersion) -> dict[str, Signature]:
        """Lists what can be asked of a model, see `Transport`."""
        answer = self._ask("GET", f"{_path(model.name, model)}/metadata")
        return self._parsed(_signatures_from, answer)

    def predict(
        self,
        model: ModelVersion,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Mapping[str, type],
    ) -> dict[str, np.ndarray]:
        """Has a model compute, see `Transport`."""
        body = json.dumps(
            {
                "signature_name": signature,
                "inputs": {n: array.tolist() for n, array in inputs.items()},
            }
        )
        path = f"{_path(model.name, model)}:predict"
        answer = self._ask("POST", path, body.encode())
        return self._parsed(
            lambda answer: _outputs_from(answer, outputs), answer
        )

    def close(self) -> None:
        """Nothing is kept open."""

    def _parsed(self, parse, answer: Any):  # noqa: ANN001, ANN202, ANN401
        try:
            return parse(answer)
        except _UNREADABLE as error:
            raise ServingError(
                Fault.BAD_ANSWER,
                self.address,
                f"unreadable: {type(error).__name__} {error}",
            ) from error

    def _ask(self, verb: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401
        connection = self._open()
        try:
            connection.request(verb, path, body, self._headers)
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            waited = f"no answer within {self._connection.timeout_seconds:g} s"
            raise ServingError(Fault.TIMEOUT, self.address, waited) from error
        except ssl.SSLError as error:
            raise ServingError(
                Fault.INSECURE, self.address, str(error)
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServingError(
                Fault.AWAY,
                self.address,
                f"{type(error).__name__}: {error}",
            ) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise self._fault(response, content)
        return self._parsed(json.loads, content)

    def _open(self) -> http.client.HTTPConnection:
        where = self._connection
        if self._tls is None:
            return http.client.HTTPConnection(
                where.host, where.port, timeout=where.timeout_seconds
            )
        return http.client.HTTPSConnection(
            where.host,
            where.port,
            timeout=where.timeout_seconds,
            context=self._tls,
        )

    def _fault(
        self, response: http.client.HTTPResponse, content: bytes
    ) -> ServingError:
        try:
            details = str(json.loads(content)["error"])
        except _UNREADABLE:
            details = content[:200].decode("utf-8", "replace")
        fault = _FAULTS.get(response.status, Fault.BROKEN)
        wait = _seconds(response.getheader("Retry-After"))
        if response.status == 429 and wait is not None:
            fault = Fault.BUSY
        details = f"{details} (HTTP {response.status} {response.reason})"
        return ServingError(fault, self.address, details, wait)


def _path(name: str, model: ModelVersion | None = None) -> str:
    path = f"/v1/models/{urllib.parse.quote(name, safe='')}"
    return path if model is None else f"{path}/versions/{model.version}"


def _versions_from(answer: Any) -> list[VersionStatus]:  # noqa: ANN401
    return [
        VersionStatus(
            int(each["version"]),
            str(each["state"]),
            str(each.get("status", {}).get("error_message", "")),
        )
        for each in answer["model_version_status"]
    ]


def _signatures_from(answer: Any) -> dict[str, Signature]:  # noqa: ANN401
    listed = answer["metadata"]["signature_def"]["signature_def"]
    return {
        name: Signature(
            {k: _to_spec(v) for k, v in each.get("inputs", {}).items()},
            {k: _to_spec(v) for k, v in each.get("outputs", {}).items()},
        )
        for name, each in listed.items()
    }


def _to_spec(info: Mapping[str, Any]) -> TensorSpec:
    shape = info["tensor_shape"]
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    dtype = NAMES_OF_REST.get(info["dtype"], info["dtype"])
    if shape.get("unknown_rank"):
        return TensorSpec(dtype, None)
    return TensorSpec(dtype, tuple(None if n < 0 else n for n in sizes))


def _outputs_from(
    answer: Any,  # noqa: ANN401
    wanted: Mapping[str, type],
) -> dict[str, np.ndarray]:
    received = answer["outputs"]
    if not isinstance(received, dict) and len(wanted) == 1:
        # A single output comes without its name.
        received = {name: received for name in wanted}
    return {
        name: _to_array(name, received[name], kind)
        for name, kind in wanted.items()
    }


def _to_array(name: str, value: Any, kind: type) -> np.ndarray:  # noqa: ANN401
    array = np.array(value)  # ragged lists raise a ValueError
    if kind is bytes:
        if array.dtype.kind != "U":
            raise ValueError(f"{name}: expected text")
        return np.array([text.encode() for text in array.flat], object).reshape(
            array.shape
        )
    # An empty list has no type of its own.
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected numbers")
    result = array.astype(kind)
    if kind is np.uint8 and not np.array_equal(result, array):
        raise ValueError(f"{name}: expected integers from 0 to 255")
    return result


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:  # absent, or a date
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _context(tls: Tls) -> ssl.SSLContext:
    for path in (tls.ca_file, tls.client_cert, tls.client_key):
        read_pem(path)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.client_cert is not None:
            context.load_cert_chain(tls.client_cert, tls.client_key)
    except ssl.SSLError as error:
        raise UserError(
            f"a certificate or key cannot be used: {error}; check --ca_file, "
            "--client_cert and --client_key"
        ) from error
    return context
