"""Asking a server over gRPC. Needs the extra `client`."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError, EncodeError

from wmh_keras.serving.client import messages
from wmh_keras.serving.client.connection import Connection, Tls, read_pem
from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.tensors import from_proto, to_proto, to_spec
from wmh_keras.serving.client.transport import (
    ModelVersion,
    Signature,
    VersionStatus,
)

_OPTIONS = (
    # By default 4 MiB, less than a volume; -1 leaves protobuf's 2 GiB.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Retries are made in one place, `retries`, which says so.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
_FAULTS = {
    grpc.StatusCode.UNAVAILABLE: Fault.AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: Fault.TIMEOUT,
    grpc.StatusCode.NOT_FOUND: Fault.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: Fault.FORBIDDEN,
    grpc.StatusCode.PERMISSION_DENIED: Fault.FORBIDDEN,
    grpc.StatusCode.UNIMPLEMENTED: Fault.FOREIGN,
    # Too large a message, or too little memory: as large the next time.
    grpc.StatusCode.RESOURCE_EXHAUSTED: Fault.TOO_LARGE,
    grpc.StatusCode.INVALID_ARGUMENT: Fault.REFUSED,
    grpc.StatusCode.FAILED_PRECONDITION: Fault.REFUSED,
    grpc.StatusCode.OUT_OF_RANGE: Fault.REFUSED,
}
_TLS_WORDS = ("handshake", "certificate", "tls", "ssl")


class GrpcTransport:
    """A `Transport` over gRPC."""

    def __init__(self, connection: Connection) -> None:
        """Makes the channel, which connects with the first call."""
        self.address = f"grpc://{connection.server}"
        self._timeout = connection.timeout_seconds
        self._metadata = []
        if connection.token:
            bearer = f"Bearer {connection.token}"
            self._metadata.append(("authorization", bearer))
        if connection.tls is None:
            self._channel = grpc.insecure_channel(connection.server, _OPTIONS)
        else:
            self._channel = grpc.secure_channel(
                connection.server, _credentials(connection.tls), _OPTIONS
            )
        self._predict = self._call(
            messages.PREDICT, messages.PredictResponse.FromString
        )
        self._get_metadata = self._call(
            messages.GET_METADATA, messages.GetModelMetadataResponse.FromString
        )
        self._get_status = self._call(
            messages.GET_STATUS, messages.GetModelStatusResponse.FromString
        )

    def versions(self, name: str) -> list[VersionStatus]:
        """Lists the versions of a model, see `Transport`."""
        request = messages.GetModelStatusRequest()
        request.model_spec.name = name
        answer = self._ask(self._get_status, request)
        return [
            VersionStatus(
                each.version,
                messages.STATES.get(each.state, "UNKNOWN"),
                each.status.error_message,
            )
            for each in answer.model_version_status
        ]

    def signatures(self, model: ModelVersion) -> dict[str, Signature]:
        """Lists what can be asked of a model, see `Transport`."""
        request = messages.GetModelMetadataRequest(
            metadata_field=["signature_def"]
        )
        _name(request.model_spec, model)
        answer = self._ask(self._get_metadata, request)
        self._check_version(answer.model_spec, model)
        packed = answer.metadata["signature_def"]
        if packed.type_url != messages.SIGNATURE_DEF_URL:
            raise ServingError(
                Fault.FOREIGN, self.address, "it does not list its signatures"
            )
        try:
            listed = messages.SignatureDefMap.FromString(packed.value)
        except DecodeError as error:
            raise ServingError(
                Fault.BAD_ANSWER, self.address, f"unreadable: {error}"
            ) from error
        return {
            name: Signature(
                {key: to_spec(info) for key, info in each.inputs.items()},
                {key: to_spec(info) for key, info in each.outputs.items()},
            )
            for name, each in listed.signature_def.items()
        }

    def predict(
        self,
        model: ModelVersion,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Mapping[str, type],
    ) -> dict[str, np.ndarray]:
        """Has a model compute, see `Transport`."""
        request = messages.PredictRequest(output_filter=list(outputs))
        _name(request.model_spec, model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_proto(array))
        answer = self._ask(self._predict, request)
        self._check_version(answer.model_spec, model)
        try:
            # A map would make up what is not in it.
            received = dict(answer.outputs)
            return {
                name: from_proto(received[name], kind)
                for name, kind in outputs.items()
            }
        except (KeyError, ValueError) as error:
            raise ServingError(
                Fault.BAD_ANSWER, self.address, f"unreadable: {error}"
            ) from error

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _call(self, method: str, read: Callable[[bytes], Any]) -> Callable:
        return self._channel.unary_unary(
            method,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=read,
        )

    def _ask(self, call: Callable, request: object) -> Any:  # noqa: ANN401
        try:
            return call(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._fault(error) from error
        except (EncodeError, ValueError) as error:
            # protobuf's own bound, 2 GiB.
            raise ServingError(
                Fault.TOO_LARGE, self.address, str(error)
            ) from error

    def _fault(self, error: grpc.RpcError) -> ServingError:
        code, details = error.code(), error.details() or ""
        fault = _FAULTS.get(code, Fault.BROKEN)
        if fault is Fault.AWAY and any(
            w in details.lower() for w in _TLS_WORDS
        ):
            fault = Fault.INSECURE
        if fault is Fault.TIMEOUT:
            details = f"no answer within {self._timeout:g} s"
        return ServingError(fault, self.address, f"{details} ({code.name})")

    def _check_version(self, spec: messages.ModelSpec, model: ModelVersion):  # noqa: ANN202
        if spec.version.value != model.version:
            raise ServingError(
                Fault.BAD_ANSWER,
                self.address,
                f"version {spec.version.value} of {spec.name} answered, "
                f"asked was version {model.version}",
            )


def _name(spec: messages.ModelSpec, model: ModelVersion) -> None:
    spec.name = model.name
    spec.version.value = model.version


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=read_pem(tls.ca_file),
        private_key=read_pem(tls.client_key),
        certificate_chain=read_pem(tls.client_cert),
    )
