"""Names of files that can be written down."""

import unicodedata
from collections.abc import Sequence

from data_prep.cases.case import Case
from data_prep.errors import UserError
from data_prep.messages import listed


def as_text(name: str) -> str:
    r"""Returns a name with what is no text as \xNN: see `check_names`."""
    shown = "".join(
        f"\\x{ord(letter):02x}"
        if unicodedata.category(letter) == "Cc"
        else letter
        for letter in name
    )
    return shown.encode("utf-8", "surrogateescape").decode(
        "utf-8", "backslashreplace"
    )


def check_names(cases: Sequence[Case]) -> None:
    """Checks that tables and records can hold the names of all images.

    A name is bytes to the system, and where they come from a computer with
    another encoding they need not be text here. Nor is a line break.

    Raises:
      UserError: Bytes that are no UTF-8 text, or control characters; says in
        which names.
    """
    names = {name for case in cases for name in _names(case)}
    wrong = sorted(as_text(name) for name in names if as_text(name) != name)
    if wrong:
        raise UserError(
            "expected names that are UTF-8 text in one line, received other "
            f"bytes (shown as \\xNN) in {listed(wrong, 5)}; rename these files "
            "or folders"
        )


def _names(case: Case) -> list[str]:
    return [
        *(str(file) for _, file in case.images),
        *([str(case.mask)] if case.mask else []),
    ]
