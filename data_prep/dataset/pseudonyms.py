"""One-way names for subjects, so that prepared data can be shared."""

import dataclasses
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from data_prep.cases.case import Case
from data_prep.errors import UserError

_KEY_BYTES = 32
_PSEUDONYM_DIGITS = 16  # 64 bits: no two of a million subjects meet

PSEUDONYM_PATTERN = rf"p[0-9a-f]{{{_PSEUDONYM_DIGITS}}}"
OLDEST_AGE = "90+"


def default_key_path(data_dir: str | os.PathLike) -> Path:
    """Returns where the key of a data folder is: beside it, not inside."""
    data_dir = Path(data_dir).resolve()
    return data_dir.with_name(f"{data_dir.name}.pseudonym_key")


def read_or_make_key(
    path: str | os.PathLike, data_dir: str | os.PathLike
) -> bytes:
    """Reads the secret key; makes a random one where there is none.

    Whoever has the key can tell whether a pseudonym belongs to an id, so it
    is readable by its owner alone and never lies in the data folder.

    Args:
      path: the key file.
      data_dir: the data folder.

    Raises:
      UserError: the path is inside the data folder, cannot be read or
        written, or holds no key.
    """
    path = Path(path)
    if path.resolve().is_relative_to(Path(data_dir).resolve()):
        raise UserError(
            f"--pseudonym_key={path}: expected a place outside {data_dir}, "
            f"since the key must not travel with the data"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        text = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path}: expected hexadecimal digits") from error
    if len(key) < _KEY_BYTES:
        raise UserError(
            f"{path}: expected a key of {_KEY_BYTES} bytes or more, received "
            f"{len(key)}"
        )
    return key


def is_old_age(age: str) -> bool:
    """Tells whether an age is above 89 and not yet put together with others.

    Args:
      age: years as the input gave them, such as "91", "091Y", "67.5" or "".
    """
    match = re.fullmatch(r"0*(\d+)(?:[.,]\d+)?\s*(?:[Yy]\w*)?", age.strip())
    return match is not None and int(match.group(1)) > 89


class Pseudonyms:
    """Takes the ids out of cases and texts.

    A subject becomes "p" and 16 digits of HMAC-SHA256 (RFC 2104) of its id:
    the same under the same key, whoever else is in the data. Sessions and
    runs, whose names may be dates, become 1, 2, … in their order within the
    subject. Ages above 89 become "90+", as 45 CFR 164.514(b)(2)(i)(C), the
    safe harbour of the US privacy rule, asks. Sex, scanner and site stay.
    """

    def __init__(self, cases: Iterable[Case], key: bytes) -> None:
        """Names everyone.

        Args:
          cases: all that the records will show, excluded ones too.
          key: from `read_or_make_key`.
        """
        cases = list(cases)
        self._subjects = {
            case.subject_id: "p" + _digits(key, case.subject_id)
            for case in cases
        }
        self._sessions = _number(
            ((case.subject_id,), case.session) for case in cases
        )
        self._runs = _number(
            ((case.subject_id, case.session), case.run) for case in cases
        )
        self._volumes = {
            case.volume_id: self._renamed(case).volume_id for case in cases
        }
        self._files = sorted(
            {
                text
                for case in cases
                for path in (*dict(case.images).values(), case.mask or "")
                for text in (path, Path(path).name)
                if text
            },
            key=len,
            reverse=True,
        )

    def case(self, case: Case) -> Case:
        """Returns the case under its pseudonym; its files stay the same."""
        return dataclasses.replace(
            self._renamed(case),
            exclude_reason=self.text(case.exclude_reason),
            age=OLDEST_AGE if is_old_age(case.age) else case.age,
            relative_path="",
            missing=(),
            dicom_files=(),
        )

    def text(self, text: str) -> str:
        """Returns a free text without paths, and with ids replaced."""
        for file in self._files:
            text = text.replace(file, "(file)")
        text = re.sub(r"\S*(?:/|\.nii)\S*", "(file)", text)
        # Whole volumes before subjects: their sessions may be dates.
        for volume in sorted(self._volumes, key=len, reverse=True):
            text = _replace_word(text, volume, self._volumes[volume])
        return re.sub(
            r"[A-Za-z0-9]+(?:[._+-]+[A-Za-z0-9]+)*",
            lambda match: self._word(match.group()),
            text,
        )

    def _word(self, word: str) -> str:
        # BIDS keys may be around the id, as in sub-01_ses-2.
        if word in self._subjects:
            return self._subjects[word]
        for subject, pseudonym in self._subjects.items():
            word = _replace_word(word, subject, pseudonym)
        return word

    def _renamed(self, case: Case) -> Case:
        subject = (case.subject_id,)
        return dataclasses.replace(
            case,
            subject_id=self._subjects[case.subject_id],
            session=self._sessions[subject, case.session],
            run=self._runs[(*subject, case.session), case.run],
        )


def _replace_word(text: str, word: str, replacement: str) -> str:
    pattern = rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])"
    return re.sub(pattern, replacement, text)


def _make_key(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(path, flags, 0o600), "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(_KEY_BYTES) + "\n")


def _digits(key: bytes, subject_id: str) -> str:
    digest = hmac.new(key, subject_id.encode(), hashlib.sha256)
    return digest.hexdigest()[:_PSEUDONYM_DIGITS]


def _number(
    named: Iterable[tuple[tuple[str, ...], str]],
) -> dict[tuple[tuple[str, ...], str], str]:
    """Numbers the names within each group, "" stays ""."""
    groups: dict[tuple[str, ...], set[str]] = {}
    for group, name in named:
        groups.setdefault(group, set()).add(name)
    numbers = {}
    for group, names in groups.items():
        numbers[group, ""] = ""
        ordered = sorted(names - {""}, key=_natural)
        for number, name in enumerate(ordered, 1):
            numbers[group, name] = str(number)
    return numbers


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts "2" before "10"."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
