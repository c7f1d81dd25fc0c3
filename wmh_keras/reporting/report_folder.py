"""The folder that a report is written to.

    R/report.html         the page, which needs no other file
    R/tables/NAME.csv     each table, numbers in full precision
    R/figures/NAME.png    each figure, and NAME.svg
    R/report.json         what was reported, from what; written last

Where report.json is, the rest is complete.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.errors import UserError
from data_prep.files import read_json, remove_temporaries, sha256_of
from data_prep.messages import listed
from wmh_keras.evaluation.layout import PER_PATIENT_FILE, SUMMARY_FILE

PAGE_FILE = "report.html"
RECORD_FILE = "report.json"
TABLES_FOLDER = "tables"
FIGURES_FOLDER = "figures"
FORMAT = 1
# Stands near the top of every page: tells it from another program's.
PAGE_MARK = '<meta name="generator" content="wmh-report">'
_MARK_WITHIN = 2000
_PATTERNS = (
    (TABLES_FOLDER, re.compile(r"table_s?\d+_[a-z_]+\.csv")),
    (FIGURES_FOLDER, re.compile(r"figure_s?\d+[a-z]?_[a-z_]+\.(png|svg)")),
)


def check_place(
    folder: Path, inputs: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Checks, before any work, that a report can go here.

    The same report may be made again, and one that was killed goes on.

    Args:
        folder: made if need be.
        inputs: the paths that are read, as JSON types.
        overwrite: allows another report to be replaced, and other files to
            stay beside it.

    Raises:
        UserError: it is a file, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder, found a file")
    if overwrite or not folder.exists():
        return
    way_out = "choose another --output_dir, or go on with --overwrite"
    others = sorted(str(p.relative_to(folder)) for p in _foreign(folder))
    if others:
        raise UserError(
            f"{folder}: expected an empty folder or an earlier report, found "
            f"{listed(others, 5)}; {way_out} (which leaves other files alone)"
        )
    record = folder / RECORD_FILE
    if record.exists():
        earlier = read_json(record)
        earlier = earlier.get("inputs") if isinstance(earlier, dict) else None
        if earlier != dict(inputs):
            raise UserError(
                f"{folder}: holds a report on other evaluations, ratings or "
                f"data; {way_out}"
            )


def is_current(
    folder: Path, inputs: Mapping[str, Any], settings: Mapping[str, Any]
) -> bool:
    """Whether the report there is on these evaluations as they are now.

    Args:
        folder: of the report.
        inputs: the paths that are read, as JSON types.
        settings: what else decides the report, likewise.
    """
    try:
        record = read_json(folder / RECORD_FILE)
        found = [entry["sha256"] for entry in record["evaluations"]]
        now = [digests(Path(path)) for path in inputs["evaluations"]]
    except (UserError, OSError, KeyError, TypeError):
        return False
    return (
        record.get("inputs") == dict(inputs)
        and record.get("settings") == dict(settings)
        and found == now
    )


def digests(evaluation: Path) -> dict[str, str]:
    """SHA-256 of the files that stand for an evaluation, by name."""
    names = (SUMMARY_FILE, PER_PATIENT_FILE)
    return {name: sha256_of(evaluation / name) for name in names}


def clear(folder: Path) -> None:
    """Removes an earlier report, the record first; other files stay."""
    (folder / RECORD_FILE).unlink(missing_ok=True)
    for path in _own(folder):
        path.unlink()
    for place in (folder, folder / TABLES_FOLDER, folder / FIGURES_FOLDER):
        if place.is_dir():
            remove_temporaries(place)


def _own(folder: Path) -> Iterator[Path]:
    page = folder / PAGE_FILE
    if page.is_file() and _is_marked(page):
        yield page
    for place, pattern in _PATTERNS:
        for path in (folder / place).glob("*"):
            if path.is_file() and pattern.fullmatch(path.name):
                yield path


def _is_marked(page: Path) -> bool:
    with open(page, encoding="utf-8", errors="replace") as stream:
        return PAGE_MARK in stream.read(_MARK_WITHIN)


def _foreign(folder: Path) -> Iterator[Path]:
    """Files and folders that no report has written."""
    own = {*_own(folder), folder / RECORD_FILE}
    places = (folder / TABLES_FOLDER, folder / FIGURES_FOLDER)
    for path in folder.iterdir():
        if path in places and path.is_dir():
            yield from (p for p in path.iterdir() if not _is_own(p, own))
        elif not _is_own(path, own):
            yield path


def _is_own(path: Path, own: set[Path]) -> bool:
    return path in own or path.name.startswith(".tmp-")
