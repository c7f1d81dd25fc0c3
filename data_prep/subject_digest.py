"""Digests that stand for subjects where their ids are not to be listed."""

import hashlib
from collections.abc import Iterable


def subject_digest(subject_id: str) -> str:
    """Returns 16 hexadecimal digits that stand for a subject.

    They tell whether a model has seen a subject whose id is known, without
    listing the ids. Whoever guesses an id can check the guess: prepare with
    pseudonyms where the ids themselves are confidential.
    """
    return hashlib.sha256(
        # File names may hold bytes that are no text.
        f"wmh-keras subject {subject_id}".encode(errors="surrogateescape")
    ).hexdigest()[:16]


def subjects_among(
    digests: Iterable[str], subjects: Iterable[str]
) -> list[str]:
    """Names the subjects whose digests are among some, sorted, each once."""
    known = set(digests)
    return sorted({s for s in subjects if subject_digest(s) in known})
