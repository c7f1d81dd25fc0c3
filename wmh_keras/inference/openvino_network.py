"""Networks on OpenVINO: the fastest way on a CPU, and without Keras."""

import functools

import numpy as np

from data_prep.errors import UserError
from wmh_keras import artifacts
from wmh_keras.inference.network import Network
from wmh_keras.inference.openvino_layers import OpenVinoApi, split_image
from wmh_keras.inference.openvino_runtime import ov
from wmh_keras.model_info import ModelInfo
from wmh_keras.models import build_model

_ELEMENT_TYPES = {"fp32": "f32", "bf16": "bf16"}
_IMAGE_PARTS = {"fp32": 1, "bf16": 2}
# Seen on two cores: 1 to 10 slices of 384 x 384 at a time are equally fast.
_LARGEST_BATCH = 4


def has_bf16_units() -> bool:
    """Whether this CPU computes in bf16 itself."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def load_networks(info: ModelInfo, precision: str) -> list[Network]:
    """Builds the networks of a model from its weights.

    Args:
      info: what `artifacts.read_model_info` returned.
      precision: "fp32" or "bf16", which rounds what convolutions take in,
        but for the image; logits and probabilities are float32 in either.

    Returns:
      One network a member; compiling waits for the first batch.

    Raises:
      UserError: damaged weights, or ones that do not fit the network; the
        file is named.
    """
    graphs = load_graphs(info, _IMAGE_PARTS[precision])
    return [_to_network(graph, precision) for graph in graphs]


def load_graphs(info: ModelInfo, image_parts: int = 1) -> list[ov.Model]:
    """Builds the graphs of a model from its weights.

    Args:
      info: what `artifacts.read_model_info` returned.
      image_parts: see `OpenVinoApi`.

    Returns:
      One a member, from (b, …, c) images to (b, …) logits.

    Raises:
      UserError: as `load_networks`.
    """
    graphs = []
    for member, weights in zip(
        info.members, artifacts.read_weights(info), strict=True
    ):
        try:
            graph = build_model(
                info.network,
                OpenVinoApi(weights, image_parts),
                **info.network_arguments,
            )
        except ValueError as error:
            raise UserError(
                f"{info.folder / member.file}: these weights do not make the "
                f"network {info.network!r} of {artifacts.INFO_FILE}: {error}"
            ) from error
        except NotImplementedError as error:
            raise UserError(
                f"{info.folder}: {error}; take --engine=tensorflow"
            ) from error
        graphs.append(graph)
    return graphs


def _to_network(graph: ov.Model, precision: str) -> Network:
    *shape, channels = (
        None if size.is_dynamic else size.get_length()
        for size in graph.input(0).get_partial_shape()
    )
    predict = _Predict(graph, precision)
    return Network(
        input_shape=(*shape, channels // _IMAGE_PARTS[precision]),
        predict=predict,
        engine="openvino",
        precision=precision,
        largest_batch=_LARGEST_BATCH,
        release=predict.release,
    )


class _Predict:
    """A graph that is compiled for the shape of the batch, when it changes."""

    def __init__(self, graph: ov.Model, precision: str) -> None:
        self._graph = graph
        self._is_split = _IMAGE_PARTS[precision] > 1
        self._settings = {
            "INFERENCE_PRECISION_HINT": _ELEMENT_TYPES[precision],
            "PERFORMANCE_HINT": "LATENCY",  # all cores work on one batch
            # Threads that are tied to cores wait for whatever else runs there:
            # on two busy cores a batch took twice as long.
            "ENABLE_CPU_PINNING": False,
        }
        self._shape: tuple[int, ...] = ()
        self._request: ov.InferRequest | None = None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if self._is_split:
            batch = split_image(batch)
        if batch.shape != self._shape:
            self._request = None  # one compiled network in memory, not two
            self._graph.reshape(list(batch.shape))
            compiled = _core().compile_model(self._graph, "CPU", self._settings)
            self._request = compiled.create_infer_request()
            self._shape = batch.shape
        results = self._request.infer(
            [batch], share_inputs=True, share_outputs=True
        )
        return _sigmoid(results[0])

    def release(self) -> None:
        """Gives back the memory between the layers; it is taken again."""
        if self._request is not None:
            self._request.get_compiled_model().release_memory()


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # exp(100) is infinite, and 1 / it is 0
        return np.float32(1) / (np.float32(1) + np.exp(-logits))


@functools.cache
def _core() -> ov.Core:
    return ov.Core()
