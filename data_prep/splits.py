"""Assigns subjects to splits: seeded, stratified by site, never by slice."""

import collections
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from data_prep.cases.case import Case
from data_prep.errors import UserError
from data_prep.files import read_csv, write_csv
from data_prep.split_names import (
    SPLITS,
    UNLABELLED,
    check_split_name,
    external_splits,
    parse_external_sites,
)

__all__ = [
    "DEFAULT_FRACTIONS",
    "SPLITS",
    "UNLABELLED",
    "assign_splits",
    "check_split_name",
    "parse_external_sites",
    "read_splits",
    "seeded_rank",
    "share_out",
    "split_of",
    "write_splits",
]

DEFAULT_FRACTIONS = (0.753, 0.109, 0.138)  # 870, 126 and 160 of 1,156


def assign_splits(
    cases: Iterable[Case],
    *,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
    seed: int = 0,
    external_sites: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, str]:
    """Gives each subject one split.

    Excluded cases do not count. A subject without any mask is "unlabelled"
    (and so is a volume without one, whatever its subject's split: see
    `split_of`). Where the input itself gives splits they are taken, and every
    subject with a mask needs one. Otherwise whole sites go to the external
    sets, and the rest is shared out: the totals are the fractions of all
    subjects by largest remainder (at least one each from three subjects on),
    and each site gets its share of them, rounded. Who goes where depends on
    the ids, the sites and the seed, not on the order of the cases.

    Args:
      cases: all cases.
      fractions: of train, validation and test; they sum to 1.
      seed: another seed gives another assignment.
      external_sites: name of a set to the sites that make it up.

    Returns:
      subject_id to split, sorted by subject_id; empty without cases.

    Raises:
      UserError: fractions that are none; an unknown site or a bad name for a
        set; a subject in two splits; splits given for some subjects only, or
        together with external sites.
    """
    _check_fractions(fractions)
    external_sites = external_sites or {}
    used = [case for case in cases if not case.exclude_reason]
    labelled = [case for case in used if case.mask is not None]
    splits = {case.subject_id: UNLABELLED for case in used}
    given = _given_splits(labelled)
    if given:
        if external_sites:
            raise UserError(
                "expected splits from the input or --external_sites, received "
                "both; remove the column `split` or the flag"
            )
        splits.update(given)
        return dict(sorted(splits.items()))
    site_of = _sites_by_subject(labelled)
    external = external_splits(site_of, external_sites)
    rest = {
        subject: min(sites)
        for subject, sites in site_of.items()
        if subject not in external
    }
    splits.update(external)
    splits.update(share_out(rest, fractions, seed))
    return dict(sorted(splits.items()))


def check_split_choices(
    cases: Iterable[Case],
    fractions: Sequence[float],
    external_sites: Mapping[str, Sequence[str]],
) -> None:
    """Checks what a user chose, before the cases are read.

    Args:
      cases: as found.
      fractions: see `assign_splits`, as the next.
      external_sites: names of sets and their sites.

    Raises:
      UserError: fractions that are none, an unknown site, or a bad name.
    """
    _check_fractions(fractions)
    labelled = [case for case in cases if case.mask is not None]
    external_splits(_sites_by_subject(labelled), external_sites)


def split_of(case: Case, splits: Mapping[str, str]) -> str:
    """The split that a volume is stored in: its subject's, if it has a mask."""
    return UNLABELLED if case.mask is None else splits[case.subject_id]


def write_splits(path: str | Path, splits: Mapping[str, str]) -> None:
    """Writes subject_id and split as CSV, sorted by subject_id."""
    rows = [
        {"subject_id": subject, "split": split}
        for subject, split in sorted(splits.items())
    ]
    write_csv(path, ("subject_id", "split"), rows)


def read_splits(path: str | Path) -> dict[str, str]:
    """Reads what `write_splits` wrote.

    Raises:
      UserError: unreadable, other columns, or a subject with two lines.
    """
    splits = {}
    for row in read_csv(path):
        if set(row) != {"subject_id", "split"}:
            raise UserError(
                f"{path}: expected the columns subject_id, split; received "
                f"{', '.join(row)}"
            )
        if row["subject_id"] in splits:
            raise UserError(f"{path}: {row['subject_id']} has two lines")
        splits[row["subject_id"]] = row["split"]
    return splits


