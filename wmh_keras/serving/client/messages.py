"""The messages of TensorFlow Serving's gRPC interface, as far as needed.

The generated classes of the package tensorflow-serving-api import all of
TensorFlow, which a client has no other use for. On the wire a message is
nothing but field numbers and types; those here are from the public files
tensorflow_serving/apis/{model,predict,get_model_metadata,get_model_status}.proto
and tensorflow/core/framework/{tensor,tensor_shape,types}.proto and
tensorflow/core/protobuf/meta_graph.proto. Fields that are left out are kept
unread. The tests compare with the real classes.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "wmh_keras.serving"
_TYPES = {
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}
# Message -> (number, name, type); "[]" repeats a field, "{}" is a map from
# strings. Enumerations are int32, which is the same on the wire.
_FIELDS = {
    "Int64Value": [(1, "value", "int64")],
    "Any": [(1, "type_url", "string"), (2, "value", "bytes")],
    "ModelSpec": [
        (1, "name", "string"),
        (2, "version", "Int64Value"),
        (3, "signature_name", "string"),
    ],
    "Dim": [(1, "size", "int64"), (2, "name", "string")],
    "TensorShapeProto": [(2, "dim", "Dim[]"), (3, "unknown_rank", "bool")],
    "TensorProto": [
        (1, "dtype", "int32"),
        (2, "tensor_shape", "TensorShapeProto"),
        (4, "tensor_content", "bytes"),
        (5, "float_val", "float[]"),
        (7, "int_val", "int32[]"),
        (8, "string_val", "bytes[]"),
    ],
    "TensorInfo": [
        (1, "name", "string"),
        (2, "dtype", "int32"),
        (3, "tensor_shape", "TensorShapeProto"),
    ],
    "SignatureDef": [
        (1, "inputs", "TensorInfo{}"),
        (2, "outputs", "TensorInfo{}"),
        (3, "method_name", "string"),
    ],
    "SignatureDefMap": [(1, "signature_def", "SignatureDef{}")],
    "PredictRequest": [
        (1, "model_spec", "ModelSpec"),
        (2, "inputs", "TensorProto{}"),
        (3, "output_filter", "string[]"),
    ],
    "PredictResponse": [
        (1, "outputs", "TensorProto{}"),
        (2, "model_spec", "ModelSpec"),
    ],
    "GetModelMetadataRequest": [
        (1, "model_spec", "ModelSpec"),
        (2, "metadata_field", "string[]"),
    ],
    "GetModelMetadataResponse": [
        (1, "model_spec", "ModelSpec"),
        (2, "metadata", "Any{}"),
    ],
    "GetModelStatusRequest": [(1, "model_spec", "ModelSpec")],
    "StatusProto": [(1, "error_code", "int32"), (2, "error_message", "string")],
    "ModelVersionStatus": [
        (1, "version", "int64"),
        (2, "state", "int32"),
        (3, "status", "StatusProto"),
    ],
    "GetModelStatusResponse": [
        (1, "model_version_status", "ModelVersionStatus[]"),
    ],
}


def _define() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(
        name="wmh_keras/serving.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field_name, kind in fields:
            _add_field(message, number, field_name, kind)
    # A pool of its own, so that no other definition can get in the way.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _FIELDS
    }


def _add_field(
    message: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str
) -> None:
    field = message.field.add(name=name, number=number)
    field.label = (
        field.LABEL_REPEATED if kind[-1] in "]}" else (field.LABEL_OPTIONAL)
    )
    if kind.endswith("{}"):
        # A map is a list of entries of key and value.
        entry = message.nested_type.add(name=_entry_name(name))
        entry.options.map_entry = True
        _add_field(entry, 1, "key", "string")
        _add_field(entry, 2, "value", kind.removesuffix("{}"))
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"
        return
    kind = kind.removesuffix("[]")
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"


def _entry_name(field: str) -> str:
    # The name that protobuf demands: signature_def -> SignatureDefEntry.
    return "".join(part.capitalize() for part in field.split("_")) + "Entry"


_CLASSES = _define()

ModelSpec = _CLASSES["ModelSpec"]
TensorProto = _CLASSES["TensorProto"]
SignatureDef = _CLASSES["SignatureDef"]
SignatureDefMap = _CLASSES["SignatureDefMap"]
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
GetModelMetadataRequest = _CLASSES["GetModelMetadataRequest"]
GetModelMetadataResponse = _CLASSES["GetModelMetadataResponse"]
GetModelStatusRequest = _CLASSES["GetModelStatusRequest"]
GetModelStatusResponse = _CLASSES["GetModelStatusResponse"]

SIGNATURE_DEF_URL = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
# tensorflow.serving.ModelVersionStatus.State.
STATES = {
    0: "UNKNOWN",
    10: "START",
    20: "LOADING",
    30: "AVAILABLE",
    40: "UNLOADING",
    50: "END",
}
