"""Packs a prepared data folder, or says why it must not leave."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from data_prep.dataset import data_folder
from data_prep.dataset.pseudonyms import read_or_make_key
from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.program import progress
from tfds_wmh.sharing.checksums import digest_and_search, place_file
from tfds_wmh.sharing.contents import Contents, read_contents
from tfds_wmh.sharing.declaration import Declaration, make_share
from tfds_wmh.sharing.finishing import finish_pack
from tfds_wmh.sharing.identifiers import Finding
from tfds_wmh.sharing.layout import (
    CONFIGS,
    SHARED_FILES,
    config_files,
    foreign_files,
    read_share,
)
from tfds_wmh.sharing.scanning import find_identifiers

_LISTS = (data_folder.SPLITS_FILE, data_folder.CASES_FILE)
# A key is one line of hexadecimal digits; nothing else in a data folder is.
_LARGEST_KEY_BYTES = 4096
_KEY_TEXT = re.compile(rb"\s*[0-9A-Fa-f]{64,}\s*")


@dataclasses.dataclass(frozen=True)
class PackRequest:
    """What to pack.

    Attributes:
      data_dir: the prepared data folder.
      output: where the pack goes.
      configs: which of "slices" and "volumes".
      declaration: what cannot be read from the data.
      key_path: the key of the pseudonyms, where it is at hand.
    """

    data_dir: Path
    output: Path
    configs: tuple[str, ...]
    declaration: Declaration
    key_path: Path | None


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What was found before packing.

    Attributes:
      contents: of the data folder.
      problems: with its files and counts.
      findings: identifiers.
      left_behind: files that are not part of the data set, and stay.
    """

    contents: Contents
    problems: tuple[str, ...]
    findings: tuple[Finding, ...]
    left_behind: tuple[str, ...]


def is_packed(request: PackRequest) -> bool:
    """Tells whether this very pack is there already.

    Raises:
      UserError: another data set is there, or one lies in the other.
    """
    source, output = request.data_dir.resolve(), request.output.resolve()
    if source.is_relative_to(output) or output.is_relative_to(source):
        raise UserError(
            f"--output={request.output}: expected a place that neither holds "
            f"{request.data_dir} nor lies in it"
        )
    if request.key_path and request.key_path.resolve().is_relative_to(output):
        raise UserError(
            f"--pseudonym_key={request.key_path}: expected a place outside "
            f"{request.output}, since the key must not travel with the data"
        )
    request.declaration.check()
    card = data_folder.read_card(request.data_dir)
    if not data_folder.is_finished(request.output):
        check_output(request.output)
        return False
    data_folder.remove_leftovers(request.output)
    share = make_share(request.declaration, card, request.configs)
    if read_share(request.output) != share:
        raise UserError(
            f"{request.output}: holds another data set, or other "
            "declarations; choose another --output, or remove this one"
        )
    return True


def inspect(request: PackRequest) -> Inspection:
    """Reads everything that would travel, and judges it.

    Raises:
      UserError: no data set, or a damaged one.
    """
    contents = read_contents(request.data_dir, request.configs)
    # When the program ran says nothing of the data, and is a date.
    contents = dataclasses.replace(
        contents, card={**contents.card, "times": {}}
    )
    share = make_share(request.declaration, contents.card, request.configs)
    files = _travelling(request)
    whole = {*files, *data_folder.SIDE_FILES}
    for config in CONFIGS:
        if data_folder.dataset_dir(request.data_dir, config).is_dir():
            whole |= {*config_files(request.data_dir, config)}
    left_behind = [
        path
        for path in foreign_files(request.data_dir, whole)
        if not path.startswith(f"{data_folder.DATASET_NAME}/.")
    ]
    findings = [
        *find_identifiers(request.data_dir, contents, share),
        *_find_key(request, files, left_behind),
    ]
    return Inspection(
        contents,
        tuple(contents.problems),
        tuple(dict.fromkeys(findings)),
        tuple(left_behind),
    )


def write_pack(request: PackRequest, inspection: Inspection) -> None:
    """Writes the pack; it is whole or not there at all.

    Args:
      request: what to pack.
      inspection: of it, without problems and findings.

    Raises:
      UserError: the output is in the way.
    """
    card = inspection.contents.card
    share = make_share(request.declaration, card, request.configs)
    with data_folder.build_data_folder(request.output, SHARED_FILES) as folder:
        for name in progress(_travelling(request), "packing", unit="file"):
            place_file(request.data_dir / name, folder / name)
        finish_pack(folder, card, share)


def check_output(output: Path) -> None:
    """Checks that a pack can be made here: it is alone in its folder.

    Raises:
      UserError: other files are there.
    """
    data_folder.check_place(output, SHARED_FILES)
    names = {path.name for path in output.glob("*")} - {*SHARED_FILES}
    if foreign := sorted(n for n in names if not n.startswith(".incomplete")):
        raise UserError(
            f"{output}: expected a new or empty folder, found "
            f"{listed(foreign, 5)}; choose another --output"
        )


def _travelling(request: PackRequest) -> list[str]:
    """The files that are taken over as they are: a list, not a search."""
    return [
        *_LISTS,
        *(
            path
            for config in request.configs
            for path in config_files(request.data_dir, config)
        ),
    ]


def _find_key(
    request: PackRequest, files: Sequence[str], left_behind: Sequence[str]
) -> list[Finding]:
    """Looks for the key where it must not be, by place and by content."""
    way_out = "move the key to a place of its own, and prepare again"
    needles: tuple[bytes, ...] = ()
    if request.key_path is not None:
        key = read_or_make_key(request.key_path, request.data_dir)
        text = key.hex().encode()
        needles = (text, text.upper(), key)
    searched = (*files, *data_folder.SIDE_FILES) if needles else ()
    findings = [
        Finding(path, "bytes", "…", "hold the key of the pseudonyms", way_out)
        for path in progress(searched, "looking for the key", unit="file")
        if digest_and_search(request.data_dir / path, needles)[1]
    ]
    for path in left_behind:
        place = request.data_dir / path
        if not place.is_file() or place.stat().st_size > _LARGEST_KEY_BYTES:
            continue
        if _KEY_TEXT.fullmatch(place.read_bytes()):
            reason = "looks like a key of pseudonyms, and lies with the data"
            findings.append(Finding(path, "text", "…", reason, way_out))
    return findings
