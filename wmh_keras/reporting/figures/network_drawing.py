"""Draws a network as a U: bars by resolution, arrows between them."""

import dataclasses
import math

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch, Rectangle

from wmh_keras.reporting.figures.network_graph import (
    Convolution,
    Link,
    NetworkGraph,
    Node,
)
from wmh_keras.reporting.figures.sheet import wrap_to_width
from wmh_keras.reporting.figures.style import PALETTE, SMALL_FONT, literal

_LINK_COLOURS = {
    "down": PALETTE[1],
    "up": PALETTE[2],
    "skip": "#606060",
    "forward": "black",
}
_KERNEL_COLOURS = (PALETTE[0], PALETTE[5], PALETTE[3], PALETTE[4])
_LINES = ("-", "-.", ":")
_SYMBOLS = {"concatenate": "C", "add": "+", "multiply": "×"}
# In inches.
_MARGIN = 0.1
_LABEL = 0.2
_LINE = 0.19
_LEVEL_NAMES = 0.95
_FINEST_BAR = 0.85
_LOWEST_BAR = 0.3
_RADIUS = 0.1
_CHARACTER = 0.085
_ROW_GAP = 0.42


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a node lies, in inches from the upper left corner."""

    left: float
    width: float
    middle: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def centre(self) -> float:
        return self.left + self.width / 2


@dataclasses.dataclass(frozen=True)
class NetworkDrawing:
    """A network with the places of its nodes; see `lay_out_network`."""

    graph: NetworkGraph
    title: tuple[str, ...]
    places: tuple[_Place, ...]
    rows: tuple[float, ...]
    width: float
    height: float
    scale: float

    def draw(self, axes: Axes) -> None:
        """Draws onto axes that fill the drawing's size."""
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        axes.axis("off")
        for number, line in enumerate(self.title):
            axes.text(
                _MARGIN,
                _MARGIN + (number + 0.5) * _LINE,
                literal(line),
                fontsize=9.5,
                fontweight="normal" if number else "bold",
                va="center",
            )
        for name, middle in zip(self.graph.levels, self.rows, strict=True):
            axes.text(
                _MARGIN,
                middle,
                name.replace(" × ", " ×\n") if len(name) > 12 else name,
                fontsize=SMALL_FONT,
                va="center",
            )
        for link in self.graph.links:
            self._draw_link(axes, link)
        for node, place in zip(self.graph.nodes, self.places, strict=True):
            if node.kind == "merge":
                _draw_merge(axes, node, place)
            else:
                self._draw_block(axes, node, place)
        self._draw_legend(axes)

    def _draw_block(self, axes: Axes, node: Node, place: _Place) -> None:
        top = place.middle - place.height / 2
        axes.text(
            place.centre,
            top - 0.03,
            channel_label(node),
            fontsize=SMALL_FONT,
            ha="center",
            va="bottom",
        )
        if node.kind == "input":
            axes.add_patch(
                Rectangle(
                    (place.left, top),
                    place.width,
                    place.height,
                    facecolor="#C0C0C0",
                    edgecolor="#606060",
                    linewidth=0.6,
                )
            )
            return
        bars = sum(_bar_width(column) for column in node.columns) * self.scale
        x = place.centre - bars / 2
        colours = self._kernel_colours()
        for column in node.columns:
            width = _bar_width(column) * self.scale
            height = place.height / len(column)
            for number, convolution in enumerate(column):
                axes.add_patch(
                    Rectangle(
                        (x, top + number * height),
                        width,
                        height,
                        facecolor=colours[convolution.kernel],
                        edgecolor="white",
                        linewidth=0.8,
                    )
                )
            x += width
        if node.residual:
            # Below on the left, where no arrow begins or ends.
            axes.text(
                place.left - 0.03,
                top + place.height,
                "+",
                ha="right",
                va="center",
                fontsize=SMALL_FONT,
            )

    def _draw_link(self, axes: Axes, link: Link) -> None:
        points = self._route(link)
        colour, style = self._link_style(link)
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            color=colour,
            linestyle=style,
            linewidth=1.2,
            solid_joinstyle="miter",
        )
        axes.annotate(
            "",
            xy=points[-1],
            xytext=points[-2],
            arrowprops={
                "arrowstyle": "-|>",
                "color": colour,
                "linewidth": 0,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 12,
            },
        )

    def _route(self, link: Link) -> list[tuple[float, float]]:
        """Returns the corners of a link; labels stand above the nodes."""
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

    def _link_style(self, link: Link) -> tuple[str, str]:
        """Returns colour and line; a second kind of pooling is dashed."""
        if link.kind == "skip":
            return _LINK_COLOURS["skip"], "--"
        labels = dict.fromkeys(
            other.label for other in self.graph.links if other.kind == link.kind
        )
        number = list(labels).index(link.label)
        return _LINK_COLOURS[link.kind], _LINES[number % len(_LINES)]

    def _kernel_colours(self) -> dict[str, str]:
        kernels = dict.fromkeys(
            convolution.kernel
            for node in self.graph.nodes
            for column in node.columns
            for convolution in column
        )
        return {
            kernel: _KERNEL_COLOURS[index % len(_KERNEL_COLOURS)]
            for index, kernel in enumerate(kernels)
        }

    def _draw_legend(self, axes: Axes) -> None:
        handles = [
            Patch(color=colour, label=f"convolution {kernel}")
            for kernel, colour in self._kernel_colours().items()
        ]
        styles = {
            link.label: self._link_style(link)
            for link in self.graph.links
            if link.kind in ("down", "up")
        }
        handles += [
            Line2D([], [], color=colour, linestyle=style, label=label)
            for label, (colour, style) in styles.items()
        ]
        if any(link.kind == "skip" for link in self.graph.links):
            handles.append(
                Line2D([], [], color="#606060", linestyle="--", label="skip")
            )
        for merge in dict.fromkeys(
            n.merge for n in self.graph.nodes if n.merge
        ):
            symbol = _SYMBOLS.get(merge, "M")
            handles.append(
                Line2D([], [], linestyle="", label=f"({symbol}) {merge}")
            )
        if any(node.residual for node in self.graph.nodes):
            handles.append(
                Line2D([], [], linestyle="", label="+ residual block")
            )
        axes.legend(
            handles=handles,
            loc="lower center",
            ncols=min(len(handles), 4),
            frameon=False,
            fontsize=SMALL_FONT,
            handlelength=2,
            columnspacing=1.5,
        )


