"""How every program of the project starts: flags, help, errors, progress."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tqdm
from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.flagfiles import check_flagfiles, resolve_flagfiles
from data_prep.help_text import format_help
from data_prep.version import __version__

Item = TypeVar("Item")

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def run_program(
    *,
    name: str,
    description: str,
    define_flags: Callable[[flags.FlagValues], None],
    main: Callable[[flags.FlagValues], int],
    argv: Sequence[str] | None = None,
    flagfile_dir: str | os.PathLike | None = None,
    positional: Sequence[str] = (),
    version_details: Callable[[flags.FlagValues], str] | None = None,
) -> int:
    """Parses the flags, runs `main` and turns user errors into exit codes.

    The flags live in a `FlagValues` of their own, never in absl's global one:
    two programs may then have flags of the same name, and both can run in
    one process.

    Args:
      name: the program's name, as shown in messages.
      description: what `--help` shows above the flags.
      define_flags: defines the program's flags.
      main: gets the parsed flags, returns the exit code.
      argv: like `sys.argv`, which is the default: the program comes first.
      flagfile_dir: where a `--flagfile` is looked for that is a name alone
        and not found as given, so that an installed package finds its own
        recipes.
      positional: flags that are also given by place, without their names, as
        the standard of BIDS Apps wants it.
      version_details: what `--version` says in further lines, made of the
        other flags that are given, and raises what `main` may; by default
        there are none, and other flags are no matter.

    Returns:
      0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    argv = list(sys.argv if argv is None else argv)
    flag_values = flags.FlagValues()
    define_flags(flag_values)
    if any(argument in ("--help", "-help", "-h") for argument in argv[1:]):
        _print_to_the_end(format_help(name, description, flag_values))
        return EXIT_OK
    wants_version = "--version" in argv[1:]
    try:
        if wants_version:
            print(f"{name} {__version__}", flush=True)
            if version_details is None:
                return EXIT_OK
            argv = [argument for argument in argv if argument != "--version"]
        _parse(flag_values, argv, flagfile_dir, positional)
        if wants_version:
            print(version_details(flag_values))
            return EXIT_OK
        return main(flag_values)
    except (flags.Error, UsageError) as error:
        _complain(name, f"{error}\n`{name} --help` lists the flags.")
        return EXIT_USAGE
    except UserError as error:
        _complain(name, str(error))
        return EXIT_FAILED
    except OSError as error:
        # A full disk, a missing right: nothing that a traceback explains.
        place = f"{error.filename}: " if error.filename else ""
        _complain(name, f"{place}{error.strerror or error}")
        return EXIT_FAILED
    except UnicodeEncodeError as error:
        # Of an output folder, say; names of images are checked beforehand.
        near = error.object[max(0, error.start - 80) : error.end]
        _complain(
            name,
            "a file or folder has a name of bytes that are no UTF-8 text: "
            f"{near!a}; rename it",
        )
        return EXIT_FAILED
    except KeyboardInterrupt:
        _complain(name, "interrupted")
        return EXIT_INTERRUPTED


def parse_flags(
    define_flags: Callable[[flags.FlagValues], None],
    arguments: Sequence[str],
    flagfile_dir: str | os.PathLike | None = None,
) -> flags.FlagValues:
    """Parses flags as `run_program` does, for a program that starts others.

    Args:
      define_flags: defines the other program's flags.
      arguments: its arguments, without the program's name.
      flagfile_dir: as in `run_program`.

    Raises:
      flags.Error: an unknown flag, or a value that it cannot have.
      UsageError: a flagfile that is not there, or what is no flag.
    """
    flag_values = flags.FlagValues()
    define_flags(flag_values)
    _parse(flag_values, ["", *arguments], flagfile_dir)
    return flag_values


def require(flag_values: flags.FlagValues, *names: str) -> None:
    """Raises a UsageError that names the flags which were not given."""
    missing = [f"--{name}" for name in names if not flag_values[name].value]
    if missing:
        raise UsageError(f"needed, but not given: {', '.join(missing)}")


def progress(
    items: Iterable[Item],
    description: str,
    total: int | None = None,
    unit: str = "it",
) -> Iterator[Item]:
    """Passes the items on and shows how far it is and how long it takes.

    The bar goes to stderr, with the time left. Where that is no terminal, a
    line comes every ten seconds, so that a log stays readable.

    Args:
      items: what is gone through.
      description: what is being done, in a word or two.
      total: how many items; by default their length, where they have one.
      unit: what an item is called.

    Yields:
      The items.
    """
    yield from tqdm.tqdm(
        items, desc=description, total=total, unit=unit, **progress_style()
    )


def progress_style() -> dict[str, Any]:
    """Returns how a tqdm bar looks: drawn in a terminal, lines elsewhere."""
    if sys.stderr.isatty():
        return {"file": sys.stderr, "mininterval": 0.2, "dynamic_ncols": True}
    return {
        "file": _Lines(),
        "mininterval": 10,
        "maxinterval": 10,
        "ascii": True,
        "ncols": 80,
    }


class _Lines:
    """Writes each state of a bar as a line of its own, for logs."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            sys.stderr.write(text + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def _parse(
    flag_values: flags.FlagValues,
    argv: list[str],
    flagfile_dir: str | os.PathLike | None,
    positional: Sequence[str] = (),
) -> None:
    # Else absl takes nothing behind an argument without a name for a flag.
    flag_values.set_gnu_getopt(bool(positional))
    if flagfile_dir is not None:
        argv = resolve_flagfiles(argv, Path(flagfile_dir))
    check_flagfiles(argv, flagfile_dir)
    try:
        rest = flag_values(argv)
    except OSError as error:  # absl lets a missing flagfile through
        raise UsageError(f"cannot read a flagfile: {error}") from error
    for name, value in zip(positional, rest[1:], strict=False):
        flag_values[name].parse(value)
    for name in flag_values:
        value = flag_values[name].value
        # Shells leave it in --flag=~/place; a folder named ~ would be made.
        if isinstance(value, str) and value.startswith("~/"):
            flag_values[name].value = os.path.expanduser(value)
    extra = rest[1 + len(positional) :]
    if extra:
        expected = " ".join([*map(str.upper, positional), "--flags"])
        raise UsageError(
            f"expected only {expected}, received {' '.join(map(repr, extra))}; "
            "a value belongs to its flag, as in --input=FILE"
        )


def _print_to_the_end(text: str) -> None:
    """Prints; a reader that leaves early, such as `head`, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The interpreter flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(name: str, message: str) -> None:
    print(f"{name}: error: {message}", file=sys.stderr)
