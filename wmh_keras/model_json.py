"""Reads and checks the content of a model.json."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.model_info import (
    CHECKSUM,
    FORMAT,
    Member,
    ModelInfo,
    Origin,
    content_checksum,
)
from wmh_keras.plausibility.training_range import parse_training_range

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_label(text: object, what: str) -> str:
    """Checks a name or a version of a model, which go into tables and pages.

    Args:
      text: What was given.
      what: What it is, for the message.

    Returns:
      The text.

    Raises:
      ValueError: Something else than up to 64 letters, digits and "-_.".
    """
    if not isinstance(text, str) or not _LABEL.fullmatch(text):
        raise ValueError(
            f"{what}: expected at most 64 letters, digits, '-', '_' and '.', "
            f"received {text!r}"
        )
    return text


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
    _check_unchanged(content)
    checksums = _checked(content, "files", dict)
    for name, digest in checksums.items():
        if not _FILE_NAME.fullmatch(name) or not _is_sha256(digest):
            raise ValueError(
                f"files: expected names of files in this folder with their "
                f"SHA-256, received {name!r}: {digest!r}"
            )
    members = tuple(
        _parse_member(entry)
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
        name=_label(content, "name"),
        version=_label(content, "version"),
    )


def _digests(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, _checked(content, key, list)))


def _check_unchanged(content: Mapping[str, Any]) -> None:
    if CHECKSUM not in content:
        return  # written before there was one
    if content[CHECKSUM] != content_checksum(content):
        raise ValueError(
            "its checksum does not fit its content: it is damaged or was "
            "edited; copy the model folder again, and change settings by "
            "flags, such as --threshold and --min_lesion_mm3"
        )


def _label(content: Mapping[str, Any], key: str) -> str:
    return check_label(content[key], key) if key in content else ""


def _parse_member(entry: Mapping[str, Any]) -> Member:
    source = entry.get("source_sha256", "")
    if source and not _is_sha256(source):
        raise ValueError(f"members: expected a SHA-256, received {source!r}")
    return Member(
        _checked(entry, "file", str), _checked(entry, "scores", dict), source
    )


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
