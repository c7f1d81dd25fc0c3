"""What a network is made of, read from its Keras graph.

Nothing here knows a certain network. Operations are put together by how often
the resolution changed before them: a block is what stands between two such
changes, or between a change and the place where a skip connection comes in.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

# Stands for a side that is not fixed; every pooling can halve it.
_FREE_SIDE = 256
_MERGES = {"Concatenate": "concatenate", "Add": "add", "Multiply": "multiply"}
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

Key = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One convolution layer.

    Attributes:
        kernel: such as "3×3".
        channels: of its output.
    """

    kernel: str
    channels: int


@dataclasses.dataclass(frozen=True)
class Node:
    """A block of layers at one resolution, or where a skip comes in.

    Attributes:
        kind: "input", "block" or "merge".
        level: 0 for the finest resolution.
        columns: convolutions of a block in order; those in one column work
            side by side on the same input.
        channels: of the output.
        merge: "concatenate", "add", ... of a merge; "" of a block.
        residual: whether a block adds two of its own paths.
    """

    kind: str
    level: int
    columns: tuple[tuple[Convolution, ...], ...] = ()
    channels: int = 0
    merge: str = ""
    residual: bool = False


@dataclasses.dataclass(frozen=True)
class Link:
    """What leads from one node to another.

    Attributes:
        source, target: indices of nodes.
        kind: "down", "up", "skip" or "forward".
        label: what the layer does, such as "max pooling 2×2".
    """

    source: int
    target: int
    kind: str
    label: str = ""


