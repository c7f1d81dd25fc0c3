"""Who the reference masks of a folder belong to."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.case import clean_label, without_prefix
from data_prep.errors import UserError
from data_prep.files import read_csv
from wmh_keras.evaluation import file_names
from wmh_keras.evaluation.volume_key import VolumeKey

KeyOf = Callable[[str], VolumeKey | None]

# From derivatives/NAME up to the data set that holds participants.tsv.
_FOLDERS_UP = 3


def keys_of(
    paths: Sequence[str],
    references: str | os.PathLike,
    key_of: KeyOf | None,
) -> dict[str, VolumeKey]:
    """A key for every reference: BIDS's, else its shortest unique name.

    Args:
        paths: of the references, below their folder.
        references: the folder.
        key_of: what BIDS's names say; None where names are others.

    Returns:
        Path to key; with the site where the data set's participants.tsv, in
        the folder or above it, names one.

    Raises:
        UserError: no name tells all of them apart.
    """
    if key_of is not None:
        keys = {path: key_of(path) for path in paths}
        sites = _read_sites(references)
        return {
            path: dataclasses.replace(key, site=sites.get(key.subject_id, ""))
            for path, key in keys.items()
        }
    for name_of in (
        file_names.plain_stem,
        file_names.folder_of,
        file_names.plain_path,
    ):
        names = {path: name_of(path) for path in paths}
        if len(set(names.values())) == len(names) and all(names.values()):
            return {path: VolumeKey(name) for path, name in names.items()}
    raise UserError(
        f"{references}: several references have the same name: list the pairs "
        "in a table and give it as --pairs"
    )


def _read_sites(references: str | os.PathLike) -> dict[str, str]:
    """Subject → site from the nearest participants.tsv, if there is one."""
    folder = Path(references).resolve()
    for candidate in (folder, *folder.parents[:_FOLDERS_UP]):
        table = candidate / "participants.tsv"
        if table.is_file():
            return {
                without_prefix(row["participant_id"], "sub-"): clean_label(
                    row.get("site")
                )
                for row in read_csv(table, delimiter="\t")
                if "participant_id" in row
            }
    return {}
