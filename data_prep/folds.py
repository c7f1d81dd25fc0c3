"""Assigns subjects to the folds of a cross-validation, never by slice."""

import collections
from collections.abc import Mapping, Set

from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.splits import seeded_rank, share_out


def assign_folds(
    site_of: Mapping[str, str], num_folds: int, seed: int = 0
) -> list[list[str]]:
    """Deals the subjects of each site out to the folds by turns.

    The folds differ by at most one subject, and so do a site's shares of
    them. Who goes where depends on ids, sites and seed alone.

    Args:
      site_of: subject_id to site.
      num_folds: at least 2.
      seed: another one gives another assignment.

    Returns:
      The sorted subjects of each fold; every subject is in one.

    Raises:
      UserError: fewer subjects than folds.
    """
    if not 2 <= num_folds <= len(site_of):
        raise UserError(
            f"folds: expected from 2 to {len(site_of)}, the number of "
            f"subjects, received {num_folds}"
        )
    by_site = collections.defaultdict(list)
    for subject, site in site_of.items():
        by_site[site].append(subject)
    dealt = [
        subject
        for site in sorted(by_site, key=lambda s: seeded_rank(seed, s))
        for subject in sorted(
            by_site[site], key=lambda s: seeded_rank(seed, site, s)
        )
    ]
    return [sorted(dealt[first::num_folds]) for first in range(num_folds)]


def leave_one_site_out(
    sites_of: Mapping[str, Set[str]],
) -> dict[str, list[str]]:
    """Makes a fold of each site.

    Args:
      sites_of: subject_id to the sites where the subject was scanned; "" is
        a site that is not known.

    Returns:
      Site to its sorted subjects, sorted by site.

    Raises:
      UserError: fewer than two sites, a subject without a site, or one that
        was scanned at several.
    """
    unknown = sorted(s for s, sites in sites_of.items() if "" in sites)
    several = sorted(s for s, sites in sites_of.items() if len(sites) > 1)
    names = sorted(set().union(*sites_of.values()) - {""})
    if len(names) < 2:
        raise UserError(
            "leave one site out: expected at least two sites, found "
            f"{', '.join(names) or 'none'} for {len(sites_of)} subjects; give "
            "a number of folds instead"
        )
    for subjects, what in (
        (unknown, "have no site"),
        (several, "were scanned at several sites"),
    ):
        if subjects:
            raise UserError(
                "leave one site out: expected one site for each subject; "
                f"{len(subjects)} {what}: {listed(subjects)}"
            )
    folds = collections.defaultdict(list)
    for subject, (site,) in sites_of.items():
        folds[site].append(subject)
    return {site: sorted(folds[site]) for site in names}


def hold_out(
    site_of: Mapping[str, str], fraction: float, seed: int | str
) -> tuple[list[str], list[str]]:
    """Parts the subjects of a fold's training in those to fit and the rest.

    Args:
      site_of: subject_id to site.
      fraction: share of the subjects to validate on, above 0 and below 1.
      seed: another one gives another choice.

    Returns:
      (to fit, to validate on), both sorted, stratified by site.

    Raises:
      UserError: so few subjects that one of the two is empty.
    """
    splits = share_out(site_of, (1 - fraction, fraction, 0.0), seed)
    fitted, validated = (
        sorted(subject for subject, name in splits.items() if name == part)
        for part in ("train", "validation")
    )
    if not fitted or not validated:
        raise UserError(
            f"expected at least one subject each to fit and to validate on, "
            f"received {len(site_of)} subjects, of which {fraction:g} are to "
            "be validated on; take fewer folds or another share"
        )
    return fitted, validated
