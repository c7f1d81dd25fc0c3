"""Networks, written with Keras layers alone so that every backend runs them."""

import inspect
from typing import Any

import keras

from wmh_keras.models.u_resnet import build_u_resnet
from wmh_keras.models.unet import build_unet
from wmh_keras.models.unet3d import build_unet3d

_BUILDERS = {
    "unet": build_unet,
    "u_resnet": build_u_resnet,
    "unet3d": build_unet3d,
}

NETWORKS = tuple(_BUILDERS)


def build_model(name: str = "unet", **arguments: Any) -> keras.Model:  # noqa: ANN401
    """Builds a network with fresh weights.

    Args:
      name: One of NETWORKS.
      **arguments: Arguments of the network; see its builder.

    Returns:
      A model from (b, h, w, c) images to (b, h, w, 1) float32 logits, or from
      (b, d, h, w, c) to (b, d, h, w, 1): the rank of its input tells which.

    Raises:
      ValueError: An unknown name, or a bad argument.
    """
    allowed = default_arguments(name)
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        raise ValueError(
            f"network {name!r}: expected arguments among "
            f"{', '.join(allowed)}, received {', '.join(unknown)}"
        )
    return _BUILDERS[name](**arguments)


def default_arguments(name: str) -> dict[str, Any]:
    """Returns what build_model takes for a network, with its defaults.

    Raises:
      ValueError: An unknown name.
    """
    if name not in _BUILDERS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, received {name!r}"
        )
    parameters = inspect.signature(_BUILDERS[name]).parameters
    return {key: value.default for key, value in parameters.items()}
