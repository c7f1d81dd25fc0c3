"""File names of BIDS: entities "key-value" joined by "_", then a suffix."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from data_prep.nifti import nifti_stem

_ENTITY = re.compile(r"([A-Za-z]+)-([A-Za-z0-9.+]+)")
# Entities that say which acquisition a file belongs to; the others (space,
# desc, label, …) say what was made of it.
ACQUISITION_KEYS = (
    "sub",
    "ses",
    "task",
    "acq",
    "ce",
    "rec",
    "run",
    "echo",
    "part",
    "chunk",
)


@dataclasses.dataclass(frozen=True)
class BidsName:
    """A file and the parts of its name.

    Attributes:
      path: the file.
      entities: such as {"sub": "01", "ses": "1"}.
      suffix: what stands last, such as "FLAIR".
    """

    path: Path
    entities: Mapping[str, str]
    suffix: str

    @property
    def subject(self) -> str:
        """The value of "sub"."""
        return self.entities["sub"]

    @property
    def session(self) -> str:
        """The value of "ses", "" where there is none."""
        return self.entities.get("ses", "")

    @property
    def run(self) -> str:
        """The value of "run", "" where there is none."""
        return self.entities.get("run", "")

    @property
    def key(self) -> tuple[str, str, str]:
        """Subject, session and run."""
        return self.subject, self.session, self.run

    @property
    def acquisition(self) -> tuple[str, ...]:
        """The values of all acquisition entities, "" where absent."""
        return tuple(self.entities.get(key, "") for key in ACQUISITION_KEYS)

    @property
    def long_run(self) -> str:
        """All acquisition entities but subject and session: "acqax1"."""
        parts = [
            key + self.entities[key]
            for key in ACQUISITION_KEYS[2:]
            if key in self.entities and key != "run"
        ]
        return "".join(parts) + self.run

    def fits(self, other: "BidsName") -> bool:
        """Tells whether this file can have been made from the other.

        Subject and session have to be equal. Any other acquisition entity
        that this name has must be the other's; it may lack some.
        """
        if (self.subject, self.session) != (other.subject, other.session):
            return False
        return all(
            same_value(self.entities[key], other.entities.get(key))
            for key in ACQUISITION_KEYS[2:]
            if key in self.entities
        )

    def fits_exactly(self, other: "BidsName") -> bool:
        """Tells whether all acquisition entities are equal."""
        return self.fits(other) and other.fits(self)


def parse_bids_name(path: Path) -> BidsName | None:
    """Takes a file's name apart; None where it is not a BIDS name."""
    *parts, suffix = nifti_stem(path).split("_")
    entities = {}
    for part in parts:
        match = _ENTITY.fullmatch(part)
        if match is None or match.group(1) in entities:
            return None
        entities[match.group(1)] = match.group(2)
    if "sub" not in entities or not suffix:
        return None
    return BidsName(path, entities, suffix)


def same_value(value: str, other: str | None) -> bool:
    """Tells whether two values of an entity are equal, as numbers too."""
    if other is not None and value.isdecimal() and other.isdecimal():
        return int(value) == int(other)  # run-1 is run-01
    return value == other
