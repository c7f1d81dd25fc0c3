"""Finds what would say who a scan is of.

The kinds follow the list of 45 CFR 164.514(b)(2)(i), the safe harbour of the
US privacy rule, as far as a program can see them: dates but for the year,
ages above 89, e-mail addresses, names in paths and in the form of DICOM.
Names and places in free text it cannot see: a person has to look.
"""

import dataclasses
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from data_prep.cases.case import volume_id
from data_prep.dataset.case_records import CASE_COLUMNS
from data_prep.dataset.pseudonyms import (
    OLDEST_AGE,
    PSEUDONYM_PATTERN,
    is_old_age,
)

_AGAIN = "prepare the data again with --pseudonymize"
_CORRECT = "correct the input of wmh-prepare and prepare the data again"

_YEAR = r"(?:19|20)\d\d"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NAME = (
    r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)"
    r"[a-zä]*"
)
_DATES = (
    rf"(?<!\d){_YEAR}[-/._]{_MONTH}[-/._]{_DAY}(?!\d)",
    rf"(?<!\d){_DAY}[-/._]{_MONTH}[-/._]{_YEAR}(?!\d)",
    rf"(?<!\d){_MONTH}[-/._]{_DAY}[-/._]{_YEAR}(?!\d)",
    # 20190310, with or without the time behind it.
    rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{{6}})?(?!\d)",
    # Two digits each, lest a version such as 5.3.1 count as one.
    r"(?<![\d.])(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.\d\d(?![\d.])",
    rf"(?<!\d){_DAY}[ .-]*{_MONTH_NAME}[ .,-]*(?:{_YEAR})(?!\d)",
    rf"(?<![a-z]){_MONTH_NAME}[ .,-]*{_YEAR}(?!\d)",
    rf"(?<![a-z]){_MONTH_NAME}[ .-]*{_DAY}[ .,-]+(?:{_YEAR})(?!\d)",
)
A_PATH = "a path"
_KINDS = {
    "a date": re.compile("|".join(_DATES), re.IGNORECASE),
    A_PATH: re.compile(
        r"(?<![\w/.…])~?/(?!/)(?:[^\s/]+/)+[^\s/]*|\b[A-Za-z]:\\\S+|\\\\\w\S*|"
        r"file://\S*"
    ),
    "a file's name": re.compile(r"\S+\.(?:nii|dcm|mgz|mgh|img)\b\S*", re.I),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    "a name, as DICOM writes it": re.compile(r"[^\W\d_]{2,}\^[^\W\d_]+"),
}
# What a digest happens to hold is no date.
_DIGEST = re.compile(rf"\b(?:{PSEUDONYM_PATTERN}|[0-9a-f]{{64}})\b")
_PSEUDONYM = re.compile(PSEUDONYM_PATTERN)
_NUMBER = re.compile(r"\d{0,3}")


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """Something that must not travel.

    Attributes:
      place: the file, and who or what in it.
      field: which field.
      value: what is there.
      reason: what is wrong with it.
      way_out: what to do.
    """

    place: str
    field: str
    value: str
    reason: str
    way_out: str

    def __str__(self) -> str:
        """Returns it as one line."""
        return (
            f"{self.place}: {self.field} {self.value!r}: {self.reason}; "
            f"{self.way_out}"
        )


def find_in_text(text: str) -> Iterator[tuple[str, str]]:
    """Yields (kind, the part that is it) of a free text."""
    text = _DIGEST.sub("", text)
    for kind, pattern in _KINDS.items():
        if match := pattern.search(text):
            yield kind, match.group()


def find_in_fields(
    place: str,
    fields: Iterable[tuple[str, str]],
    way_out: str = _CORRECT,
    kinds: Container[str] = (),
) -> Iterator[Finding]:
    """Yields what free texts hold.

    Args:
      place: where they are.
      fields: (field, text).
      way_out: for the message.
      kinds: what to look for; by default everything.
    """
    for field, text in fields:
        for kind, part in find_in_text(text):
            if kinds and kind not in kinds:
                continue
            shown = text if len(text) <= 60 else part
            yield Finding(place, field, shown, f"holds {kind}", way_out)


def find_in_case(place: str, row: Mapping[str, str]) -> Iterator[Finding]:
    """Yields what the row of a case, or the texts of a record, hold.

    Args:
      place: where it is.
      row: field to text; further fields are free text.
    """
    subject = row["subject_id"]
    if not _PSEUDONYM.fullmatch(subject):
        reason = "is no pseudonym (HMAC-SHA256)"
        yield Finding(place, "subject_id", subject, reason, _AGAIN)
    for name in ("session", "run"):
        if not _NUMBER.fullmatch(row[name]):
            reason = "is not a number of up to three digits"
            yield Finding(place, name, row[name], reason, _AGAIN)
    expected = volume_id(subject, row["session"], row["run"])
    if row["volume_id"] != expected:
        reason = f"is not {expected}"
        yield Finding(place, "volume_id", row["volume_id"], reason, _AGAIN)
    if is_old_age(row["age"]):
        reason = f"is above 89 (give {OLDEST_AGE})"
        yield Finding(place, "age", row["age"], reason, _AGAIN)
    for name, text in row.items():
        if text and (name == "relative_path" or name.endswith("_file")):
            yield Finding(place, name, text, "names a file", _AGAIN)
    names = ("subject_id", "session", "run", "volume_id", "relative_path")
    rest = ((name, row[name]) for name in row if name not in names)
    yield from find_in_fields(place, rest)


def find_in_columns(place: str, columns: Iterable[str]) -> Iterator[Finding]:
    """Yields columns of the list of cases that wmh-prepare does not write."""
    for name in columns:
        if name not in CASE_COLUMNS and not name.endswith("_file"):
            reason = "is no column of wmh-prepare"
            yield Finding(place, "column", name, reason, "remove it")


def find_in_json(
    place: str,
    value: Any,  # noqa: ANN401
    left_out: Iterable[str] = (),
    field: str = "",
) -> Iterator[Finding]:
    """Yields what the texts and keys of a JSON value hold.

    Args:
      place: the file.
      value: its JSON types.
      left_out: keys at the top that are not looked into.
      field: where in the file the value is.
    """
    if isinstance(value, str):
        yield from find_in_fields(place, [(field or "text", value)])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in left_out:
                below = f"{field}.{key}" if field else key
                yield from find_in_fields(place, [(f"key of {field}", key)])
                yield from find_in_json(place, inner, field=below)
    elif isinstance(value, list):
        for inner in value:
            yield from find_in_json(place, inner, field=field)
