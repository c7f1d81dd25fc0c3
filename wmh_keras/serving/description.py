"""What a served model can be asked, and what it says of itself.

    serving_default   prepared slices (or patches) -> probability
    segment_volume    a raw volume -> probability and mask on its own grid
    describe          what the model is

A server gives a client no file of the export, so that the model itself has to
say how its slices are prepared and where its threshold lies: a client that
guessed would give wrong masks without a word. The signature `describe` has one
input, `which` int32 (b,), whose values do not matter, and one output,
`description` string (b,), the JSON of a Description. Imports no framework.
"""

import dataclasses
import json
from typing import Any

from data_prep.preprocess_config import PreprocessConfig

SERVING_DEFAULT = "serving_default"
SEGMENT_VOLUME = "segment_volume"
# Inputs of serving_default, and of exported networks in other formats.
SLICES, PATCHES = "slices", "patches"
DESCRIBE = "describe"
DESCRIBE_INPUT = "which"
DESCRIBE_OUTPUT = "description"

_FORMAT = "wmh-keras served model 1"


def volume_input(role: str) -> str:
    """Names the input of segment_volume that takes an image.

    Args:
      role: one of `PreprocessConfig.channels`.

    Returns:
      "volume" for the FLAIR, else such as "volume_t1".
    """
    return "volume" if role == "flair" else f"volume_{role}"


@dataclasses.dataclass(frozen=True)
class Description:
    """What a client has to know of a model.

    Attributes:
      identity: names the model by what decides its results, see
        `inference.ensemble.ensemble_identity`.
      preprocess: how a volume becomes slices.
      threshold: the model's own, above 0 and at most 1.
      min_lesion_mm3: the model's own, 0 or more.
    """

    identity: str
    preprocess: PreprocessConfig
    threshold: float
    min_lesion_mm3: float

    def to_json(self) -> str:
        """Returns it as JSON text."""
        fields = {
            "format": _FORMAT,
            "identity": self.identity,
            "preprocess": self.preprocess.to_json(),
            "threshold": self.threshold,
            "min_lesion_mm3": self.min_lesion_mm3,
        }
        return json.dumps(fields, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Description":
        """Reads what `to_json` gave.

        Raises:
          ValueError: not such a description, or a value out of range.
        """
        try:
            fields = json.loads(text)
        except RecursionError as error:
            raise ValueError("nested without end") from error
        if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
            raise ValueError(f"expected a description of format {_FORMAT!r}")
        preprocess = fields.get("preprocess")
        identity = fields.get("identity")
        if not isinstance(preprocess, dict) or not isinstance(identity, str):
            raise ValueError("expected identity and preprocess")
        if not identity.isprintable():
            # It goes to the terminal, into tables and pages.
            raise ValueError(
                f"identity: expected a name, received {identity!r}"
            )
        threshold = _number(fields, "threshold")
        minimum = _number(fields, "min_lesion_mm3")
        if not 0 < threshold <= 1 or not 0 <= minimum < float("inf"):
            raise ValueError(
                "expected a threshold above 0 and at most 1 and a "
                f"min_lesion_mm3 of 0 or more: {threshold}, {minimum}"
            )
        return cls(
            identity=identity,
            preprocess=PreprocessConfig.from_json(preprocess),
            threshold=threshold,
            min_lesion_mm3=minimum,
        )


def _number(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: expected a number, received {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name}: a number without end") from error
