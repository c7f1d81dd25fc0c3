"""What the person who shares a data set declares, and share.json with it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.errors import UserError
from tfds_wmh.sharing.layout import CONFIGS, SHARE_VERSION

DEFACED = "defaced"
SKULL_STRIPPED = "skull_stripped"
WITH_FACES = "with_faces"
HEADS = (DEFACED, SKULL_STRIPPED, WITH_FACES)
# Of the data set, not of a person: dates and addresses are welcome there.
PUBLIC_FIELDS = ("licence", "citation", "contact")


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What cannot be read from the data.

    Attributes:
      name: of the data set.
      heads: one of `HEADS`.
      faces_are_allowed: that heads with faces may be shared.
      licence: an SPDX identifier, or the terms in words.
      citation: what to cite.
      contact: whom to ask.
    """

    name: str
    heads: str
    faces_are_allowed: bool
    licence: str
    citation: str
    contact: str

    def check(self) -> None:
        """Checks that faces do not leave by accident.

        Raises:
          UserError: heads have faces, and nobody said that they may be
            shared.
        """
        if self.heads == WITH_FACES and not self.faces_are_allowed:
            raise UserError(
                "--heads=with_faces: expected heads that cannot be recognised. "
                "Volumes hold faces, and so do slices, stacked. Deface or "
                "strip the images and prepare them again; or, where consent "
                "and contract allow it, add --faces_are_allowed, which the "
                "pack records"
            )


def make_share(
    declaration: Declaration, card: Mapping[str, Any], configs: Sequence[str]
) -> dict[str, Any]:
    """Returns share.json of a pack, as JSON types; no times, no paths.

    Args:
      declaration: what was declared.
      card: the data card.
      configs: which of "slices" and "volumes" are in it.
    """
    return {
        "share_version": SHARE_VERSION,
        **dataclasses.asdict(declaration),
        "pseudonyms": "HMAC-SHA256, the key kept at the site",
        **_about_data(card, configs),
    }


def make_merged_share(
    name: str, card: Mapping[str, Any], shares: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Returns share.json of several packs in one.

    Args:
      name: of the merged data set.
      card: its data card.
      shares: share.json of each; equal in their configs.
    """
    kinds = [share["heads"] for share in shares]
    return {
        "share_version": SHARE_VERSION,
        "name": name,
        # What shows most says what one has to be careful of.
        "heads": max(kinds, key=(SKULL_STRIPPED, DEFACED, WITH_FACES).index),
        "faces_are_allowed": any(s["faces_are_allowed"] for s in shares),
        **{field: _joined(shares, field) for field in PUBLIC_FIELDS},
        "pseudonyms": "HMAC-SHA256, a key for each site, kept there",
        **_about_data(card, shares[0]["configs"]),
        "merged_from": list(shares),
    }


def merged_identity(identities: Sequence[str]) -> str:
    """Returns what a data set merged from these is identified by."""
    text = json.dumps({"merged": sorted(identities)})
    return hashlib.sha256(text.encode()).hexdigest()


def all_sites(card: Mapping[str, Any]) -> list[str]:
    """Returns the site labels of the stored volumes; "" may be among them."""
    return sorted(
        {s for split in card["splits"].values() for s in split["sites"]}
    )


def _about_data(
    card: Mapping[str, Any], configs: Sequence[str]
) -> dict[str, Any]:
    counted = ("subjects", "volumes", "slices")
    return {
        "identity": card["identity"],
        "configs": [config for config in CONFIGS if config in configs],
        "sites": all_sites(card),
        "splits": {
            name: {field: split[field] for field in counted}
            for name, split in card["splits"].items()
        },
        "preprocess": card["preprocess"],
    }


def _joined(shares: Sequence[Mapping[str, Any]], field: str) -> str:
    """Returns the text of all, or what each site says where they differ."""
    texts = [share[field] for share in shares]
    if len(set(texts)) == 1:
        return texts[0]
    return "\n".join(
        f"{', '.join(share['sites'])}: {text}"
        for share, text in zip(shares, texts, strict=True)
    )
