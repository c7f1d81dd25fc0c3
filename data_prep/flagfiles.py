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
            raise UsageError(
                f"--flagfile={value}: no such file"
                + _describe_packaged(Path(value).name, flagfile_dir)
            )


def resolve_flagfiles(argv: list[str], folder: Path) -> list[str]:
    """Replaces names of flagfiles that lie in a folder by their paths.

    Args:
      argv: the command line, the program first.
      folder: of the recipes that come with the program.

    Returns:
      The command line; a file that is there as it was given goes first. What
      names a folder too is left as it is: another recipe of the same name
      must not be taken for it.
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
    is_bare = value == Path(value).name
    packaged = folder / value
    if is_bare and not Path(value).exists() and packaged.is_file():
        return str(packaged)
    return value


def _describe_packaged(
    name: str, flagfile_dir: str | os.PathLike | None
) -> str:
    if flagfile_dir is None:
        return ""
    folder = Path(flagfile_dir)
    if (folder / name).is_file():
        return (
            f"; the recipe of that name that comes along is --flagfile={name}"
        )
    names = sorted(path.name for path in folder.glob("*.cfg"))
    return f"; recipes that come along: {', '.join(names)}"
