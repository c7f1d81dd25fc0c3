"""Boxes and arrows: a sheet whose unit is the inch, growing downwards."""

import dataclasses
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import text_to_path

from wmh_keras.reporting.figures.style import literal

LINE = 0.19
_FONT_POINTS = 9.5
_PADDING = 0.1
_MARGIN = 0.1
_POINTS_PER_INCH = 72


@dataclasses.dataclass(frozen=True)
class Box:
    """A box on the sheet, in inches from the upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        """Middle, from the left."""
        return self.left + self.width / 2

    @property
    def middle(self) -> float:
        """Middle, from the top."""
        return self.top + self.height / 2

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height


class Sheet:
    """Collects boxes and arrows, then becomes a figure of the right height."""

    def __init__(self, width: float) -> None:
        """Starts an empty sheet.

        Args:
            width: in inches.
        """
        self.width = width
        self._boxes: list[tuple[Box, list[str], str, bool]] = []
        self._arrows: list[Sequence[tuple[float, float]]] = []

    def add_box(
        self,
        lines: Sequence[str],
        *,
        left: float,
        top: float,
        width: float,
        colour: str = "#F2F6FA",
        align_left: bool = False,
    ) -> Box:
        """Adds a box with a bold first line; long lines are broken.

        Args:
            lines: what stands in it, at least one.
            left: edge in inches, as the rest.
            top: upper edge.
            width: the height follows from the lines.
            colour: of the ground.
            align_left: else the lines are centred.

        Returns:
            Where it is.
        """
        inner = width - 2 * _PADDING
        bold = wrap_to_width(lines[0], inner, bold=True)
        rest = [
            part for line in lines[1:] for part in wrap_to_width(line, inner)
        ]
        height = (len(bold) + len(rest)) * LINE + 2 * _PADDING
        box = Box(left, top, width, height)
        texts = [("bold", text) for text in bold]
        texts += [("normal", text) for text in rest]
        self._boxes.append((box, texts, colour, align_left))
        return box

    def add_arrow(self, *points: tuple[float, float]) -> None:
        """Adds a line through points (from left, from top), with a head."""
        self._arrows.append(points)

    def to_figure(self) -> Figure:
        """Draws all of it; the height follows from the lowest box."""
        height = max(box.bottom for box, *_ in self._boxes) + _MARGIN
        figure = Figure(figsize=(self.width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(height, 0))
        axes.axis("off")
        for points in self._arrows:
            *_, before, last = points
            axes.plot(
                [x for x, _ in points], [y for _, y in points], color="#606060"
            )
            axes.annotate(
                "",
                xy=last,
                xytext=before,
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": "#606060",
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
        for box, texts, colour, align_left in self._boxes:
            patch = FancyBboxPatch(
                (box.left, box.top),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=colour,
                edgecolor="#606060",
                zorder=2,
            )
            axes.add_patch(patch)
            x = box.left + _PADDING if align_left else box.centre
            for number, (weight, text) in enumerate(texts):
                axes.text(
                    x,
                    box.top + _PADDING + (number + 0.5) * LINE,
                    literal(text),
                    fontsize=_FONT_POINTS,
                    fontweight=weight,
                    ha="left" if align_left else "center",
                    va="center_baseline",
                    zorder=3,
                )
        return figure


def wrap_to_width(text: str, width: float, *, bold: bool = False) -> list[str]:
    """Breaks a text into lines that fit.

    Args:
        text: words; a word that is too wide is broken.
        width: in inches.
        bold: of the font.

    Returns:
        At least one line.
    """
    font = FontProperties(
        size=_FONT_POINTS, weight="bold" if bold else "normal"
    )

    def fits(line: str) -> bool:
        points, _, _ = text_to_path.get_text_width_height_descent(
            line, font, ismath=False
        )
        return points / _POINTS_PER_INCH <= width

    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if fits(joined):
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while word and not fits(word):
            length = next(
                n for n in range(len(word), 0, -1) if n == 1 or fits(word[:n])
            )
            lines[-1] = word[:length]
            word = word[length:]
            lines.append("")
        lines[-1] = word
    return [line for line in lines if line] or [""]
