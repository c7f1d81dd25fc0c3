"""Reads blocks and links from the graph of a Keras model.

Nothing here knows a certain network. Operations are put together by how often
the resolution changed before them: a block is what stands between two such
changes, or between a change and the place where a skip connection comes in.
"""

import math
from collections.abc import Sequence
from typing import Any

from wmh_keras.reporting.figures.network_graph import (
    Convolution,
    Link,
    NetworkGraph,
    Node,
)
from wmh_keras.reporting.figures.network_layers import (
    as_list,
    describe_change,
    follow_names,
    is_convolution,
    output_shapes,
    to_convolution,
)

_MERGES = {"Concatenate": "concatenate", "Add": "add", "Multiply": "multiply"}

Key = tuple[int, int, int]


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
            for tensor in as_list(op.output)
        }
        self.parents = {
            op.name: []
            if type(op).__name__ == "InputLayer"
            else [maker[id(tensor)] for tensor in as_list(op.input)]
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
        convolutions = [op for op in self.operations if is_convolution(op)]
        return NetworkGraph(
            nodes=tuple(self.nodes),
            links=tuple(self.links.values()),
            levels=tuple(self._level_name(scale) for scale in scales),
            follows=follow_names(self.operations),
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
        while not is_convolution(op):
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
            if is_convolution(op) and not self._change(op):
                depth[op.name] += 1
                column = columns.setdefault(depth[op.name], [])
                column.append(to_convolution(op))
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
