"""How slices are prepared, as one frozen object.

Imports nothing that reads or computes, so that a program's flags and help,
and what a model is, are there at once.
"""

import dataclasses
import re
from typing import Any

PADDINGS = ("zero", "background")
NORMALIZATIONS = ("zscore", "robust_zscore", "clipped_zscore", "none")
OVERSIZES = ("crop", "resize")

_ROLE = re.compile(r"[a-z][a-z0-9]*")


@dataclasses.dataclass(frozen=True)
class PreprocessConfig:
    """How slices are prepared; written into data sets and models.

    Attributes:
      side: height and width of a prepared slice, in pixels.
      padding: "zero" or "background", see `preprocess.volume_to_slices`.
      normalization: "zscore", "robust_zscore", "clipped_zscore" or "none",
        see `intensity.centre_and_spread`.
      channels: the roles of the images, in the order of the channels.
      oversize: "crop" or "resize": what is done with slices larger than
        `side`, see `preprocess.volume_to_slices`.
    """

    side: int = 384
    padding: str = "zero"
    normalization: str = "zscore"
    channels: tuple[str, ...] = ("flair",)
    oversize: str = "crop"

    def __post_init__(self) -> None:
        if not isinstance(self.side, int) or self.side < 1:
            raise ValueError(f"expected a positive side, received {self.side}")
        if self.padding not in PADDINGS:
            raise ValueError(
                f"expected a padding of {PADDINGS}, received {self.padding!r}"
            )
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f"expected a normalization of {NORMALIZATIONS}, received "
                f"{self.normalization!r}"
            )
        if not self.channels or self.channels[0] != "flair":
            raise ValueError(
                f"expected channels with flair first, received {self.channels}"
            )
        odd = [c for c in self.channels if not _ROLE.fullmatch(str(c))]
        if odd or len(set(self.channels)) < len(self.channels):
            raise ValueError(
                "expected channels that differ, of small letters and digits, "
                f"such as flair,t1; received {self.channels}"
            )
        if self.oversize not in OVERSIZES:
            raise ValueError(
                f"expected an oversize of {OVERSIZES}, received "
                f"{self.oversize!r}"
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types.

        What came later than the first data sets is left out where it has its
        default: it would change what they are identified by.
        """
        fields = {**dataclasses.asdict(self), "channels": list(self.channels)}
        if self.oversize == OVERSIZES[0]:
            del fields["oversize"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "PreprocessConfig":
        """Makes the config from what `to_json` gave.

        Raises:
          ValueError: unknown fields or values.
        """
        unknown = set(fields) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown preprocessing fields: {sorted(unknown)}")
        fields = dict(fields)
        if "channels" in fields:
            fields["channels"] = tuple(fields["channels"])
        return cls(**fields)
