"""One of the packs that are merged."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class SitePack:
    """A pack, opened.

    Attributes:
      folder: where it is.
      share: share.json.
      card: the data card.
      rows: of its list of cases.
    """

    folder: Path
    share: Mapping[str, Any]
    card: Mapping[str, Any]
    rows: tuple[Mapping[str, str], ...]

    @property
    def sites(self) -> set[str]:
        """Site labels of all that is listed."""
        return {row["site"] for row in self.rows if row["split"]}

    @property
    def subjects(self) -> set[str]:
        """Ids of all that are listed, the left out too."""
        return {row["subject_id"] for row in self.rows}
