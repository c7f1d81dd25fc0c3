"""The model that comes with the package, and how it is named."""

from importlib import resources
from pathlib import Path

from data_prep.errors import UsageError, UserError

# What --model=… calls it.
SHIPPED = "shipped"

_FOLDER = "shipped_model"


def shipped_folder() -> Path:
    """Returns the folder of the model that comes with the package.

    Raises:
      UserError: This installation has none.
    """
    folder = Path(str(resources.files("wmh_keras"))) / _FOLDER
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no model there: this installation came without one; "
            "install the whole package, or give --model=RUN, the work folder "
            "of a training or a model folder"
        )
    return folder


def model_path(text: str) -> Path:
    """Returns the folder that a user means by a model.

    Args:
      text: A path, or SHIPPED for the model that comes with the package.

    Raises:
      UsageError: Nothing, or SHIPPED where a folder of this name is at hand.
      UserError: SHIPPED, where this installation has no model.
    """
    if not text:
        raise UsageError(
            "--model: expected a folder, received nothing; is a variable of "
            "the shell unset?"
        )
    if text != SHIPPED:
        return Path(text).expanduser()
    if Path(SHIPPED).exists():
        raise UsageError(
            f"{SHIPPED}: means the model that comes with the package, and "
            f"there is {Path(SHIPPED).absolute()} too; write ./{SHIPPED} for "
            "the latter, or start the program from another folder"
        )
    return shipped_folder()
