"""Case: one FLAIR volume, its reference mask and what is known about it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

METADATA_FIELDS = (
    "site",
    "scanner",
    "field_strength",
    "age",
    "sex",
    "exclude_reason",
)


# What a data set stores of a case as text, and what therefore identifies it.
STORED_FIELDS = (
    "volume_id",
    "subject_id",
    "session",
    "run",
    "site",
    "split",
    "scanner",
    "field_strength",
    "age",
    "sex",
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One volume of one subject.

    Attributes:
      subject_id: Who was scanned, without a "sub-" prefix.
      images: (role, path) pairs; the role "flair" comes first.
      session: Visit, "" where there is only one.
      run: Repetition within a session, "" where there is only one.
      site: Where the scan was made, "" where unknown.
      mask: Path of the reference mask, None where there is none.
      split: Split that the input itself asks for, None where it asks for
        none.
      scanner: Free text, "" where unknown; so are the next three.
      field_strength: As the input gives it (usually tesla).
      age: As the input gives it (usually years).
      sex: As the input gives it.
      exclude_reason: Why the volume is left out; "" where it is used.
      relative_path: POSIX path of the FLAIR below the input's folder;
        outputs mirror it. Of a converted DICOM series: the name that its
        FLAIR would have.
      missing: (role, reason) of the images that were wanted but not found.
      dicom_files: of the DICOM series that the FLAIR was converted from; ()
        where it was not.
    """

    subject_id: str
    images: tuple[tuple[str, str], ...]
    session: str = ""
    run: str = ""
    site: str = ""
    mask: str | None = None
    split: str | None = None
    scanner: str = ""
    field_strength: str = ""
    age: str = ""
    sex: str = ""
    exclude_reason: str = ""
    relative_path: str = ""
    missing: tuple[tuple[str, str], ...] = ()
    dicom_files: tuple[str, ...] = ()

    @property
    def flair(self) -> str:
        """Path of the FLAIR.

        Raises:
          ValueError: The case has no image with the role "flair".
        """
        for role, path in self.images:
            if role == "flair":
                return path
        raise ValueError(
            f"Case {self.volume_id} has no image with the role 'flair'; "
            f"received the roles {[role for role, _ in self.images]}."
        )

    @property
    def volume_id(self) -> str:
        """Key such as "sub-01_ses-1_run-2"; absent parts are left out."""
        return volume_id(self.subject_id, self.session, self.run)

    def to_json(self) -> dict[str, Any]:
        """The case as JSON values; `from_json` is the inverse."""
        value = dataclasses.asdict(self)
        for name in ("images", "missing"):
            value[name] = [list(pair) for pair in value[name]]
        value["dicom_files"] = list(self.dicom_files)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Case":
        """Rebuilds a case from what `to_json` gave."""
        arguments = dict(value)
        for name in ("images", "missing"):
            arguments[name] = tuple(
                (role, text) for role, text in arguments.get(name, ())
            )
        arguments["dicom_files"] = tuple(arguments.get("dicom_files", ()))
        return cls(**arguments)


def volume_id(subject_id: str, session: str = "", run: str = "") -> str:
    """Joins the parts that exist: "sub-01", "sub-01_ses-1_run-2"."""
    parts = [f"sub-{subject_id}"]
    if session:
        parts.append(f"ses-{session}")
    if run:
        parts.append(f"run-{run}")
    return "_".join(parts)


def without_prefix(value: str, prefix: str) -> str:
    """Takes a BIDS key such as "sub-" off a label that carries it."""
    return value[len(prefix) :] if value.startswith(prefix) else value


def clean_label(value: str | None) -> str:
    """Strips a table's field; BIDS's "n/a" means empty."""
    text = (value or "").strip()
    return "" if text.lower() == "n/a" else text
