"""What single Keras layers are called, and the sides of their output."""

from collections.abc import Mapping, Sequence
from typing import Any

from wmh_keras.reporting.figures.network_graph import Convolution

# Stands for a side that is not fixed; every pooling can halve it.
_FREE_SIDE = 256
_WORDS = {
    "BatchNormalization": "batch normalisation",
    "LayerNormalization": "layer normalisation",
    "GroupNormalization": "group normalisation",
    "ReLU": "ReLU",
    "LeakyReLU": "leaky ReLU",
    "Dropout": "dropout",
    "SpatialDropout2D": "dropout",
    "SpatialDropout3D": "dropout",
}


def output_shapes(model: Any) -> Mapping[str, tuple[int, ...]]:  # noqa: ANN401
    """Returns the sides of every operation's output.

    Args:
        model: where a side is free, 256 stands for it.

    Returns:
        By the operation's name, (h, w) or (x, y, z).
    """
    import keras

    known: dict[int, Any] = {}
    shapes = {}
    for op in model.operations:
        if type(op).__name__ == "InputLayer":
            shape = [side or _FREE_SIDE for side in op.output.shape[1:]]
            result = keras.KerasTensor((1, *shape), dtype=op.output.dtype)
        elif None in model.inputs[0].shape[1:-1]:
            inputs = [known[id(tensor)] for tensor in as_list(op.input)]
            if isinstance(op, keras.layers.Layer) and len(inputs) > 1:
                inputs = [inputs]
            result = op.compute_output_spec(*inputs)
        else:
            result = op.output
        known[id(op.output)] = result
        shapes[op.name] = tuple(result.shape[1:-1])
    return shapes


def describe_change(op: Any) -> str:  # noqa: ANN401
    """Says what a layer that changes the resolution does."""
    name = type(op).__name__
    if "Pooling" in name:
        kind = "average" if "Average" in name else "max"
        return f"{kind} pooling {_times(op.pool_size)}"
    if "UpSampling" in name:
        rule = getattr(op, "interpolation", "nearest")
        return f"{rule} upsampling {_times(op.size)}"
    if is_convolution(op):
        kind = "transposed" if "Transpose" in name else "strided"
        return (
            f"{kind} convolution {_times(op.kernel_size)}, "
            f"stride {_times(op.strides)}"
        )
    return name


def is_convolution(op: Any) -> bool:  # noqa: ANN401
    """Whether a layer is a convolution, of any kind."""
    return "Conv" in type(op).__name__ and hasattr(op, "kernel_size")


def to_convolution(op: Any) -> Convolution:  # noqa: ANN401
    """Returns kernel and channels of a convolution layer."""
    return Convolution(_times(op.kernel_size), int(op.output.shape[-1]))


def _times(numbers: int | Sequence[int]) -> str:
    numbers = (numbers,) if isinstance(numbers, int) else numbers
    return "×".join(str(number) for number in numbers)


def as_list(tensors: Any) -> list[Any]:  # noqa: ANN401
    """Returns the one or several tensors of a layer as a list."""
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def follow_names(operations: Sequence[Any]) -> tuple[str, ...]:
    """Names normalisations and activations, each once."""
    names = []
    for op in operations:
        name = type(op).__name__
        activation = getattr(op, "activation", None)
        if name in _WORDS:
            names.append(_WORDS[name])
        elif activation is not None and activation.__name__ != "linear":
            words = activation.__name__.replace("_", " ")
            names.append(words.replace("relu", "ReLU"))
    return tuple(dict.fromkeys(names))
