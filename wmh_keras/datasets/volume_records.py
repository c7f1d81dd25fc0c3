"""Which volumes a prepared data folder holds, from its list of cases."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.cases.case import STORED_FIELDS
from data_prep.dataset.data_folder import CASES_FILE
from data_prep.errors import UserError
from data_prep.files import read_csv, sha256_of
from data_prep.splits import UNLABELLED


@dataclasses.dataclass(frozen=True)
class VolumeRecord:
    """What the data set knows of a volume without opening it.

    Attributes:
      volume_id: unique in the data set.
      subject_id: the person; without the "sub-" of BIDS.
      session: "" where there is none.
      run: "" where there is none.
      site: "" where it is not known.
      split: the split that stores the volume.
      num_slices: axial slices.
      has_mask: whether there is a reference.
      scanner: "" where it is not known, as the next three.
      field_strength: in tesla, as the user wrote it.
      age: in years, as the user wrote it.
      sex: as the user wrote it.
      num_lesions: in the reference; None where that is not known.
    """

    volume_id: str
    subject_id: str
    session: str
    run: str
    site: str
    split: str
    num_slices: int
    has_mask: bool
    scanner: str = ""
    field_strength: str = ""
    age: str = ""
    sex: str = ""
    num_lesions: int | None = None


def read_records(data_dir: Path, card: Mapping[str, Any]) -> list[VolumeRecord]:
    """Reads the stored volumes, in the order in which they are stored.

    Args:
      data_dir: the prepared data folder.
      card: its data card, which knows what the list has to be.

    Raises:
      UserError: the list is missing or was changed.
    """
    path = data_dir / CASES_FILE
    if not path.is_file():
        raise UserError(f"{path}: missing; prepare the data set again")
    if sha256_of(path) != card["files"][CASES_FILE]:
        raise UserError(
            f"{path}: was changed after the preparation; it says what the "
            f"data set holds, so put the original back"
        )
    return [
        VolumeRecord(
            **{name: row[name] for name in STORED_FIELDS},
            num_slices=int(row["num_slices"]),
            has_mask=row["split"] != UNLABELLED,
            num_lesions=int(row["lesions"]) if row.get("lesions") else None,
        )
        for row in read_csv(path)
        if row["split"]  # those without were left out
    ]
