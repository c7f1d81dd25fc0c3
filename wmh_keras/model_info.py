"""What a model is: the content of model.json. `model_json` reads it."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_prep import files
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.plausibility.training_range import (
    TrainingRange,
)

FORMAT = 1
CHECKSUM = "checksum"


@dataclasses.dataclass(frozen=True)
class Member:
    """One set of weights.

    Attributes:
      file: Its name in the model folder.
      scores: Of this network alone.
      source_sha256: Of the file that the weights were packed from, which may
        have held them in more digits; "" where they are as trained.
    """

    file: str
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    source_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types."""
        content = {
            "file": self.file,
            "scores": files.nan_to_none(dict(self.scores)),
        }
        if self.source_sha256:
            content["source_sha256"] = self.source_sha256
        return content


@dataclasses.dataclass(frozen=True)
class Origin:
    """The model whose weights a training started from.

    Attributes:
      weights_sha256: Of the file of its weights; "" where the training
        started from random ones. Of members that started from several, the
        SHA-256 over theirs.
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
      name: What people call the model, such as wmh-robust-1, or "".
      version: Of the model of this name, or "".
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
    name: str = ""
    version: str = ""

    @property
    def checksum(self) -> str:
        """Of everything in model.json, and so of every file it lists."""
        return self.to_json()[CHECKSUM]

    def to_json(self) -> dict[str, Any]:
        """Returns the content of model.json, with its checksum."""
        named = {"name": self.name, "version": self.version}
        content = {
            "format": FORMAT,
            **{key: text for key, text in named.items() if text},
            "network": self.network,
            "network_arguments": dict(self.network_arguments),
            "preprocess": self.preprocess.to_json(),
            "threshold": self.threshold,
            "min_lesion_mm3": self.min_lesion_mm3,
            "data_identity": self.data_identity,
            "seen_subjects": list(self.seen_subjects),
            "origin": {
                "weights_sha256": self.origin.weights_sha256,
                "data_identities": list(self.origin.data_identities),
            },
            "scores": files.nan_to_none(dict(self.scores)),
            "versions": dict(self.versions),
            "members": [member.to_json() for member in self.members],
            "files": dict(self.files),
            **self._optional(),
        }
        return {**content, CHECKSUM: content_checksum(content)}

    def _optional(self) -> dict[str, Any]:
        """What models of earlier versions do not have."""
        optional = {}
        if self.fitted_subjects is not None:
            optional["fitted_subjects"] = list(self.fitted_subjects)
        if self.training_range is not None:
            optional["training_range"] = self.training_range.to_json()
        return optional


def content_checksum(content: Mapping[str, Any]) -> str:
    """Computes what says that a model.json is as it was written.

    Args:
      content: JSON values; a checksum among them is left out.

    Returns:
      The SHA-256 of the values as JSON without blanks, the keys sorted, in
      UTF-8: the layout of the file does not matter.
    """
    values = {key: value for key, value in content.items() if key != CHECKSUM}
    text = json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def warn_of_no_licence(infos: Iterable[ModelInfo]) -> tuple[str, ...]:
    """Says what has to be done before weights without a licence go out.

    Args:
      infos: The models whose weights they are.

    Returns:
      Sentences for the user.
    """
    warnings = (
        "no licence: nobody may use the weights until you say so; give "
        "--licence=FILE before you hand them on",
    )
    if any(info.origin.weights_sha256 for info in infos):
        warnings += (
            "a training started from the weights of another model: the "
            "licence of those binds these too",
        )
    return warnings
