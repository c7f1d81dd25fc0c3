"""What a table of a report is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

# Leads a text that is the best of its row: a control character, since names
# of models and sites may hold any other sign.
BEST = "\x02"


@dataclasses.dataclass(frozen=True)
class Part:
    """One block of rows under a header of its own.

    Attributes:
        header: what stands above the columns.
        rows: texts as they are shown, as many in a row as in the header. A
            leading `BEST` marks a best value, which is shown in bold; a line
            break stays one.
        caption: what the block is about; "" where the title says it.
        folded: whether the page shows it only when asked to.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    folded: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """One table: as people read it, and as programs do.

    Attributes:
        name: of its files, such as "table_4_head_to_head".
        title: such as "Table 4. Head to head".
        parts: blocks of rows, one below the other.
        notes: below the table: what the rows mean, what n is.
        columns: of the CSV file, which holds numbers in full precision.
        records: its rows.
        missing: where the table cannot be made: why, and what would give it.
        folded: whether the page shows all of it only when asked to.
    """

    name: str
    title: str
    parts: Sequence[Part] = ()
    notes: Sequence[str] = ()
    columns: Sequence[str] = ()
    records: Sequence[Mapping[str, Any]] = ()
    missing: str = ""
    folded: bool = False
