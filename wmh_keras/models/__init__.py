"""Networks, written with Keras layers alone so that every backend runs them.

Importing this imports no Keras: `build_model` does.
"""

import inspect
from typing import TYPE_CHECKING, Any

from wmh_keras.models.blocks import LayerApi
from wmh_keras.models.u_resnet import build_u_resnet
from wmh_keras.models.unet import build_unet
from wmh_keras.models.unet3d import build_unet3d

if TYPE_CHECKING:
    import keras

_BUILDERS = {
    "unet": build_unet,
    "u_resnet": build_u_resnet,
    "unet3d": build_unet3d,
}

NETWORKS = tuple(_BUILDERS)


def build_model(
    name: str = "unet",
    api: LayerApi | None = None,
    /,
    **arguments: Any,  # noqa: ANN401
) -> "keras.Model":
    """Builds a network with fresh weights.

    Args:
      name: One of NETWORKS.
      api: What offers the layers; Keras by default.
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
    if api is None:
        import keras

        api = keras
    return _BUILDERS[name](api, **arguments)


def default_arguments(name: str) -> dict[str, Any]:
    """Returns what build_model takes for a network, with its defaults.

    Raises:
      ValueError: An unknown name.
    """
    if name not in _BUILDERS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, received {name!r}"
        )
    _, *parameters = inspect.signature(_BUILDERS[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
