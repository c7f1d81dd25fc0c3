"""A short name for exactly one model."""

import hashlib
import json

from wmh_keras.model_info import ModelInfo

_DIGITS = 12


def model_identity(info: ModelInfo) -> str:
    """Names a model by what decides its results.

    Returns:
      Such as "unet-3f2a90c1d4e5": the network's name, and the start of a
      SHA-256 over network, arguments, preprocessing and weights.
    """
    content = {
        "network": info.network,
        "arguments": dict(info.network_arguments),
        "preprocess": info.preprocess.to_json(),
        "weights": [info.files[member.file] for member in info.members],
    }
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return f"{info.network}-{digest}"
