"""Joins the packs of several sites; their record files stay as they are."""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.files import read_csv, read_json
from data_prep.preprocess_config import PreprocessConfig
from tfds_wmh.sharing.declaration import make_merged_share, merged_identity
from tfds_wmh.sharing.finishing import finish_pack
from tfds_wmh.sharing.layout import (
    FEATURES_FILE,
    INFO_FILE,
    SHARED_FILES,
    config_folder,
    read_share,
)
from tfds_wmh.sharing.merged_lists import merge_card, write_merged_lists
from tfds_wmh.sharing.merged_records import merge_config
from tfds_wmh.sharing.packing import check_output
from tfds_wmh.sharing.site_pack import SitePack
from tfds_wmh.sharing.verifying import verify_pack

# What differs between the descriptions of sites with the same records.
_OWN_INFO = ("splits", "description", "citation", "releaseNotes")


@dataclasses.dataclass(frozen=True)
class MergeRequest:
    """What to merge.

    Attributes:
      packs: two folders or more.
      output: where the merged data set goes.
      name: of the merged data set.
    """

    packs: tuple[Path, ...]
    output: Path
    name: str


def open_packs(request: MergeRequest) -> list[SitePack]:
    """Opens the packs and checks whether they go together; reads no records.

    Returns:
      The packs by their sites, whatever the order they were given in.

    Raises:
      UserError: fewer than two; site labels empty or equal, subjects in two
        of them, other preprocessing, configs or features.
    """
    if len(request.packs) < 2:
        raise UserError("--packs: expected two packs or more, A,B")
    packs = [_open_pack(folder) for folder in request.packs]
    try:
        packs.sort(key=lambda pack: pack.share["sites"])
        problems = [*_compare(packs)]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            "one of the packs is not as it was written "
            f"({type(error).__name__}: {error}); `wmh-share verify` says which"
        ) from error
    if problems:
        raise UserError(
            "these packs cannot be merged:\n  " + "\n  ".join(problems)
        )
    return packs


def is_merged(request: MergeRequest, packs: Sequence[SitePack]) -> bool:
    """Tells whether this very data set is there already.

    Raises:
      UserError: another one is there, or other files.
    """
    if not data_folder.is_finished(request.output):
        check_output(request.output)
        return False
    data_folder.remove_leftovers(request.output)
    there = read_share(request.output)
    shares = [pack.share for pack in packs]
    here = (request.name, shares)
    if (there["name"], there.get("merged_from")) != here:
        raise UserError(
            f"{request.output}: holds another data set; choose another "
            "--output, or remove this one"
        )
    return True


def verify_packs(packs: Sequence[SitePack]) -> list[str]:
    """Verifies each pack, and that no scan is in two of them.

    Returns:
      Problems, each with its pack; empty where all is well.
    """
    problems, owners = [], defaultdict(set)
    for pack in packs:
        verified = verify_pack(pack.folder)
        problems += [f"{pack.folder}: {text}" for text in verified.problems]
        if verified.contents is not None:
            *_, volumes = verified.contents.volumes.values()
            for name, volume in volumes.items():
                owners[volume.digest].add((str(pack.folder), name))
    for owner in owners.values():
        if len({folder for folder, _ in owner}) > 1:
            named = " and ".join(f"{n} of {f}" for f, n in sorted(owner))
            problems.append(
                f"the same voxels are {named}: a scan that is in two packs "
                "may be trained and tested on; leave it out of one"
            )
    return problems


def write_merged(request: MergeRequest, packs: Sequence[SitePack]) -> None:
    """Writes the merged data set; it is whole or not there at all.

    Args:
      request: where it goes, and its name.
      packs: opened and verified.

    Raises:
      UserError: the output is in the way.
    """
    identity = merged_identity([pack.card["identity"] for pack in packs])
    with data_folder.build_data_folder(request.output, SHARED_FILES) as folder:
        for config in packs[0].share["configs"]:
            merge_config(folder, config, packs)
        write_merged_lists(folder, packs)
        card = merge_card(folder, packs, identity)
        shares = [pack.share for pack in packs]
        finish_pack(folder, card, make_merged_share(request.name, card, shares))


def _open_pack(folder: Path) -> SitePack:
    share = read_share(folder)
    return SitePack(
        folder,
        share,
        data_folder.read_card(folder),
        tuple(read_csv(folder / data_folder.CASES_FILE)),
    )


def _compare(packs: Sequence[SitePack]) -> Iterator[str]:
    yield from _compare_sites(packs)
    yield from _compare_subjects(packs)
    first, *others = packs
    expected = _fields(first)
    for pack in others:
        for name, value in _fields(pack).items():
            if value != expected[name]:
                yield (
                    f"{name}: {expected[name]} in {first.folder}, {value} in "
                    f"{pack.folder}; prepare one as the other"
                )
        if pack.share["configs"] != first.share["configs"]:
            yield (
                f"{first.folder} holds {first.share['configs']}, "
                f"{pack.folder} {pack.share['configs']}; pack both with the "
                "same --include"
            )
        else:
            yield from _compare_descriptions(first, pack)


def _fields(pack: SitePack) -> dict[str, object]:
    return dataclasses.asdict(
        PreprocessConfig.from_json(pack.card["preprocess"])
    )


def _compare_sites(packs: Sequence[SitePack]) -> Iterator[str]:
    for pack in packs:
        if "" in pack.sites:
            yield (
                f"{pack.folder}: expected a site for every volume, found "
                "volumes without; give it in participants.tsv or the manifest "
                "and prepare again"
            )
    for one, other in itertools.combinations(packs, 2):
        for site in sorted(one.sites & other.sites - {""}):
            yield (
                f"site {site!r} is in {one.folder} and in {other.folder}; "
                "give each site a label of its own and prepare again"
            )


def _compare_subjects(packs: Sequence[SitePack]) -> Iterator[str]:
    for one, other in itertools.combinations(packs, 2):
        both = sorted(one.subjects & other.subjects)
        if both:
            yield (
                f"{len(both)} subjects are in {one.folder} and in "
                f"{other.folder}, such as {both[0]}; each site needs a "
                "--pseudonym_key of its own, and nobody may be at two"
            )


def _compare_descriptions(one: SitePack, other: SitePack) -> Iterator[str]:
    for config in one.share["configs"]:
        place = config_folder(config)
        for name in (FEATURES_FILE, INFO_FILE):
            both = [
                read_json(pack.folder / place / name) for pack in (one, other)
            ]
            if name == INFO_FILE:
                both = [
                    {k: v for k, v in info.items() if k not in _OWN_INFO}
                    for info in both
                ]
            if both[0] != both[1]:
                yield (
                    f"{place}/{name} of {one.folder} and {other.folder} "
                    "differ; prepare both with the same version"
                )