@dataclasses.dataclass(frozen=True)
class NetworkGraph:
    """A network as blocks and links.

    Attributes:
        nodes: in the order of the computation.
        links: between them.
        levels: what to call each resolution, such as "192 × 192", or "1/2"
            where the sides are free.
        follows: what stands behind the convolutions, such as "ReLU".
        num_parameters: trainable ones.
        num_convolutions: convolution layers, transposed ones included.
        num_transposed: the transposed ones.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    levels: tuple[str, ...]
    follows: tuple[str, ...]
    num_parameters: int
    num_convolutions: int
    num_transposed: int


def read_network(model: Any) -> NetworkGraph:  # noqa: ANN401
    """Reads the graph of a functional Keras model with one input.

    Args:
        model: the model; weights do not matter.
    """
    return _Reader(model).read()


class _Reader:
    """Holds what is known of every operation while the graph is read."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self.model = model
        self.operations = list(model.operations)
        maker = {
            id(tensor): op
            for op in self.operations
            for tensor in _as_list(op.output)
        }
        self.parents = {
            op.name: []
            if type(op).__name__ == "InputLayer"
            else [maker[id(tensor)] for tensor in _as_list(op.input)]
            for op in self.operations
        }
        self.shapes = output_shapes(model)
        self.keys: dict[str, Key] = {}
        self.nodes: list[Node] = []
        self.links: dict[tuple[int, int], Link] = {}
        # First and last node of a group; none where it only changes the
        # resolution.
        self.ends: dict[Key, tuple[int, int]] = {}

    def read(self) -> NetworkGraph:
        self._find_keys()
        scales = sorted(
            {self._scale(op.name) for op in self.operations}, key=sum
        )
        for key in dict.fromkeys(self.keys[op.name] for op in self.operations):
            group = [op for op in self.operations if self.keys[op.name] == key]
            self._add_nodes(key, group, scales)
        for op in self.operations:
            self._add_links(op)
        convolutions = [op for op in self.operations if _is_convolution(op)]
        return NetworkGraph(
            nodes=tuple(self.nodes),
            links=tuple(self.links.values()),
            levels=tuple(self._level_name(scale) for scale in scales),
            follows=self._follows(),
            num_parameters=sum(
                math.prod(weight.shape)
                for weight in self.model.trainable_weights
            ),
            num_convolutions=len(convolutions),
            num_transposed=sum(
                "Transpose" in type(op).__name__ for op in convolutions
            ),
        )

    def _scale(self, name: str) -> tuple[int, ...]:
        """How often each axis was halved."""
        image = self.shapes[self.operations[0].name]
        return tuple(
            round(math.log2(whole / part))
            for whole, part in zip(image, self.shapes[name], strict=True)
        )

    def _change(self, op: Any) -> str:  # noqa: ANN401
        """Returns "down" or "up" for an operation that changes resolution."""
        for parent in self.parents[op.name]:
            before, after = self._scale(parent.name), self._scale(op.name)
            if before != after:
                return "down" if sum(after) > sum(before) else "up"
        return ""

    def _find_keys(self) -> None:
        """Gives each operation its group.

        A key is (changes of resolution before, skips that came in since, 1
        for the convolution that makes the output).
        """
        last = self._last_convolution()
        for op in self.operations:
            parents = self.parents[op.name]
            if not parents:
                self.keys[op.name] = (-1, 0, 0)
                continue
            before = [self.keys[parent.name] for parent in parents]
            stage, merged, ending = max(before)
            if stage < 0:
                stage = 0
            if self._change(op):
                stage, merged = stage + 1, 0
            elif self._is_skip(op):
                merged += 1
            ending = int(ending or op.name == last)
            self.keys[op.name] = (stage, merged, ending)

    def _is_skip(self, op: Any) -> bool:  # noqa: ANN401
        """Whether an operation joins paths of different length."""
        stages = {self.keys[p.name][0] for p in self.parents[op.name]}
        return len(stages) > 1

    def _last_convolution(self) -> str:
        """Returns the convolution that makes the logits, if it is 1×1."""
        op = self.operations[-1]
        while not _is_convolution(op):
            if len(self.parents[op.name]) != 1:
                return ""
            (op,) = self.parents[op.name]
        return op.name if max(op.kernel_size) == 1 else ""

    def _add_nodes(
        self,
        key: Key,
        group: Sequence[Any],
        scales: Sequence[tuple[int, ...]],
    ) -> None:
        level = scales.index(self._scale(group[-1].name))
        channels = int(group[-1].output.shape[-1])
        first = len(self.nodes)
        if key[0] < 0:
            self.nodes.append(Node("input", level, channels=channels))
        for op in group:
            if self._is_skip(op):
                merge = _MERGES.get(type(op).__name__, type(op).__name__)
                self.nodes.append(Node("merge", level, merge=merge))
        columns = self._columns(group)
        if columns:
            residual = any(
                len(self.parents[op.name]) > 1 and not self._is_skip(op)
                for op in group
            )
            self.nodes.append(
                Node("block", level, columns, channels, residual=residual)
            )
        if len(self.nodes) > first:
            self.ends[key] = (first, len(self.nodes) - 1)
            for number in range(first, len(self.nodes) - 1):
                self._link(number, number + 1, "forward")

    def _columns(
        self, group: Sequence[Any]
    ) -> tuple[tuple[Convolution, ...], ...]:
        depth: dict[str, int] = {}
        columns: dict[int, list[Convolution]] = {}
        for op in group:
            inside = [depth.get(p.name, 0) for p in self.parents[op.name]]
            depth[op.name] = max(inside, default=0)
            if _is_convolution(op) and not self._change(op):
                depth[op.name] += 1
                column = columns.setdefault(depth[op.name], [])
                column.append(_convolution(op))
        return tuple(tuple(columns[number]) for number in sorted(columns))

    def _add_links(self, op: Any) -> None:  # noqa: ANN401
        key = self.keys[op.name]
        if key not in self.ends:
            return
        for parent in self.parents[op.name]:
            if self.keys[parent.name] == key:
                continue
            kind, label = "forward", ""
            if self._is_skip(op) and self.keys[parent.name][0] != key[0]:
                kind = "skip"
            if self._change(op):
                kind, label = self._change(op), describe_change(op)
            source = self.keys[parent.name]
            while source not in self.ends:
                # A group that only changes the resolution is the link.
                change = next(
                    o for o in self.operations if self.keys[o.name] == source
                )
                kind, label = self._change(change), describe_change(change)
                (before,) = self.parents[change.name]
                source = self.keys[before.name]
            self._link(self.ends[source][1], self.ends[key][0], kind, label)

    def _link(
        self, source: int, target: int, kind: str, label: str = ""
    ) -> None:
        self.links.setdefault(
            (source, target), Link(source, target, kind, label)
        )

    def _level_name(self, scale: tuple[int, ...]) -> str:
        """Names the sides; where they are free, the share that is left."""
        fixed = self.model.inputs[0].shape[1:-1]
        if not any(fixed) and len(set(scale)) == 1:
            return f"1/{2 ** scale[0]}" if scale[0] else "full size"
        return " × ".join(
            str((side or 1) // 2**halvings)
            if side or not halvings
            else f"1/{2**halvings}"
            for side, halvings in zip(fixed, scale, strict=True)
        )

    def _follows(self) -> tuple[str, ...]:
        names = []
        for op in self.operations:
            name = type(op).__name__
            activation = getattr(op, "activation", None)
            if name in _WORDS:
                names.append(_WORDS[name])
            elif activation is not None and activation.__name__ != "linear":
                names.append(
                    activation.__name__.replace("_", " ").replace(
                        "relu", "ReLU"
                    )
                )
        return tuple(dict.fromkeys(names))


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
            inputs = [known[id(tensor)] for tensor in _as_list(op.input)]
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
    if _is_convolution(op):
        kind = "transposed" if "Transpose" in name else "strided"
        return (
            f"{kind} convolution {_times(op.kernel_size)}, "
            f"stride {_times(op.strides)}"
        )
    return name


def _is_convolution(op: Any) -> bool:  # noqa: ANN401
    return "Conv" in type(op).__name__ and hasattr(op, "kernel_size")


def _convolution(op: Any) -> Convolution:  # noqa: ANN401
    return Convolution(_times(op.kernel_size), int(op.output.shape[-1]))


def _times(numbers: int | Sequence[int]) -> str:
    numbers = (numbers,) if isinstance(numbers, int) else numbers
    return "×".join(str(number) for number in numbers)


def _as_list(tensors: Any) -> list[Any]:  # noqa: ANN401
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]
