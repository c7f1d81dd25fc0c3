"""What a table of a report is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Table:
    """One table: as people read it, and as programs do.

    Attributes:
        name: of its files, such as "table_4_head_to_head".
        title: such as "Table 4. Head to head".
        header: what stands above the columns.
        rows: texts as they are shown; as many in a row as in the header.
            A leading "*" marks a best value, which is shown in bold.
        notes: below the table: what the rows mean, what n is.
        columns: of the CSV file, which holds numbers in full precision.
        records: its rows.
        missing: where the table cannot be made: why, and what would give it.
    """

    name: str
    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    columns: Sequence[str] = ()
    records: Sequence[Mapping[str, Any]] = ()
    missing: str = ""
