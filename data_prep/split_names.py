"""Names of splits, and which sites make up an external set."""

import collections
import re
from collections.abc import Mapping, Sequence

from data_prep.errors import UserError

SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LIKELY_MEANT = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
}


def parse_external_sites(text: str) -> dict[str, tuple[str, ...]]:
    """Reads the text of --external_sites.

    "A,B" makes one set named "external" of the sites A and B;
    "ext1:A+B,ext2:C" makes two sets. "" makes none.

    Raises:
      UserError: a set without a name or site, a name that no split can have,
        a set named twice, or a site in two sets.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    if not any(":" in item for item in items):
        sets = {"external": tuple(items)} if items else {}
    else:
        sets = {}
        for item in items:
            name, colon, sites = item.partition(":")
            name = name.strip()
            parts = tuple(site.strip() for site in sites.split("+"))
            if not colon or not all(parts):
                raise UserError(
                    f"--external_sites={text}: expected NAME:SITE+SITE in "
                    f"each part, received {item!r}"
                )
            if name in sets:
                raise UserError(
                    f"--external_sites={text}: the set {name} comes twice; "
                    f"join its sites with +"
                )
            sets[name] = parts
    for name in sets:
        _check_external_name(name)
    _check_sites_once(sets)
    return sets


def check_split_name(name: str) -> None:
    """Checks that a split named in the input can be stored.

    Raises:
      UserError: not lower-case letters, digits and "_" after a first letter;
        a reserved word; or a likely slip such as "val".
    """
    if name in _LIKELY_MEANT:
        raise UserError(
            f"split {name!r}: expected {_LIKELY_MEANT[name]!r} (or another "
            "name for an external set)"
        )
    if _NAME.fullmatch(name) is None or name in ("all", UNLABELLED):
        raise UserError(
            f"split {name!r}: expected train, validation, test or a name for "
            "an external set (lower-case letters, digits and _, a letter "
            f"first; not 'all' or {UNLABELLED!r})"
        )


def external_splits(
    site_of: Mapping[str, set[str]], external_sites: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Gives the subjects of external sites their set.

    Args:
      site_of: subject_id to the sites where the subject was scanned.
      external_sites: name of a set to the sites that make it up.

    Returns:
      subject_id to the set's name, external subjects only.

    Raises:
      UserError: an unknown site, a site in two sets, a reserved name, or a
        subject with scans in and outside of a set.
    """
    _check_sites_once(external_sites)
    set_of_site = {}
    for name, sites in external_sites.items():
        _check_external_name(name)
        set_of_site.update(dict.fromkeys(sites, name))
    known = sorted(set().union(*site_of.values()))
    unknown = sorted(set(set_of_site) - set(known))
    if unknown:
        raise UserError(
            f"external sites {', '.join(unknown)}: no volume with a mask is "
            f"from there; the sites are "
            f"{', '.join(site or '(none given)' for site in known)}"
        )
    splits = {}
    for subject, sites in site_of.items():
        names = {set_of_site.get(site) for site in sites}
        if len(names) > 1:
            raise UserError(
                f"subject {subject} was scanned at the sites "
                f"{', '.join(sorted(sites))}, which are not in one set; put "
                "all of them into one external set, or none"
            )
        name = names.pop()
        if name is not None:
            splits[subject] = name
    return splits


def _check_external_name(name: str) -> None:
    if name in SPLITS or name in _LIKELY_MEANT:
        raise UserError(
            f"external set {name!r}: the name is reserved; choose another"
        )
    check_split_name(name)


def _check_sites_once(sets: Mapping[str, Sequence[str]]) -> None:
    counts = collections.Counter(
        site for sites in sets.values() for site in sites
    )
    twice = [site for site, count in counts.items() if count > 1]
    if twice:
        raise UserError(
            f"external sites: expected each site once, received "
            f"{', '.join(twice)} more than once"
        )
