"""Whether prepared data sets hold the same subjects and references."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.dataset.data_folder import CASES_FILE
from data_prep.errors import UserError
from data_prep.files import read_csv
from data_prep.messages import listed
from wmh_keras.datasets import VolumeRecord

# What a preparation notes of a reference on its own grid; no preprocessing
# changes it. The report compares voxel by voxel counts once more.
_FACTS = ("native_shape", "lesions", "wmh_ml")

Identity = tuple[str, str, str]


def check_same_references(
    chosen: Mapping[Path, Sequence[VolumeRecord]], what: str
) -> None:
    """Raises unless all data sets have the same of the chosen volumes.

    Args:
        chosen: folder of a data set to the volumes chosen there, at least
            one; the others are compared with the first.
        what: where they were chosen, for the message: "split test".

    Raises:
        UserError: a volume that only one of them has, or whose reference
            differs; names them.
    """
    known = {
        folder: _read_facts(folder, records)
        for folder, records in chosen.items()
    }
    (first, ours), *others = known.items()
    for other, theirs in others:
        for here, there, folder in (
            (ours, theirs, first),
            (theirs, ours, other),
        ):
            only = sorted(set(here) - set(there))
            if only:
                raise UserError(
                    f"{what}: {first} and {other} cannot be compared: "
                    f"{len(only)} volumes are in {folder} alone "
                    f"({_listed(only)}); prepare both from the same cases with "
                    "the same splits"
                )
        different = sorted(i for i in ours if ours[i] != theirs[i])
        if different:
            raise UserError(
                f"{what}: {first} and {other} cannot be compared: the "
                f"references of {len(different)} volumes differ "
                f"({_listed(different)}: {ours[different[0]]} and "
                f"{theirs[different[0]]}); prepare both from the same masks"
            )


def _read_facts(
    folder: Path, records: Sequence[VolumeRecord]
) -> dict[Identity, str]:
    wanted = {(r.subject_id, r.session, r.run) for r in records}
    path = folder / CASES_FILE
    facts = {}
    for row in read_csv(path):
        missing = [name for name in _FACTS if name not in row]
        if missing:
            raise UserError(
                f"{path}: the column {missing[0]} is missing; prepare the data "
                "set again"
            )
        identity = (row["subject_id"], row["session"], row["run"])
        if identity in wanted:
            facts[identity] = ", ".join(f"{n} {row[n]}" for n in _FACTS)
    return facts


def _listed(identities: Sequence[Identity]) -> str:
    names = [" ".join(filter(None, identity)) for identity in identities]
    return listed(names, separator=";")
