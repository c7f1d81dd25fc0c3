"""One version of a served model: found, and checked before it is used."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.errors import UserError
from wmh_keras.inference.ensemble import common_settings, ensemble_identity
from wmh_keras.model_info import ModelInfo
from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.transport import (
    AVAILABLE,
    ModelVersion,
    Signature,
    Transport,
    VersionStatus,
)
from wmh_keras.serving.description import (
    DESCRIBE,
    DESCRIBE_INPUT,
    DESCRIBE_OUTPUT,
    PATCHES,
    SEGMENT_VOLUME,
    SERVING_DEFAULT,
    SLICES,
    Description,
    volume_input,
)

PROBABILITY = "probability"


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """One version of a model, which has been checked.

    Attributes:
      transport: the connection.
      model: name and version; every answer is of this version.
      description: what the model is.
      network_input: name of the input of serving_default: "slices" or
        "patches".
      input_shape: of that input, None for a free axis.
      segments_volumes: whether it takes whole volumes too.
      is_trusted: whether the description is not the server's own, but that of
        the model which the user expects there.
    """

    transport: Transport
    model: ModelVersion
    description: Description
    network_input: str
    input_shape: tuple[int | None, ...]
    segments_volumes: bool
    is_trusted: bool = False

    @property
    def identity(self) -> str:
        """Names the model, and where it is served."""
        return (
            f"{self.description.identity} (version {self.model.version} of "
            f"{self.model.name} at {self.transport.address})"
        )

    def ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Mapping[str, type],
    ) -> dict[str, np.ndarray]:
        """Has the model compute, see `Transport.predict`."""
        return self.transport.predict(self.model, signature, inputs, outputs)


def open_model(
    transport: Transport,
    name: str,
    version: int | None = None,
    expected: Sequence[ModelInfo] = (),
) -> ServedModel:
    """Finds a model at a server and checks that it is what it should be.

    Args:
      transport: the connection.
      name: of the model at the server.
      version: None takes the highest that is available; all answers of this
        object then come from that one.
      expected: the model that it has to be, or the models of an ensemble;
        one that does not describe itself is taken for it. Empty takes any.

    Raises:
      ServingError: no answer, no such model or version, or one that was not
        exported for this.
      UserError: another model than the expected one.
    """
    model = ModelVersion(
        name,
        _choose_version(transport, name, transport.versions(name), version),
    )
    signatures = transport.signatures(model)
    description = _describe(transport, model, signatures, expected)
    network_input, input_shape = _network_input(
        transport.address, signatures, description
    )
    return ServedModel(
        transport=transport,
        model=model,
        description=description,
        network_input=network_input,
        input_shape=input_shape,
        segments_volumes=_takes_volumes(signatures, description),
        is_trusted=DESCRIBE not in signatures,
    )


def _choose_version(
    transport: Transport,
    name: str,
    found: list[VersionStatus],
    wanted: int | None,
) -> int:
    available = [each.version for each in found if each.state == AVAILABLE]
    if wanted is None and available:
        return max(available)
    if wanted in available:
        return wanted
    listed = "; ".join(
        f"version {each.version} is {each.state}"
        + (f" ({each.message})" if each.message else "")
        for each in found
    )
    asked = "no version" if wanted is None else f"version {wanted} is not"
    raise ServingError(
        Fault.NOT_FOUND,
        transport.address,
        f"{asked} available of the model {name!r}: {listed or 'it has none'}",
    )


def _describe(
    transport: Transport,
    model: ModelVersion,
    signatures: Mapping[str, Signature],
    expected: Sequence[ModelInfo],
) -> Description:
    if DESCRIBE not in signatures:
        if expected:
            return _description_of(expected)
        raise ServingError(
            Fault.FOREIGN,
            transport.address,
            f"{model.name} does not describe itself (it has no signature "
            f"{DESCRIBE}), so that its preprocessing is not known; say with "
            "--model which model it is",
        )
    answer = transport.predict(
        model,
        DESCRIBE,
        {DESCRIBE_INPUT: np.zeros(1, np.int32)},
        {DESCRIBE_OUTPUT: bytes},
    )[DESCRIBE_OUTPUT]
    try:
        if answer.shape != (1,):
            raise ValueError(f"received shape {answer.shape}")
        description = Description.from_json(answer[0])
    except ValueError as error:
        raise ServingError(
            Fault.FOREIGN,
            transport.address,
            f"{model.name} does not describe itself: {error}",
        ) from error
    if expected:
        _check_expected(transport.address, description, expected)
    return description


def _description_of(infos: Sequence[ModelInfo]) -> Description:
    if len({info.preprocess for info in infos}) > 1:
        raise UserError(
            "--model: expected models of one preparation, as a served ensemble "
            "has it"
        )
    settings = common_settings(infos)
    return Description(
        identity=ensemble_identity(infos),
        preprocess=infos[0].preprocess,
        threshold=settings.threshold,
        min_lesion_mm3=settings.min_lesion_mm3,
    )


def _check_expected(
    address: str, description: Description, expected: Sequence[ModelInfo]
) -> None:
    identity = ensemble_identity(expected)
    # Flips are written into the export, not into the model.
    if description.identity.partition("+flips_")[0] != identity:
        raise UserError(
            f"{address}: expected {identity}, as --model says, the server has "
            f"{description.identity}; take --model away, or another "
            "--model_version"
        )


def _network_input(
    address: str, signatures: Mapping[str, Signature], description: Description
) -> tuple[str, tuple[int | None, ...]]:
    """Checks serving_default against what the model says of itself."""
    signature = signatures.get(SERVING_DEFAULT, Signature({}, {}))
    config = description.preprocess
    found = [name for name in (SLICES, PATCHES) if name in signature.inputs]
    if not found or PROBABILITY not in signature.outputs:
        raise ServingError(
            Fault.FOREIGN,
            address,
            f"{SERVING_DEFAULT}: expected {SLICES} (or {PATCHES}) -> "
            f"{PROBABILITY}, received {sorted(signature.inputs)} -> "
            f"{sorted(signature.outputs)}",
        )
    name, spec = found[0], signature.inputs[found[0]]
    rest = (spec.shape or ())[1:]
    expected = (config.side, config.side, len(config.channels))
    fits = rest == expected
    if name == PATCHES:
        fits = (
            len(rest) == 4
            and None not in rest
            and rest[3] == len(config.channels)
        )
    if not fits or spec.dtype != "float32":
        raise ServingError(
            Fault.FOREIGN,
            address,
            f"{SERVING_DEFAULT}: expected {name} of {expected} as the model's "
            f"preprocessing has it, received {spec.dtype} {spec.shape}",
        )
    return name, (None, *rest)


def _takes_volumes(
    signatures: Mapping[str, Signature], description: Description
) -> bool:
    signature = signatures.get(SEGMENT_VOLUME)
    if signature is None:
        return False
    roles = description.preprocess.channels
    inputs = {"spacing_mm", "threshold", *map(volume_input, roles)}
    outputs = {PROBABILITY, "mask"}
    return set(signature.inputs) == inputs and outputs <= set(signature.outputs)
