"""The arguments of a BIDS App, written as the flags that all programs take."""

import re
from collections.abc import Sequence

from data_prep.errors import UsageError

_LABELS = re.compile(r"--(participant|session)_label")


def to_flags(arguments: Sequence[str]) -> list[str]:
    """Rewrites arguments: `--participant_label 01 02` is one flag a label.

    `-v` is --version, and a flag's name may have hyphens for underscores.

    Args:
      arguments: without the program's name.

    Returns:
      The same in the same order. Where labels are announced and none follows,
      as from an empty shell variable, an empty one stands there, for
      `labels_from` to refuse: it must not mean everybody.
    """
    converted = []
    labels_of = None
    for index, argument in enumerate(arguments):
        if not argument.startswith("-"):
            flag = "" if labels_of is None else f"{labels_of}="
            converted.append(flag + argument)
            continue
        labels_of = None
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            name = "--" + name[2:].replace("-", "_")
        if _LABELS.fullmatch(name) and not equals:
            labels_of = name
            following = arguments[index + 1 : index + 2]
            if not following or following[0].startswith("-"):
                converted.append(f"{name}=")
        else:
            name = "--version" if name == "-v" else name
            converted.append(f"{name}{equals}{value}")
    return converted


def labels_from(
    texts: Sequence[str], flag: str, prefix: str
) -> tuple[str, ...]:
    """Returns the labels that a flag's values name, each once.

    Args:
      texts: each a label, or several with commas between them.
      flag: for the message.
      prefix: what may stand before a label: "sub-".

    Raises:
      UsageError: a label is empty.
    """
    labels = [
        label.strip().removeprefix(prefix)
        for text in texts
        for label in text.split(",")
    ]
    if not all(labels):
        raise UsageError(f"--{flag}: expected labels, received an empty one")
    return tuple(dict.fromkeys(labels))
