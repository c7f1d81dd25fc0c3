"""Lists of subjects, to choose volumes by."""

import os
from pathlib import Path

from data_prep.errors import UserError


def read_subjects(path: str | os.PathLike) -> list[str]:
    """Reads subject ids, one a line; a leading "sub-" is taken off.

    Raises:
      UserError: The file cannot be read or names nobody.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    subjects = [line.strip().removeprefix("sub-") for line in lines]
    subjects = [subject for subject in subjects if subject]
    if not subjects:
        raise UserError(f"{path}: expected one subject a line, found none")
    return subjects
