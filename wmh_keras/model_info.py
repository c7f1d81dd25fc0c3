"""What a model is: the content of model.json, and its checks."""

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep import files
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.plausibility.training_range import (
    TrainingRange,
    parse_training_range,
)

FORMAT = 1

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def subject_digest(subject_id: str) -> str:
    """Returns 16 hexadecimal digits that stand for a subject.

    They tell whether a model has seen a subject whose id is known, without
    listing the ids. Whoever guesses an id can check the guess: prepare with
    pseudonyms where the ids themselves are confidential.
    """
    return hashlib.sha256(
        f"wmh-keras subject {subject_id}".encode()
    ).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Member:
    """One set of weights: its file in the model folder, and its own scores."""

    file: str
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Origin:
    """The model whose weights a training started from.

    Attributes:
      weights_sha256: Of the file of its weights; "" where the training
        started from random ones.
      data_identities: Identities of the prepared data that these weights had
        been trained on, the latest first.
    """

    weights_sha256: str = ""
    data_identities: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What a model is, and everything that belongs to using it.

    Attributes:
      network: Name that build_model takes.
      network_arguments: Arguments that build_model takes.
      preprocess: How a volume becomes slices for this model.
      threshold: Probability from which a voxel counts as lesion.
      min_lesion_mm3: Smaller predicted lesions are removed; 0 keeps all.
      data_identity: Identity of the prepared data it was trained on.
      seen_subjects: subject_digest of everyone it was fitted or validated on,
        sorted; those of the model it started from among them.
      fitted_subjects: Those of them that it was fitted on; None where the
        model does not tell, as those of earlier versions.
      origin: The model it started from.
      scores: Scores on the validation subjects, such as val_dice.
      versions: Versions of the packages that wrote the model.
      members: The weights, one or more.
      files: SHA-256 by name of every file beside model.json.
      training_range: What the scans were like that it was fitted on; None of
        a model of an earlier version.
      folder: Where it was read from; None before it is saved.
    """

    network: str
    network_arguments: Mapping[str, Any]
    preprocess: PreprocessConfig
    threshold: float = 0.5
    min_lesion_mm3: float = 0.0
    data_identity: str = ""
    seen_subjects: tuple[str, ...] = ()
    fitted_subjects: tuple[str, ...] | None = None
    origin: Origin = Origin()
    scores: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    members: tuple[Member, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    training_range: TrainingRange | None = None
    folder: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the content of model.json."""
        fitted = self.fitted_subjects
        return {
            "format": FORMAT,
            "network": self.network,
            "network_arguments": dict(self.network_arguments),
            "preprocess": self.preprocess.to_json(),
            "threshold": self.threshold,
            "min_lesion_mm3": self.min_lesion_mm3,
            "data_identity": self.data_identity,
            "seen_subjects": list(self.seen_subjects),
            **({} if fitted is None else {"fitted_subjects": list(fitted)}),
            "origin": {
                "weights_sha256": self.origin.weights_sha256,
                "data_identities": list(self.origin.data_identities),
            },
            "scores": files.nan_to_none(dict(self.scores)),
            "versions": dict(self.versions),
            "members": [
                {
                    "file": member.file,
                    "scores": files.nan_to_none(dict(member.scores)),
                }
                for member in self.members
            ],
            "files": dict(self.files),
            **self._optional(),
        }

    def _optional(self) -> dict[str, Any]:
        if self.training_range is None:
            return {}  # as models of earlier versions
        return {"training_range": self.training_range.to_json()}


