"""The flags of `wmh-share`, for each of its commands, and what they come to."""

import re
from pathlib import Path

from absl import flags

from data_prep.dataset.pseudonyms import default_key_path
from data_prep.errors import UsageError, UserError
from data_prep.program import require
from tfds_wmh.sharing.declaration import HEADS, Declaration
from tfds_wmh.sharing.layout import CONFIGS
from tfds_wmh.sharing.merging import MergeRequest
from tfds_wmh.sharing.packing import PackRequest

_LIKE_A_FILE = re.compile(
    r"(?:~|/|\.{1,2}/|[A-Za-z]:\\)\S*|(?!\w+://)\S+\.(?:txt|md|bib|cff|pdf)",
    re.IGNORECASE,
)


def define_pack_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of `pack`."""
    _define_data_dir(flag_values, "The prepared data set (of wmh-prepare).")
    _define_output(flag_values, "Where the pack goes: a new or empty folder.")
    flags.DEFINE_enum(
        "heads",
        None,
        HEADS,
        "What was done to the images before they were prepared. Has to be "
        "said: volumes hold faces, and so do slices, stacked. with_faces is "
        "refused without --faces_are_allowed.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "faces_are_allowed",
        False,
        "Consent and contract allow to share heads that can be recognised; "
        "the pack records it.",
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "include",
        list(CONFIGS),
        "What to pack. wmh-train and wmh-evaluate need both; slices alone do "
        "for training with other programs.",
        flag_values=flag_values,
    )
    for name, text in (
        ("licence", "SPDX identifier, such as CC-BY-4.0, or terms"),
        ("citation", "What to cite"),
        ("contact", "Whom to ask"),
    ):
        flags.DEFINE_string(
            name,
            None,
            f"{text}; text, or a file with it. Needed.",
            flag_values=flag_values,
        )
    _define_name(flag_values)
    flags.DEFINE_string(
        "pseudonym_key",
        None,
        "The key file of wmh-prepare, to look whether it travels by mistake. "
        "By default the one beside --data_dir, if there is one.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "Check everything, show what was found, and write nothing.",
        flag_values=flag_values,
    )


def define_verify_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of `verify`."""
    _define_data_dir(flag_values, "The pack, as it was received, or merged.")


def define_merge_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of `merge`."""
    flags.DEFINE_list(
        "packs", [], "The packs of the sites: A,B,C.", flag_values=flag_values
    )
    _define_output(
        flag_values, "Where the merged data set goes: a new or empty folder."
    )
    _define_name(flag_values)


def pack_request_from(flag_values: flags.FlagValues) -> PackRequest:
    """Returns what the flags of `pack` ask for.

    Raises:
      UsageError: a flag is missing or cannot be.
      UserError: a file that a flag names cannot be read.
    """
    require(
        flag_values,
        "data_dir",
        "output",
        "heads",
        "licence",
        "citation",
        "contact",
    )
    unknown = set(flag_values.include) - set(CONFIGS)
    if unknown or not flag_values.include:
        raise UsageError(
            f"--include: expected {' or '.join(CONFIGS)} or both, received "
            f"{','.join(flag_values.include)!r}"
        )
    data_dir = Path(flag_values.data_dir)
    return PackRequest(
        data_dir=data_dir,
        output=Path(flag_values.output),
        configs=tuple(name for name in CONFIGS if name in flag_values.include),
        declaration=Declaration(
            name=flag_values.name,
            heads=flag_values.heads,
            faces_are_allowed=flag_values.faces_are_allowed,
            licence=_text_of(flag_values, "licence"),
            citation=_text_of(flag_values, "citation"),
            contact=_text_of(flag_values, "contact"),
        ),
        key_path=_key_path(flag_values.pseudonym_key, data_dir),
    )


def merge_request_from(flag_values: flags.FlagValues) -> MergeRequest:
    """Returns what the flags of `merge` ask for.

    Raises:
      UsageError: a flag is missing.
    """
    require(flag_values, "packs", "output")
    return MergeRequest(
        packs=tuple(map(Path, flag_values.packs)),
        output=Path(flag_values.output),
        name=flag_values.name,
    )


def _define_data_dir(flag_values: flags.FlagValues, text: str) -> None:
    flags.DEFINE_string("data_dir", None, text, flag_values=flag_values)


def _define_output(flag_values: flags.FlagValues, text: str) -> None:
    flags.DEFINE_string("output", None, text, flag_values=flag_values)


def _define_name(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "name",
        "FLAIR MRI with white matter hyperintensities",
        "What the data set is called.",
        flag_values=flag_values,
    )


def _text_of(flag_values: flags.FlagValues, name: str) -> str:
    value = flag_values[name].value
    try:
        path = Path(value).expanduser()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):  # Too long for a file's name.
        is_file = False
    if not is_file and _LIKE_A_FILE.fullmatch(value.strip()):
        # It would travel, and with it the names of folders.
        raise UserError(
            f"--{name}={value}: expected a text, or a file that is there"
        )
    try:
        text = path.read_text(encoding="utf-8") if is_file else value
    except OSError as error:
        raise UserError(
            f"--{name}={value}: cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"--{name}={value}: expected UTF-8 text") from error
    if not text.strip():
        raise UserError(f"--{name}={value}: expected a text, it is empty")
    return text.strip()


def _key_path(given: str | None, data_dir: Path) -> Path | None:
    path = Path(given) if given else default_key_path(data_dir)
    if path.is_file():
        return path
    if given:
        raise UserError(f"--pseudonym_key={given}: no such file")
    return None
