"""What a model is, in one line."""

from absl import flags

from wmh_keras import artifacts
from wmh_keras.inference.ensemble import (
    checksum_digits,
    model_identity,
    model_label,
)
from wmh_keras.inference.inference_flags import models_or_shipped
from wmh_keras.model_info import ModelInfo


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


def describe_chosen_models(flag_values: flags.FlagValues) -> str:
    """Names the models that --model gives, their files checked.

    Without --model it is the model that comes with the package.

    Returns:
      A line for each.

    Raises:
      UsageError, UserError: as `models_or_shipped`; or one is no model, or a
        damaged one.
    """
    return "\n".join(
        f"model {describe_model(artifacts.read_model_info(path))}"
        for path in models_or_shipped(flag_values)
    )
