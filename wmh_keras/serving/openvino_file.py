"""A model as OpenVINO's intermediate representation: model.xml, model.bin."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wmh_keras.inference.openvino_network import load_graphs
from wmh_keras.inference.openvino_runtime import ops, ov
from wmh_keras.model_info import ModelInfo

FILE = "model.xml"


def write_openvino(
    folder: Path, infos: Sequence[ModelInfo], input_name: str
) -> None:
    """Writes the networks as one graph that gives their mean.

    Args:
      folder: where to; must not exist.
      infos: the models.
      input_name: of the images (b, …, c), float32; the output is
        "probability" (b, …, 1).

    Raises:
      UserError: damaged weights; names the file.
    """
    graphs = [graph for info in infos for graph in load_graphs(info)]
    images = graphs[0].get_parameters()[0]
    maps = []
    for graph in graphs:
        graph.get_parameters()[0].output(0).replace(images.output(0))
        logits = graph.get_results()[0].input_value(0)
        maps.append(ops.sigmoid(ops.unsqueeze(logits, np.array([-1]))))
    total = maps[0]
    for each in maps[1:]:
        total = ops.add(total, each)
    probability = ops.multiply(total, np.float32(1 / len(maps)))
    images.output(0).get_tensor().set_names({input_name})
    probability.output(0).get_tensor().set_names({"probability"})
    whole = ov.Model([ops.result(probability)], [images], "wmh")
    folder.mkdir()
    # Else half precision, which is the default for weights.
    ov.save_model(whole, folder / FILE, compress_to_fp16=False)


class OpenVinoFile:
    """A written graph, to be checked."""

    def __init__(self, folder: Path) -> None:
        """Reads it; compiled in float32."""
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        self._model = ov.Core().compile_model(folder / FILE, "CPU", settings)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Runs it, see `checking.Predict`."""
        return self._model([batch])["probability"]
