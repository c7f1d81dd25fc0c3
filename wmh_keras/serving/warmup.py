"""Requests that TensorFlow Serving runs when it loads a model.

The first request makes a server allocate and prepare what later ones find
ready. Serving reads them from assets.extra/tf_serving_warmup_requests, a
TFRecord of the message `PredictionLog`. Its Python classes come in a package
that replaces TensorFlow's own wheel, so the few fields are written here by
hand (field numbers: tensorflow/serving, apis/prediction_log.proto,
predict.proto and model.proto).
"""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")

_LENGTH_DELIMITED = 2


def predict_request(
    model_name: str, signature: str, inputs: Mapping[str, TensorProto]
) -> bytes:
    """Makes a serialized `tensorflow.serving.PredictRequest`.

    Args:
      model_name: as the server knows it.
      signature: name of the signature.
      inputs: tensors by the names of the inputs.
    """
    # ModelSpec: name = 1, signature_name = 3.
    spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    # PredictRequest: model_spec = 1, map inputs = 2 of key = 1, value = 2.
    request = _field(1, spec)
    for name, tensor in inputs.items():
        value = tensor.SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, value))
    return request


def write_warmup(
    folder: Path,
    model_name: str,
    requests: Mapping[str, Mapping[str, TensorProto]],
) -> None:
    """Writes the warm-up requests of a SavedModel.

    Args:
      folder: of the SavedModel.
      model_name: as the server knows it.
      requests: inputs by the name of the signature.
    """
    file = folder / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature, inputs in requests.items():
            request = predict_request(model_name, signature, inputs)
            # PredictionLog: predict_log = 6; PredictLog: request = 1.
            writer.write(_field(6, _field(1, request)))


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer that holds bytes, text or a message."""
    tag = _varint(number << 3 | _LENGTH_DELIMITED)
    return tag + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
