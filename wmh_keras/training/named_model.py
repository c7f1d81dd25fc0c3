"""Which model --init_model means. Imports no framework."""

import dataclasses
import re
from pathlib import Path

from data_prep.errors import UserError
from wmh_keras import artifacts
from wmh_keras.model_info import ModelInfo
from wmh_keras.shipped import model_path

_OF_MEMBER = re.compile(r"(.+):([0-9]+)")


def read_named_model(text: str) -> ModelInfo:
    """Reads the one network that a training starts from.

    Args:
      text: A work or model folder, or "shipped"; of an ensemble with the
        number of one of its networks behind it, such as "shipped:0".

    Returns:
      What the model is, with this one member.

    Raises:
      UserError: No model, a damaged one, or no such network.
    """
    folder, number = text, None
    match = _OF_MEMBER.fullmatch(text)
    if match and not Path(text).expanduser().exists():
        folder, number = match[1], int(match[2])
    info = artifacts.read_model_info(model_path(folder))
    count = len(info.members)
    if number is None and count > 1:
        raise UserError(
            f"--init_model={text}: expected one network, found an ensemble of "
            f"{count}; take one of {folder}:0 to {folder}:{count - 1}"
        )
    if number is not None and number >= count:
        raise UserError(
            f"--init_model={text}: expected a number of 0 to {count - 1}, as "
            f"the model has networks, received {number}"
        )
    return dataclasses.replace(info, members=(info.members[number or 0],))
