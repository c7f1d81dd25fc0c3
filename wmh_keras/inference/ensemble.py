"""Several models as one: in which order, with which settings and name.

Knows what models are, not how they compute: imports neither Keras nor a
backend, so that a run can be planned without.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

from data_prep.errors import UserError
from wmh_keras.inference.postprocess import (
    check_min_lesion_mm3,
    check_threshold,
)
from wmh_keras.model_info import ModelInfo

_DIGITS = 12


@dataclasses.dataclass(frozen=True)
class MaskSettings:
    """What makes a mask of probabilities.

    Attributes:
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions are removed; 0 keeps all.
    """

    threshold: float
    min_lesion_mm3: float


def model_identity(info: ModelInfo) -> str:
    """Names a model by what decides its results.

    Returns:
      Such as "unet-3f2a90c1d4e5": the network's name, and the start of a
      SHA-256 over network, arguments, preprocessing and weights.
    """
    content = {
        "network": info.network,
        "arguments": dict(info.network_arguments),
        "preprocess": info.preprocess.to_json(),
        "weights": [info.files[member.file] for member in info.members],
    }
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return f"{info.network}-{digest}"


def model_label(info: ModelInfo) -> str:
    """Returns name and version, such as "wmh-robust-1 1.0", or ""."""
    return " ".join(filter(None, (info.name, info.version)))


def checksum_digits(info: ModelInfo) -> str:
    """Returns the start of the checksum of model.json, for people.

    Unlike the identity it covers the name and the settings of the model too.
    """
    return info.checksum[:_DIGITS]


def ensemble_identity(infos: Sequence[ModelInfo], flips: str = "none") -> str:
    """Names an ensemble by what decides its probabilities.

    Args:
      infos: the models, at least one.
      flips: the test-time flips.

    Returns:
      The models' names joined by "+", then "+flips_all" and the like where
      there are flips. Of one model without flips it is the model's own name.
    """
    names = sorted(map(model_identity, infos))
    if flips != "none":
        names.append(f"flips_{flips}")
    return "+".join(names)


def ensemble_name(infos: Sequence[ModelInfo]) -> str:
    """Returns what people call the models.

    Args:
      infos: the models, in the order of `as_ensemble`.

    Returns:
      Their names with their versions joined by "+", such as
      "wmh-robust-1 1.0"; of one without a name its identity, and of all
      without names "".
    """
    if not any(info.name for info in infos):
        return ""
    return "+".join(
        model_label(info) if info.name else model_identity(info)
        for info in infos
    )


def ensemble_checksum(infos: Sequence[ModelInfo]) -> str:
    """Returns the digits of `checksum_digits`, joined by "+"."""
    return "+".join(map(checksum_digits, infos))


def as_ensemble(infos: Sequence[ModelInfo]) -> tuple[ModelInfo, ...]:
    """Brings models into the one order in which they are averaged.

    So the order in which a user names them changes not even a rounding error.

    Args:
      infos: the models, at least one.

    Returns:
      The same, by identity.

    Raises:
      UserError: none, or one and the same model twice, which would have two
        votes.
    """
    if not infos:
        raise UserError("expected at least one model, received none")
    named: dict[str, ModelInfo] = {}
    for info in infos:
        earlier = named.setdefault(model_identity(info), info)
        if earlier is not info:
            raise UserError(
                f"{info.folder}: the same model as {earlier.folder}, which "
                "would have two votes; give each --model once"
            )
    return tuple(named[name] for name in sorted(named))


def count_members(infos: Sequence[ModelInfo]) -> int:
    """Counts the networks of all models; each has one vote."""
    return sum(len(info.members) for info in infos)


def channels_of(infos: Sequence[ModelInfo]) -> tuple[str, ...]:
    """Names the images that the models need together, the FLAIR first."""
    return tuple(
        dict.fromkeys(
            role for info in infos for role in info.preprocess.channels
        )
    )


def seen_by(infos: Sequence[ModelInfo]) -> tuple[str, ...]:
    """Returns the digests of all subjects that the models have seen."""
    return tuple(sorted({s for info in infos for s in info.seen_subjects}))


def common_settings(
    infos: Sequence[ModelInfo],
    *,
    threshold: float | None = None,
    min_lesion_mm3: float | None = None,
) -> MaskSettings:
    """Decides on threshold and minimum lesion size of an ensemble.

    Args:
      infos: the models, at least one.
      threshold: instead of the models' own, where given.
      min_lesion_mm3: likewise.

    Raises:
      UserError: a value out of its range, or the models have different ones
        and none is given.
    """
    settings = MaskSettings(
        _agreed(infos, "threshold", threshold),
        _agreed(infos, "min_lesion_mm3", min_lesion_mm3),
    )
    try:
        check_threshold(settings.threshold)
        check_min_lesion_mm3(settings.min_lesion_mm3)
    except ValueError as error:
        raise UserError(str(error)) from error
    return settings


def _agreed(
    infos: Sequence[ModelInfo], name: str, given: float | None
) -> float:
    if given is not None:
        return given
    values = {getattr(info, name) for info in infos}
    if len(values) > 1:
        lines = [f"  - {i.folder}: {getattr(i, name)}" for i in infos]
        raise UserError(
            f"the models have different values of {name}; say with --{name} "
            "which one counts:\n" + "\n".join(lines)
        )
    return values.pop()
