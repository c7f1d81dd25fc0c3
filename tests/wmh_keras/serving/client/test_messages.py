"""The messages against the real classes of tensorflow-serving-api."""

import numpy as np
import pytest

from wmh_keras.serving.client import messages
from wmh_keras.serving.client.tensors import from_proto, to_proto, to_spec
from wmh_keras.serving.client.transport import TensorSpec

pytest.importorskip("tensorflow_serving", reason="the real messages")

import tensorflow as tf
from google.protobuf import any_pb2
from tensorflow.core.framework import (
    tensor_pb2,
    tensor_shape_pb2,
)
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

REAL = {
    "ModelSpec": model_pb2.ModelSpec,
    "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "TensorProto": tensor_pb2.TensorProto,
    "TensorInfo": meta_graph_pb2.TensorInfo,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "Any": any_pb2.Any,
}


@pytest.mark.parametrize("name", sorted(messages._CLASSES))
def test_fields_are_those_of_the_real_message(name):
    real = REAL.get(name)
    if real is None:  # Int64Value and StatusProto, which others hold
        holder, field = {
            "Int64Value": (model_pb2.ModelSpec, "version"),
            "StatusProto": (get_model_status_pb2.ModelVersionStatus, "status"),
        }[name]
        holder = holder.DESCRIPTOR.fields_by_name[field]
        fields = holder.message_type.fields_by_number
    else:
        fields = real.DESCRIPTOR.fields_by_number
    own = messages._CLASSES[name].DESCRIPTOR.fields_by_number
    for number, field in own.items():
        assert field.name == fields[number].name
        assert field.is_repeated == fields[number].is_repeated
        kinds = (field.type, fields[number].type)
        enumeration = (field.TYPE_INT32, field.TYPE_ENUM)
        assert kinds[0] == kinds[1] or kinds == enumeration, field.name
        assert field.is_packed == fields[number].is_packed


def test_states_are_those_of_the_real_enumeration():
    real = get_model_status_pb2.ModelVersionStatus.State
    assert {v: k for k, v in real.items()} == messages.STATES


@pytest.mark.parametrize(
    "array",
    [
        np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4),
        np.arange(5, dtype=np.int32) - 2,
        np.array([[0, 1], [255, 3]], np.uint8),
        np.zeros((1, 0, 3), np.float32),
        np.full((2, 2), 7, np.uint8),
    ],
)
def test_tensors_there_and_back(array):
    real = tensor_pb2.TensorProto.FromString(
        to_proto(array).SerializeToString()
    )
    np.testing.assert_array_equal(tf.make_ndarray(real), array)
    assert tf.make_ndarray(real).dtype == array.dtype
    sent = tf.make_tensor_proto(array).SerializeToString()
    back = from_proto(messages.TensorProto.FromString(sent), array.dtype.type)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype


def test_lists_of_numbers_as_the_server_sends_them():
    real = tensor_pb2.TensorProto(
        dtype=tf.float32.as_datatype_enum,
        tensor_shape=tf.TensorShape((2, 2)).as_proto(),
        float_val=[0.1, 0.2, 0.3, 0.4],
    )
    own = messages.TensorProto.FromString(real.SerializeToString())
    np.testing.assert_array_equal(
        from_proto(own, np.float32),
        np.array([[0.1, 0.2], [0.3, 0.4]], np.float32),
    )
    strings = tf.make_tensor_proto([b"a", b"bc"]).SerializeToString()
    own = messages.TensorProto.FromString(strings)
    assert from_proto(own, bytes).tolist() == [b"a", b"bc"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dtype": 2, "double_val": [1.0] * 4}, "received one of type 2"),
        ({"dtype": 1, "float_val": [1.0]}, "with 1 values"),
        ({"dtype": 1}, "with 0 values"),
        ({"dtype": 1, "tensor_content": b"\0" * 12}, "with 3 values"),
        ({"dtype": 1, "tensor_content": b"\0" * 13}, "multiple"),
    ],
)
def test_tensors_that_cannot_be_used(fields, message):
    shape = tf.TensorShape((2, 2)).as_proto()
    real = tensor_pb2.TensorProto(tensor_shape=shape, **fields)
    own = messages.TensorProto.FromString(real.SerializeToString())
    with pytest.raises(ValueError, match=message):
        from_proto(own, np.float32)


def test_a_mask_with_numbers_that_uint8_cannot_hold():
    real = tensor_pb2.TensorProto(
        dtype=tf.uint8.as_datatype_enum,
        tensor_shape=tf.TensorShape((2,)).as_proto(),
        int_val=[1, 256],
    )
    own = messages.TensorProto.FromString(real.SerializeToString())
    with pytest.raises(ValueError, match="uint8 cannot hold"):
        from_proto(own, np.uint8)


def test_shapes_of_signatures():
    info = meta_graph_pb2.TensorInfo(
        dtype=tf.float32.as_datatype_enum,
        tensor_shape=tf.TensorShape((None, 32, 32, 1)).as_proto(),
    )
    own = messages._CLASSES["TensorInfo"].FromString(info.SerializeToString())
    assert to_spec(own) == TensorSpec("float32", (None, 32, 32, 1))
    info.tensor_shape.Clear()
    info.tensor_shape.unknown_rank = True
    own = messages._CLASSES["TensorInfo"].FromString(info.SerializeToString())
    assert to_spec(own).shape is None
