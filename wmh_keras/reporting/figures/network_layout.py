"""Finds places for the blocks of a network, in the shape of a U."""

import dataclasses
import math

from wmh_keras.reporting.figures.network_graph import (
    Convolution,
    Link,
    NetworkGraph,
    Node,
)
from wmh_keras.reporting.figures.sheet import wrap_to_width

# In inches.
MARGIN = 0.1
LINE = 0.19
_LABEL = 0.2
_LEAST_LEVEL_NAMES = 0.95
_LEVEL_CHARACTER = 0.075
_FINEST_BAR = 0.85
_LOWEST_BAR = 0.3
_RADIUS = 0.1
_CHARACTER = 0.085
_ROW_GAP = 0.42


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a node lies, in inches from the upper left corner."""

    left: float
    width: float
    middle: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def centre(self) -> float:
        """Middle, from the left."""
        return self.left + self.width / 2


@dataclasses.dataclass(frozen=True)
class NetworkLayout:
    """A network with the places of its nodes, in inches.

    Attributes:
        graph: the network.
        title: lines above it.
        places: of the nodes.
        rows: of the levels, from the top.
        width, height: of the whole.
        scale: how wide bars are drawn, 1 where there is room.
    """

    graph: NetworkGraph
    title: tuple[str, ...]
    places: tuple[Place, ...]
    rows: tuple[float, ...]
    width: float
    height: float
    scale: float

    def route(self, link: Link) -> list[tuple[float, float]]:
        """Returns the corners of a link; channels stand above the nodes."""
        source, target = self.places[link.source], self.places[link.target]
        if link.kind == "down":
            bottom = source.middle + source.height / 2
            return [
                (source.centre, bottom),
                (source.centre, target.middle),
                (target.left, target.middle),
            ]
        if link.kind == "up":
            bottom = target.middle + target.height / 2
            return [
                (source.right, source.middle),
                (target.centre, source.middle),
                (target.centre, bottom),
            ]
        between = [
            place
            for place in self.places
            if place.middle == target.middle
            and source.right < place.centre < target.left
        ]
        if link.kind == "skip" and between:
            over = target.middle - max(p.height for p in between) / 2 - _LABEL
            over -= 0.05
            return [
                (source.right, source.middle),
                (source.right + 0.08, source.middle),
                (source.right + 0.08, over),
                (target.centre, over),
                (target.centre, target.middle - target.height / 2),
            ]
        return [(source.right, source.middle), (target.left, target.middle)]


def lay_out_network(
    graph: NetworkGraph, title: str, width: float
) -> NetworkLayout:
    """Finds a place for every node: order from left to right, level downwards.

    Args:
        graph: the network.
        title: first line; the numbers of layers and parameters follow.
        width: of the whole, in inches.

    Returns:
        The layout, whose height follows from its levels.
    """
    lines = [
        *wrap_to_width(title, width - 0.5, bold=True),
        *wrap_to_width(summary_line(graph), width - 0.5),
    ]
    heights = [
        max(_FINEST_BAR * 0.75**level, _LOWEST_BAR)
        for level in range(len(graph.levels))
    ]
    rows, y = [], MARGIN + len(lines) * LINE + 0.25
    for height in heights:
        rows.append(y + _LABEL + height / 2)
        y += height + _LABEL + _ROW_GAP
    scale, gap = _fit(graph, width)
    places, x = [], _level_names_width(graph)
    for node in graph.nodes:
        size = _node_width(node, scale)
        high = 2 * _RADIUS if node.kind == "merge" else heights[node.level]
        places.append(Place(x, size, rows[node.level], high))
        x += size + gap
    entries = 4 + len({link.label for link in graph.links})
    return NetworkLayout(
        graph=graph,
        title=tuple(lines),
        places=tuple(places),
        rows=tuple(rows),
        width=width,
        height=y - _ROW_GAP + 0.2 + math.ceil(entries / 4) * 0.25,
        scale=scale,
    )


def summary_line(graph: NetworkGraph) -> str:
    """Says how large a network is, and what follows its convolutions."""
    text = (
        f"{graph.num_parameters:,} trainable parameters, "
        f"{graph.num_convolutions} convolution layers"
    )
    if graph.num_transposed:
        text += f" ({graph.num_transposed} of them transposed)"
    if graph.follows:
        text += f"; with {', '.join(graph.follows)}"
    return text


def channel_label(node: Node) -> str:
    """Returns the channels of a block: "64", or "64→128" where they change."""
    if not node.columns:
        return str(node.channels)
    numbers = dict.fromkeys(
        convolution.channels
        for column in node.columns
        for convolution in column
    )
    return "→".join(str(number) for number in numbers)


def _fit(graph: NetworkGraph, width: float) -> tuple[float, float]:
    """Returns how wide bars are drawn, and the gap between nodes."""
    room = width - _level_names_width(graph) - 2 * MARGIN
    for scale in (1.0, 0.8, 0.6, 0.45, 0.3):
        bars = sum(_node_width(node, scale) for node in graph.nodes)
        gap = (room - bars) / max(len(graph.nodes) - 1, 1)
        if gap >= 0.15:
            return scale, min(gap, 0.5)
    return 0.3, max(gap, 0.02)


def _level_names_width(graph: NetworkGraph) -> float:
    """Room for such as "16 × 128 × 128", left of the first node."""
    longest = max(map(len, graph.levels))
    return max(_LEAST_LEVEL_NAMES, longest * _LEVEL_CHARACTER + 2 * MARGIN)


def _node_width(node: Node, scale: float) -> float:
    if node.kind == "merge":
        return 2 * _RADIUS
    bars = sum(bar_width(column) for column in node.columns) * scale
    return max(bars, len(channel_label(node)) * _CHARACTER, 0.1)


def bar_width(column: tuple[Convolution, ...]) -> float:
    """Returns the width of a bar before it is scaled, by its channels."""
    channels = max(convolution.channels for convolution in column)
    return min(0.08 + 0.03 * math.log2(channels), 0.35)
