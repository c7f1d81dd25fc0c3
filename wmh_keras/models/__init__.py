"""Networks, written with Keras layers alone so that every backend runs them."""

import inspect
from typing import Any

import keras

from wmh_keras.models.unet import build_unet

_BUILDERS = {"unet": build_unet}

NETWORKS = tuple(_BUILDERS)


def build_model(name: str = "unet", **arguments: Any) -> keras.Model:  # noqa: ANN401
    """Builds a network with fresh weights.

    Args:
      name: One of NETWORKS.
      **arguments: Arguments of the network; see build_unet.

    Returns:
      A model from (b, h, w, c) images to (b, h, w, 1) float32 logits.

    Raises:
      ValueError: An unknown name, or a bad argument.
    """
    if name not in _BUILDERS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, received {name!r}"
        )
    builder = _BUILDERS[name]
    allowed = inspect.signature(builder).parameters
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        raise ValueError(
            f"network {name!r}: expected arguments among "
            f"{', '.join(allowed)}, received {', '.join(unknown)}"
        )
    return builder(**arguments)