def parse_model_info(content: object, folder: Path) -> ModelInfo:
    """Checks the content of a model.json.

    Args:
      content: What the file holds, parsed.
      folder: Where it lies.

    Returns:
      The info, with `folder` set.

    Raises:
      ValueError: Something is missing, of another type or out of range.
    """
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object")
    if content.get("format") != FORMAT:
        raise ValueError(
            f"expected format {FORMAT}, received {content.get('format')!r}; "
            "another version of this software wrote it"
        )
    checksums = _checked(content, "files", dict)
    for name, digest in checksums.items():
        if not _FILE_NAME.fullmatch(name) or not _is_sha256(digest):
            raise ValueError(
                f"files: expected names of files in this folder with their "
                f"SHA-256, received {name!r}: {digest!r}"
            )
    members = tuple(
        Member(_checked(entry, "file", str), _checked(entry, "scores", dict))
        for entry in _checked(content, "members", list)
        if isinstance(entry, dict)
    )
    if not members or any(m.file not in checksums for m in members):
        raise ValueError("members: expected at least one, each among the files")
    preprocess = PreprocessConfig.from_json(
        _checked(content, "preprocess", dict)
    )
    arguments = _checked(content, "network_arguments", dict)
    _check_fit(arguments, preprocess)
    return ModelInfo(
        network=_checked(content, "network", str),
        network_arguments=arguments,
        preprocess=preprocess,
        threshold=_number(content, "threshold", 0.0, 1.0),
        min_lesion_mm3=_number(content, "min_lesion_mm3", 0.0, math.inf),
        data_identity=_checked(content, "data_identity", str),
        seen_subjects=_digests(content, "seen_subjects"),
        fitted_subjects=(
            _digests(content, "fitted_subjects")
            if "fitted_subjects" in content
            else None
        ),
        origin=_parse_origin(content),
        scores=_checked(content, "scores", dict),
        versions=_checked(content, "versions", dict),
        members=members,
        files=checksums,
        training_range=parse_training_range(content.get("training_range")),
        folder=folder,
    )


def _digests(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, _checked(content, key, list)))


def _parse_origin(content: Mapping[str, Any]) -> Origin:
    if "origin" not in content:
        return Origin()  # written before a training could start from a model
    origin = _checked(content, "origin", dict)
    weights = _checked(origin, "weights_sha256", str)
    if weights and not _is_sha256(weights):
        raise ValueError(f"origin: expected a SHA-256, received {weights!r}")
    identities = _checked(origin, "data_identities", list)
    return Origin(weights, tuple(map(str, identities)))


def _checked(content: Mapping[str, Any], key: str, expected: type) -> Any:  # noqa: ANN401
    if key not in content:
        raise ValueError(f"{key}: missing")
    value = content[key]
    if not isinstance(value, expected):
        raise ValueError(
            f"{key}: expected a JSON {expected.__name__}, received {value!r}"
        )
    return value


def _number(
    content: Mapping[str, Any], key: str, lowest: float, highest: float
) -> float:
    value = content.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # `json` reads NaN and Infinity, which no comparison may let through.
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{key}: expected a number, received {value!r}")
    if not lowest <= value <= highest:
        raise ValueError(
            f"{key}: expected {lowest} to {highest}, received {value}"
        )
    return float(value)


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _check_fit(
    arguments: Mapping[str, Any], preprocess: PreprocessConfig
) -> None:
    expected = {"side": preprocess.side, "channels": len(preprocess.channels)}
    for name, value in expected.items():
        received = arguments.get(name, value)
        if received is not None and received != value:
            raise ValueError(
                f"network_arguments: expected {name} {value} as in preprocess, "
                f"received {received!r}"
            )
    patch_shape = arguments.get("patch_shape")
    if patch_shape is not None and not _fits_slices(patch_shape, preprocess):
        raise ValueError(
            "network_arguments: expected patch_shape as depth, height and "
            f"width, the last two at most {preprocess.side} as in preprocess, "
            f"received {patch_shape!r}"
        )


def _fits_slices(patch_shape: object, preprocess: PreprocessConfig) -> bool:
    return (
        isinstance(patch_shape, list)
        and len(patch_shape) == 3
        and all(type(number) is int and number > 0 for number in patch_shape)
        and max(patch_shape[1:]) <= preprocess.side
    )
