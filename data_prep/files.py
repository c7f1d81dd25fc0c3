"""Writing and reading small files so that nothing is ever half written."""

import contextlib
import csv
import glob
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.errors import UserError

_CHUNK_BYTES = 1 << 20
_TEMPORARY = ".tmp-"


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path that becomes `path` when the block succeeds.

    The temporary file lies in the same folder (a rename is then atomic) and
    keeps the suffixes, since some writers choose the format by them. Parent
    folders are made. After an error the temporary file is removed and `path`
    is as it was before.

    Args:
      path: where the finished file goes; an existing file is replaced.

    Yields:
      The path to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Returns an unused name in the same folder, with the same suffixes."""
    return path.with_name(f"{_TEMPORARY}{secrets.token_hex(4)}-{path.name}")


def is_temporary(path: Path) -> bool:
    """Tells whether a file is one that a writer has not finished."""
    return path.name.startswith(_TEMPORARY)


def remove_temporaries(folder: Path, name: str = "*") -> None:
    """Removes what killed writers left in a folder.

    Only where no other process writes the same files.

    Args:
      folder: the folder; one that is not there has none.
      name: of the file that was being written; by default any.
    """
    pattern = name if name == "*" else glob.escape(name)
    for path in folder.glob(f"{_TEMPORARY}*-{pattern}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked_folder(
    folder: Path, holder: str, *, shared: bool = False
) -> Iterator[None]:
    """Keeps other processes that ask for the same out of a folder.

    The folder is made if need be. The system drops the lock with the process,
    however it ends; nothing is left in the folder. On Windows, which has no
    such lock, nobody is kept out.

    Args:
      folder: where one process at a time may write.
      holder: what has it, for the message: "another process writes here".
      shared: let others in that share it too, and nobody else.

    Raises:
      UserError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{folder}: {holder}; wait for it, or take another folder"
            ) from error
        yield
    finally:
        os.close(descriptor)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, value: Any) -> None:  # noqa: ANN401
    """Writes a value as JSON, atomically.

    Args:
      path: the file.
      value: anything `json` takes. NaN and infinity are refused, since they
        are not JSON: pass them through `nan_to_none` first.
    """
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: str | os.PathLike) -> Any:  # noqa: ANN401
    """Reads a JSON file.

    Raises:
      UserError: the file is missing, unreadable or not JSON; names the file.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file: {error}") from error


def nan_to_none(value: Any) -> Any:  # noqa: ANN401
    """Replaces NaN and infinity by None, inside lists and dicts too."""
    if isinstance(value, Mapping):
        return {key: nan_to_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_none(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_csv(
    path: str | os.PathLike,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Writes rows as comma-separated UTF-8, atomically.

    Args:
      path: the file.
      columns: the header, and the order of the fields.
      rows: one mapping a row. A missing key, None and NaN give an empty
        field; floats are written so that reading gives the same number; a
        line break becomes a blank.
    """
    with (
        write_atomically(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_field(row.get(column)) for column in columns])


def read_csv(
    path: str | os.PathLike, delimiter: str = ","
) -> list[dict[str, str]]:
    """Reads a table with a header line.

    Args:
      path: a UTF-8 file, with or without a byte order mark.
      delimiter: what separates the fields.

    Returns:
      One dict a row, header to field, blanks around a field removed; rows
      without any content are left out.

    Raises:
      UserError: missing or unreadable, no header, a header named twice, or a
        row with another number of fields; names the file and the line.
    """
    return [row for _, row in read_numbered_csv(path, delimiter)]


def read_numbered_csv(
    path: str | os.PathLike, delimiter: str = ","
) -> list[tuple[int, dict[str, str]]]:
    """Reads a table as `read_csv` does, with the line number of each row."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            # Tab-separated tables (BIDS) have no quotes. Elsewhere a quote
            # that is never closed must not swallow the lines behind it.
            quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            reader = csv.reader(
                stream, delimiter=delimiter, quoting=quoting, strict=True
            )
            lines = [(reader.line_num, fields) for fields in reader]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a UTF-8 table: {error}") from error
    for number, fields in lines:
        if any("\n" in field for field in fields):
            raise UserError(
                f"{path}, line {number}: a field goes over several lines; is "
                'a quote (") not closed?'
            )
    lines = [(n, [f.strip() for f in fields]) for n, fields in lines]
    lines = [(n, fields) for n, fields in lines if any(fields)]
    if not lines:
        raise UserError(f"{path}: expected a header line, the file is empty")
    header = lines[0][1]
    if len(set(header)) != len(header):
        raise UserError(f"{path}: a column is named twice: {header}")
    for number, fields in lines[1:]:
        if len(fields) != len(header):
            raise UserError(
                f"{path}, line {number}: expected {len(header)} fields as in "
                f"the header, received {len(fields)}"
            )
    return [
        (number, dict(zip(header, fields, strict=True)))
        for number, fields in lines[1:]
    ]


def sha256_of(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):  # numpy.float64 is one too
        return "" if math.isnan(value) else repr(float(value))
    return " ".join(str(value).splitlines())