def _check_fractions(fractions: Sequence[float]) -> None:
    is_sound = (
        len(fractions) == len(SPLITS)
        and all(0 <= fraction <= 1 for fraction in fractions)
        and abs(sum(fractions) - 1) < 1e-6
    )
    if not is_sound:
        raise UserError(
            f"expected three fractions (train, validation, test) from 0 to 1 "
            f"that sum to 1, received {list(fractions)}"
        )


def _given_splits(cases: list[Case]) -> dict[str, str]:
    given = collections.defaultdict(set)
    for case in cases:
        if case.split is not None:
            check_split_name(case.split)
            given[case.subject_id].add(case.split)
    torn = [
        f"{subject} ({', '.join(sorted(names))})"
        for subject, names in sorted(given.items())
        if len(names) > 1
    ]
    if torn:
        raise UserError(
            f"expected one split for a subject, received two for "
            f"{', '.join(torn)}"
        )
    missing = sorted({case.subject_id for case in cases} - set(given))
    if given and missing:
        raise UserError(
            "expected a split for every subject with a mask or for none; "
            f"{len(missing)} have none: {', '.join(missing[:20])}"
        )
    return {subject: names.pop() for subject, names in given.items()}


def _sites_by_subject(cases: list[Case]) -> dict[str, set[str]]:
    sites = collections.defaultdict(set)
    for case in cases:
        sites[case.subject_id].add(case.site)
    return sites


def share_out(
    site_of: Mapping[str, str], fractions: Sequence[float], seed: int | str
) -> dict[str, str]:
    """Shares subjects out to the three splits, stratified by site.

    Args:
      site_of: subject_id to site.
      fractions: of train, validation and test; they sum to 1.
      seed: another one gives another assignment.

    Returns:
      subject_id to split; each split with a share gets at least one from
      three subjects on.
    """
    left = _totals(len(site_of), fractions)
    by_site = collections.defaultdict(list)
    for subject, site in site_of.items():
        by_site[site].append(subject)
    splits = {}
    # Each site takes its share of what is left, so the totals come out right;
    # in a seeded order, so that no site always bears the rounding.
    for site in sorted(by_site, key=lambda site: seeded_rank(seed, site)):
        subjects = sorted(
            by_site[site], key=lambda subject: seeded_rank(seed, site, subject)
        )
        counts = _largest_remainder(len(subjects), left)
        left = [a - b for a, b in zip(left, counts, strict=True)]
        names = [
            name
            for name, count in zip(SPLITS, counts, strict=True)
            for _ in range(count)
        ]
        splits.update(zip(subjects, names, strict=True))
    return splits


def _totals(count: int, fractions: Sequence[float]) -> list[int]:
    totals = _largest_remainder(count, fractions)
    if count >= len(SPLITS):
        for index, fraction in enumerate(fractions):
            if fraction > 0 and totals[index] == 0:
                totals[totals.index(max(totals))] -= 1
                totals[index] = 1
    return totals


def _largest_remainder(count: int, weights: Sequence[float]) -> list[int]:
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    shares = [count * weight / total for weight in weights]
    # A share such as 2.9999999999999996 is 3.
    counts = [int(share + 1e-9) for share in shares]
    order = sorted(
        range(len(shares)), key=lambda i: counts[i] - round(shares[i], 9)
    )
    for index in order[: count - sum(counts)]:
        counts[index] += 1
    return counts


def seeded_rank(seed: int | str, *names: str) -> bytes:
    """A key to sort by: an order that looks random, and depends on no other.

    Args:
      seed: another one gives another order.
      names: what is sorted.
    """
    # A hash, not a shuffle: a subject that joins later moves few others.
    text = "\0".join([str(seed), *names])
    return hashlib.sha256(text.encode()).digest()
