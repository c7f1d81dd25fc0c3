"""Flagfiles on a command line: found by name, and missed in words."""

import os
from pathlib import Path

from data_prep.errors import UsageError


def check_flagfiles(
    argv: list[str], flagfile_dir: str | os.PathLike | None
) -> None:
    """Checks that all flagfiles are there.

    Args:
      argv: the command line, the program first.
      flagfile_dir: holds the recipes that the message names; may be None.

    Raises:
      UsageError: one is not.
    """
    for argument in argv[1:]:
        head, _, value = argument.partition("=")
        if head not in ("--flagfile", "-flagfile") or not value:
            continue
        if not Path(value).expanduser().is_file():
            message = f"--flagfile={value}: no such file"
            if flagfile_dir is not None:
                names = sorted(p.name for p in Path(flagfile_dir).glob("*.cfg"))
                message += f"; recipes that come along: {', '.join(names)}"
            raise UsageError(message)


def resolve_flagfiles(argv: list[str], folder: Path) -> list[str]:
    """Replaces names of flagfiles that lie in a folder by their paths.

    Args:
      argv: the command line, the program first.
      folder: of the recipes that come with the program.

    Returns:
      The command line; a file that is there as it was given goes first.
    """
    resolved = []
    after_flagfile = False
    for argument in argv:
        head, separator, value = argument.partition("=")
        if head in ("--flagfile", "-flagfile") and separator:
            argument = f"{head}={_find_flagfile(value, folder)}"
        elif after_flagfile:
            argument = _find_flagfile(argument, folder)
        after_flagfile = argument in ("--flagfile", "-flagfile")
        resolved.append(argument)
    return resolved


def _find_flagfile(value: str, folder: Path) -> str:
    path = Path(value)
    packaged = folder / path.name
    if value and not path.exists() and packaged.exists():
        return str(packaged)
    return value
