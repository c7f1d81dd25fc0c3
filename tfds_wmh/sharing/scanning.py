"""Looks through all that would travel: lists, cards, descriptions, heads."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.cases.case import STORED_FIELDS
from data_prep.dataset.data_folder import CARD_FILE, CASES_FILE
from data_prep.files import read_json
from tfds_wmh.sharing.contents import Contents
from tfds_wmh.sharing.declaration import (
    PUBLIC_FIELDS,
    SKULL_STRIPPED,
)
from tfds_wmh.sharing.identifiers import (
    A_PATH,
    Finding,
    find_in_case,
    find_in_columns,
    find_in_fields,
    find_in_json,
)
from tfds_wmh.sharing.layout import (
    FEATURES_FILE,
    INFO_FILE,
    SHARE_FILE,
    config_folder,
)
from tfds_wmh.sharing.records import text_fields

# Intracranial volumes end near 2,000 ml; whole heads begin far above.
_LARGEST_BRAIN_ML = 2200


def find_identifiers(
    folder: Path, contents: Contents, share: Mapping[str, Any]
) -> list[Finding]:
    """Returns all that says, or may say, who somebody is.

    Args:
      folder: the data folder or pack.
      contents: what it holds; lists and records say the same.
      share: share.json.
    """
    findings = [*find_in_columns(CASES_FILE, contents.rows[0])]
    for row in contents.rows:
        findings += find_in_case(f"{CASES_FILE}, {row['volume_id']}", row)
    # Versions look like dates to no avail.
    findings += find_in_json(CARD_FILE, contents.card, ("versions",))
    for config, volumes in contents.volumes.items():
        for name in (INFO_FILE, FEATURES_FILE):
            path = f"{config_folder(config)}/{name}"
            findings += find_in_json(path, read_json(folder / path))
        for name, volume in volumes.items():
            more = {
                field: text
                for field, text in volume.texts.items()
                if field not in STORED_FIELDS
            }
            place = f"{volume.file}, {name}"
            findings += find_in_fields(place, text_fields(more))
    findings += _find_in_share(share)
    findings += find_whole_heads(contents, share)
    return findings


def find_whole_heads(
    contents: Contents, share: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yields volumes that are larger than what is said to be in them.

    Args:
      contents: what the data set holds.
      share: says whether heads are skull-stripped.
    """
    if share["heads"] != SKULL_STRIPPED or share["faces_are_allowed"]:
        return
    for volumes in contents.volumes.values():
        for name, volume in volumes.items():
            ml = volume.foreground_ml
            if ml is not None and ml > _LARGEST_BRAIN_ML:
                yield Finding(
                    volume.file,
                    name,
                    f"{ml:.0f} ml",
                    "is said to be skull-stripped, but more than "
                    f"{_LARGEST_BRAIN_ML} ml of it is not background",
                    "look at it, and say by --heads what the heads are",
                )


def free_texts(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Returns field to the texts that a program cannot judge, for a person.

    Args:
      rows: of the list of cases.
    """
    fields = ("site", "scanner", "field_strength", "sex", "reason")
    return {
        field: texts
        for field in fields
        if (texts := sorted({row[field] for row in rows} - {""}))
    }


def _find_in_share(share: Mapping[str, Any]) -> Iterator[Finding]:
    left_out = (*PUBLIC_FIELDS, "merged_from")
    yield from find_in_json(SHARE_FILE, share, left_out)
    # Reference managers put the places of their files into a citation.
    yield from find_in_fields(
        SHARE_FILE,
        [(name, str(share.get(name, ""))) for name in PUBLIC_FIELDS],
        way_out="correct what the flag of that name gives",
        kinds=(A_PATH,),
    )
    for part in share.get("merged_from", ()):
        yield from _find_in_share(part)
