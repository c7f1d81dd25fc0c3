"""Draws a network as a U: bars by resolution, arrows between them."""

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch, Rectangle

from wmh_keras.reporting.figures.network_graph import Link, Node
from wmh_keras.reporting.figures.network_layout import (
    LINE,
    MARGIN,
    NetworkLayout,
    Place,
    bar_width,
    channel_label,
)
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


class NetworkDrawing:
    """Draws one network that has been laid out."""

    def __init__(self, layout: NetworkLayout) -> None:
        """Takes the layout.

        Args:
            layout: see `lay_out_network`.
        """
        self.layout = layout
        self.graph = layout.graph

    def draw(self, axes: Axes) -> None:
        """Draws onto axes that fill the drawing's size."""
        axes.set(xlim=(0, self.layout.width), ylim=(self.layout.height, 0))
        axes.axis("off")
        for number, line in enumerate(self.layout.title):
            axes.text(
                MARGIN,
                MARGIN + (number + 0.5) * LINE,
                literal(line),
                fontsize=9.5,
                fontweight="normal" if number else "bold",
                va="center",
            )
        for name, middle in zip(
            self.graph.levels, self.layout.rows, strict=True
        ):
            axes.text(
                MARGIN,
                middle,
                name.replace(" × ", " ×\n") if len(name) > 12 else name,
                fontsize=SMALL_FONT,
                va="center",
            )
        for link in self.graph.links:
            self._draw_link(axes, link)
        for node, place in zip(
            self.graph.nodes, self.layout.places, strict=True
        ):
            if node.kind == "merge":
                _draw_merge(axes, node, place)
            else:
                self._draw_block(axes, node, place)
        self._draw_legend(axes)

    def _draw_block(self, axes: Axes, node: Node, place: Place) -> None:
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
        bars = (
            sum(bar_width(column) for column in node.columns)
            * self.layout.scale
        )
        x = place.centre - bars / 2
        colours = self._kernel_colours()
        for column in node.columns:
            width = bar_width(column) * self.layout.scale
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
        points = self.layout.route(link)
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


def _draw_merge(axes: Axes, node: Node, place: Place) -> None:
    axes.add_patch(
        Circle(
            (place.centre, place.middle),
            place.height / 2,
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
