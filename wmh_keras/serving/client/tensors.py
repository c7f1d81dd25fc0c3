"""Arrays as TensorFlow's message of a tensor, and back."""

import math

import numpy as np

from wmh_keras.serving.client.messages import TensorProto
from wmh_keras.serving.client.transport import TensorSpec

# tensorflow.DataType, as far as needed.
_FLOAT, _INT32, _UINT8, _STRING = 1, 3, 4, 7
_NUMBERS = {
    _FLOAT: np.dtype(np.float32),
    _INT32: np.dtype(np.int32),
    _UINT8: np.dtype(np.uint8),
}
_NAMES = {code: dtype.name for code, dtype in _NUMBERS.items()}
_NAMES[_STRING] = "string"
# The same types in the JSON of REST.
NAMES_OF_REST = {
    "DT_FLOAT": "float32",
    "DT_INT32": "int32",
    "DT_UINT8": "uint8",
    "DT_STRING": "string",
}
_MAX_AXES = 8


def to_proto(array: np.ndarray) -> TensorProto:
    """Packs an array.

    Args:
      array: float32, int32 or uint8.

    Raises:
      ValueError: another type.
    """
    proto = TensorProto(
        dtype=_code_of(array.dtype),
        # Little-endian, whatever the machine.
        tensor_content=array.astype(
            array.dtype.newbyteorder("<"), copy=False
        ).tobytes(),
    )
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def from_proto(proto: TensorProto, kind: type) -> np.ndarray:
    """Unpacks an array.

    A server may send the bytes, or a list of numbers. The short form that
    stands for equal numbers is refused: no server uses it for an answer, and a
    message cut short would look the same.

    Args:
      proto: the message.
      kind: what it has to hold: np.float32, np.int32, np.uint8, or bytes for
        strings.

    Returns:
      The array; strings as bytes objects.

    Raises:
      ValueError: another type, or not as many values as the shape says.
    """
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    code = _STRING if kind is bytes else _code_of(np.dtype(kind))
    if proto.dtype != code:
        raise ValueError(
            f"expected a tensor of {_NAMES[code]}, received one of "
            f"{_NAMES.get(proto.dtype, f'type {proto.dtype}')}"
        )
    if len(shape) > _MAX_AXES or any(size < 0 for size in shape):
        raise ValueError(f"a tensor of shape {shape}")
    if kind is bytes:
        values = np.empty(len(proto.string_val), object)
        values[:] = list(proto.string_val)
    else:
        values = _numbers(proto, np.dtype(kind))
    if values.size != math.prod(shape):
        raise ValueError(f"a tensor of shape {shape} with {values.size} values")
    return values.reshape(shape)


def _code_of(dtype: np.dtype) -> int:
    for code, known in _NUMBERS.items():
        if known == dtype:
            return code
    raise ValueError(f"expected one of {_NAMES}, received {dtype}")


def _numbers(proto: TensorProto, dtype: np.dtype) -> np.ndarray:
    if proto.tensor_content:
        content = np.frombuffer(proto.tensor_content, dtype.newbyteorder("<"))
        return content.astype(dtype)
    if proto.dtype == _FLOAT:
        return np.fromiter(proto.float_val, dtype, len(proto.float_val))
    values = np.fromiter(proto.int_val, np.int32, len(proto.int_val))
    limits = np.iinfo(dtype)
    if values.size and not (
        limits.min <= values.min() and values.max() <= limits.max
    ):
        raise ValueError(f"numbers that {dtype} cannot hold")
    return values.astype(dtype)


def to_spec(info: object) -> TensorSpec:
    """Says what a TensorInfo of a signature describes."""
    shape = None
    if not info.tensor_shape.unknown_rank:
        sizes = [dim.size for dim in info.tensor_shape.dim]
        shape = tuple(None if size < 0 else size for size in sizes)
    return TensorSpec(_NAMES.get(info.dtype, f"type {info.dtype}"), shape)
