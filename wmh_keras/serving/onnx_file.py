"""A model as an ONNX file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from data_prep.errors import UserError
from data_prep.version import __version__
from wmh_keras import artifacts
from wmh_keras.model_info import ModelInfo
from wmh_keras.models import build_model
from wmh_keras.serving.onnx_layers import GraphParts, OnnxApi

FILE = "model.onnx"
# The first in which all our operators are as they are now; older runtimes
# read it than the newest.
_OPSET, _IR_VERSION = 18, 8


def write_onnx(
    folder: Path,
    infos: Sequence[ModelInfo],
    input_name: str,
    input_shape: Sequence[int],
) -> None:
    """Writes the networks as one graph that gives their mean.

    Args:
      folder: where to; must not exist.
      infos: the models.
      input_name: of the images, float32; the output is "probability".
      input_shape: of an image, (…, c), without the batch.

    Raises:
      UserError: weights that do not make the network; names the file.
    """
    parts = GraphParts()
    maps = [
        name
        for info in infos
        for name in _add_networks(info, parts, input_name)
    ]
    total = parts.add("Sum", *maps)
    number = parts.constant(np.float32(len(maps)))
    parts.nodes.append(
        helper.make_node("Div", [total, number], ["probability"], "mean")
    )
    shape = ["batch", *input_shape]
    graph = helper.make_graph(
        parts.nodes,
        "wmh",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(
                "probability", TensorProto.FLOAT, [*shape[:-1], 1]
            )
        ],
        parts.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="wmh-keras",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    folder.mkdir()
    onnx.save(model, folder / FILE)


class OnnxFile:
    """A written graph, to be checked."""

    def __init__(self, folder: Path) -> None:
        """Reads it."""
        self._session = onnxruntime.InferenceSession(
            str(folder / FILE), providers=["CPUExecutionProvider"]
        )

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Runs it, see `checking.Predict`."""
        (images,) = self._session.get_inputs()
        return self._session.run(["probability"], {images.name: batch})[0]


def _add_networks(info: ModelInfo, parts: GraphParts, images: str) -> list[str]:
    """Adds every member; returns the names of their probabilities."""
    maps = []
    for member, weights in zip(
        info.members, artifacts.read_weights(info), strict=True
    ):
        api = OnnxApi(weights, parts, images)
        try:
            name = build_model(info.network, api, **info.network_arguments)
        except (ValueError, NotImplementedError) as error:
            raise UserError(
                f"{info.folder / member.file}: cannot be written as ONNX: "
                f"{error}"
            ) from error
        maps.append(name)
    return maps
