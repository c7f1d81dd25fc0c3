"""Puts what describes a pack beside its records, the checksums last."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.dataset.data_card import format_data_card
from data_prep.dataset.data_folder import (
    CARD_FILE,
    CASES_FILE,
    READABLE_CARD_FILE,
)
from data_prep.files import read_csv, write_json, write_text
from tfds_wmh.sharing.checksums import write_sums
from tfds_wmh.sharing.croissant import make_croissant
from tfds_wmh.sharing.layout import CROISSANT_FILE, README_FILE, SHARE_FILE
from tfds_wmh.sharing.readme import format_readme


def finish_pack(
    folder: Path, card: Mapping[str, Any], share: Mapping[str, Any]
) -> None:
    """Writes cards, share.json, croissant.json, README.md and SHA256SUMS.

    Args:
      folder: holds records and lists, and nothing that is not to be shared.
      card: the data card.
      share: share.json.
    """
    write_json(folder / CARD_FILE, card)
    write_text(folder / READABLE_CARD_FILE, format_data_card(card))
    write_json(folder / SHARE_FILE, share)
    write_json(folder / CROISSANT_FILE, make_croissant(folder, share))
    rows = read_csv(folder / CASES_FILE)
    write_text(folder / README_FILE, format_readme(share, card, rows))
    write_sums(folder)
