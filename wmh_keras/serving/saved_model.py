"""A model as TensorFlow's SavedModel, laid out for TensorFlow Serving."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf import saved_model_pb2

from data_prep.errors import UserError
from wmh_keras.serving.describe import describe_function
from wmh_keras.serving.description import (
    DESCRIBE,
    SEGMENT_VOLUME,
    SERVING_DEFAULT,
    Description,
    volume_input,
)
from wmh_keras.serving.signatures import GraphSettings, ServedModel
from wmh_keras.serving.warmup import write_warmup

# A server has XLA off as a rule and no Python at all.
_FOREIGN = ("Xla", "PyFunc", "EagerPyFunc")
_WARMUP_SIZE = 32


def write_saved_model(
    folder: Path,
    model_name: str,
    served: ServedModel,
    settings: GraphSettings,
    description: Description,
) -> None:
    """Writes a SavedModel with its warm-up requests.

    Args:
      folder: where to; must not exist.
      model_name: as the server will know it.
      served: the networks.
      settings: what `served` was made with.
      description: what the model will say of itself.

    Raises:
      UserError: the graph has an operation that a server cannot run.
    """
    signatures = served.signatures()
    describe = {DESCRIBE: describe_function(description)}
    tf.saved_model.save(
        served.to_save(), str(folder), {**signatures, **describe}
    )
    _check_operations(folder)
    write_warmup(folder, model_name, _warmup_requests(signatures, settings))


class LoadedModel:
    """A SavedModel that was read back, to be checked."""

    def __init__(self, folder: Path, channels: Sequence[str]) -> None:
        """Reads it; `channels` are the roles of the images."""
        self._loaded = tf.saved_model.load(str(folder))
        self._channels = channels

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Asks serving_default, see `checking.Predict`."""
        function = self._loaded.signatures[SERVING_DEFAULT]
        (name,) = function.structured_input_signature[1]
        return function(**{name: tf.constant(batch)})["probability"].numpy()

    def segment(
        self,
        volumes: Sequence[np.ndarray],
        spacing_mm: tuple[float, float],
        threshold: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Asks segment_volume, see `checking.Segment`."""
        images = zip(self._channels, volumes, strict=True)
        results = self._loaded.signatures[SEGMENT_VOLUME](
            spacing_mm=tf.constant([spacing_mm], tf.float32),
            threshold=tf.constant([threshold], tf.float32),
            **{volume_input(role): tf.constant(v[None]) for role, v in images},
        )
        return results["probability"][0].numpy(), results["mask"][0].numpy()


def operations_of(folder: Path) -> set[str]:
    """Returns the names of all operations in a SavedModel's graph."""
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((folder / "saved_model.pb").read_bytes())
    graph = content.meta_graphs[0].graph_def
    nodes = [
        *graph.node,
        *(n for f in graph.library.function for n in f.node_def),
    ]
    return {node.op for node in nodes}


def _check_operations(folder: Path) -> None:
    foreign = sorted(o for o in operations_of(folder) if o.startswith(_FOREIGN))
    if foreign:
        raise UserError(
            "the SavedModel holds operations that a server does not run: "
            f"{', '.join(foreign)}; nothing was written"
        )


def _warmup_requests(
    signatures: Mapping[str, Any], settings: GraphSettings
) -> dict[str, dict[str, TensorProto]]:
    """One request a signature, of as few bytes as make the network run."""
    (images,), _ = signatures[SERVING_DEFAULT].structured_input_signature
    # One number for all: TensorFlow fills the shape with it.
    zeros = tf.make_tensor_proto(0.0, shape=[1, *images.shape[1:]])
    requests = {SERVING_DEFAULT: {images.name: zeros}}
    if SEGMENT_VOLUME in signatures:
        ramp = np.linspace(0, 100, _WARMUP_SIZE**2, dtype=np.float32)
        volume = ramp.reshape(1, 1, _WARMUP_SIZE, _WARMUP_SIZE)
        inputs = {
            "spacing_mm": np.ones((1, 2), np.float32),
            "threshold": np.full(1, 0.5, np.float32),
            **{
                volume_input(role): volume
                for role in settings.preprocess.channels
            },
        }
        requests[SEGMENT_VOLUME] = {
            name: tf.make_tensor_proto(array) for name, array in inputs.items()
        }
    return requests