def lay_out_network(
    graph: NetworkGraph, title: str, width: float
) -> NetworkDrawing:
    """Finds a place for every node: order from left to right, level downwards.

    Args:
        graph: the network.
        title: first line; the numbers of layers and parameters follow.
        width: of the drawing in inches.

    Returns:
        The drawing, whose height follows from its levels.
    """
    lines = [
        *wrap_to_width(title, width - 0.5, bold=True),
        *wrap_to_width(summary_line(graph), width - 0.5),
    ]
    heights = [
        max(_FINEST_BAR * 0.75**level, _LOWEST_BAR)
        for level in range(len(graph.levels))
    ]
    rows, y = [], _MARGIN + len(lines) * _LINE + 0.12
    for height in heights:
        rows.append(y + _LABEL + height / 2)
        y += height + _LABEL + _ROW_GAP
    scale, gap = _fit(graph, width)
    places, x = [], _LEVEL_NAMES
    for node in graph.nodes:
        size = _node_width(node, scale)
        high = 2 * _RADIUS if node.kind == "merge" else heights[node.level]
        places.append(_Place(x, size, rows[node.level], high))
        x += size + gap
    entries = 4 + len({link.label for link in graph.links})
    return NetworkDrawing(
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
    room = width - _LEVEL_NAMES - 2 * _MARGIN
    for scale in (1.0, 0.8, 0.6, 0.45, 0.3):
        bars = sum(_node_width(node, scale) for node in graph.nodes)
        gap = (room - bars) / max(len(graph.nodes) - 1, 1)
        if gap >= 0.15:
            return scale, min(gap, 0.5)
    return 0.3, max(gap, 0.02)


def _node_width(node: Node, scale: float) -> float:
    if node.kind == "merge":
        return 2 * _RADIUS
    bars = sum(_bar_width(column) for column in node.columns) * scale
    return max(bars, len(channel_label(node)) * _CHARACTER, 0.1)


def _bar_width(column: tuple[Convolution, ...]) -> float:
    channels = max(convolution.channels for convolution in column)
    return min(0.08 + 0.03 * math.log2(channels), 0.35)


def _draw_merge(axes: Axes, node: Node, place: _Place) -> None:
    axes.add_patch(
        Circle(
            (place.centre, place.middle),
            _RADIUS,
            facecolor="white",
            edgecolor="black",
            linewidth=1,
            zorder=3,
        )
    )
    axes.text(
        place.centre,
        place.middle,
        _SYMBOLS.get(node.merge, "M"),
        fontsize=SMALL_FONT,
        ha="center",
        va="center_baseline",
        zorder=4,
    )
