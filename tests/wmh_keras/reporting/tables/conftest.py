"""What the tests of tables share."""

import pytest


@pytest.fixture
def cells():
    """Finds the texts of a row of a table by what stands first in it."""
    return _cells


def _cells(table, *first, part=None):
    parts = table.parts if part is None else [table.parts[part]]
    for block in parts:
        for row in block.rows:
            if tuple(row[: len(first)]) == first:
                return dict(zip(block.header, row, strict=True))
    raise AssertionError(f"{table.name} has no row {first}")
