"""What a model is, in one line."""

from wmh_keras import artifacts
from wmh_keras.inference.ensemble import (
    checksum_digits,
    model_identity,
    model_label,
)
from wmh_keras.model_info import ModelInfo
from wmh_keras.shipped import shipped_folder


def describe_model(info: ModelInfo) -> str:
    """Names a model for people.

    Args:
      info: What it is.

    Returns:
      Such as "wmh-robust-1 1.0 (unet-3f2a90c1d4e5, 5 networks, checksum
      0a1b2c3d4e5f)"; without name and version where it has none.
    """
    count = len(info.members)
    facts = [
        model_identity(info),
        f"{count} network{'' if count == 1 else 's'}",
        f"checksum {checksum_digits(info)}",
    ]
    name = model_label(info) or "a model without a name"
    return f"{name} ({', '.join(facts)})"


def describe_shipped_model() -> str:
    """Names the model that comes with the package, its files checked.

    Raises:
      UserError: there is none, or it is damaged.
    """
    info = artifacts.read_model_info(shipped_folder())
    return f"model {describe_model(info)}"
