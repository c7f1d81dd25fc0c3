"""SHA256SUMS: written as `sha256sum` writes it, so that it checks it, too."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from data_prep.errors import UserError
from data_prep.files import write_atomically, write_text
from data_prep.program import progress
from tfds_wmh.sharing.layout import SUMS_FILE, foreign_files

_CHUNK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def place_file(source: Path, target: Path) -> None:
    """Puts a file under another name: as a hard link, else as a copy.

    A link costs neither time nor space. Record files are written once and
    never changed, so two names for one do no harm.

    Args:
      source: the file.
      target: where it goes; its folder is made.

    Raises:
      UserError: it cannot be copied; both places are named.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:  # Another file system, or one without links.
        try:
            with write_atomically(target) as temporary:
                shutil.copyfile(source, temporary)
        except OSError as error:
            # It names the source, also where the other disk is full.
            raise UserError(
                f"{source}: cannot be copied to {target.parent}: "
                f"{error.strerror}"
            ) from error


def write_sums(folder: Path) -> None:
    """Writes the checksums of all files in a folder.

    Args:
      folder: holds what is to be shared and nothing else.
    """
    paths = foreign_files(folder, {SUMS_FILE})
    lines = [
        f"{digest_and_search(folder / path)[0]}  {path}\n"
        for path in _shown(paths, "checksums")
    ]
    write_text(folder / SUMS_FILE, "".join(lines))


def read_sums(folder: Path) -> dict[str, str]:
    """Returns path to SHA-256, as SHA256SUMS says.

    Raises:
      UserError: it is missing, empty, not of its form, or names what lies
        outside of the folder.
    """
    path = folder / SUMS_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read, so nothing can be checked; copy the "
            "pack again, or make it anew"
        ) from error
    sums = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        inside = match and PurePosixPath(match.group(2))
        if not inside or inside.is_absolute() or ".." in inside.parts:
            raise UserError(
                f"{path}, line {number}: expected a SHA-256 and a path in "
                "this folder; copy the pack again"
            )
        sums[inside.as_posix()] = match.group(1)
    if not sums:
        raise UserError(f"{path}: is empty; copy the pack again")
    return sums


def check_sums(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """Compares all files with their checksums.

    Args:
      folder: the pack.
      sums: from `read_sums`.

    Returns:
      Problems, none where all is well: files missing, changed or too many.
    """
    problems = []
    for path in _shown(sorted(sums), "checksums"):
        if (folder / path).is_symlink() or not (folder / path).is_file():
            problems.append(f"{path}: missing; copy the pack again")
        elif digest_and_search(folder / path)[0] != sums[path]:
            problems.append(
                f"{path}: its bytes are not those that were packed; copy it "
                "again"
            )
    return problems + [
        f"{path}: was not packed; remove it"
        for path in foreign_files(folder, {*sums, SUMS_FILE})
    ]


def digest_and_search(
    path: Path, needles: Sequence[bytes] = ()
) -> tuple[str, bool]:
    """Reads a file once for its SHA-256, and for what must not be in it.

    Args:
      path: the file.
      needles: byte strings to look for.

    Returns:
      64 hexadecimal digits; whether any of the needles is in the file.
    """
    digest = hashlib.sha256()
    overlap = max(map(len, needles), default=1) - 1
    found, tail = False, b""
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            window = tail + chunk
            found = found or any(needle in window for needle in needles)
            tail = window[len(window) - overlap :] if overlap else b""
    return digest.hexdigest(), found


def _shown(paths: Sequence[str], description: str) -> Iterable[str]:
    return progress(paths, description, total=len(paths), unit="file")
