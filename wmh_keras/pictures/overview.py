"""An overview picture of one scan, and small pictures for a page."""

import io
import os
from collections.abc import Sequence
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from data_prep.files import write_atomically
from wmh_keras.pictures.overlay import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    Tile,
)

_BAND_PIXELS = 26
_WARNING_COLOUR = "#ffb000"
# Room for the title and the legend even above a single tile.
_NARROWEST = 640
# Characters of a warning in a line of that width.
_LINE_LENGTH = 85


def write_overview(
    path: str | os.PathLike,
    tiles: list[Tile],
    *,
    title: str,
    subtitle: str = "",
    warnings: Sequence[str] = (),
    has_reference: bool = False,
    names: tuple[str, str] = ("found", "reference"),
    columns: int = 4,
) -> None:
    """Writes tiles as one PNG with a title, warnings, R and L, and a legend.

    Args:
      path: the file, replaced atomically.
      tiles: of one size, at least one.
      title: first line.
      subtitle: second line.
      warnings: lines below, in another colour: a picture is passed on alone.
      has_reference: whether the legend names the reference's colour.
      names: what the legend calls the two outlines.
      columns: tiles in a row.

    Raises:
      ValueError: no tiles.
    """
    if not tiles:
        raise ValueError("expected at least one tile, received none")
    width, height = tiles[0].image.size
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    page_width = max(columns * width, _NARROWEST)
    length = _LINE_LENGTH * page_width // _NARROWEST
    lines = [line for text in warnings for line in wrap(text, length)]
    top = (2 + len(lines)) * _BAND_PIXELS + 8
    page = Image.new(
        "RGB",
        (page_width, top + rows * height + _BAND_PIXELS + 4),
        (16, 16, 16),
    )
    draw = ImageDraw.Draw(page)
    write_line(draw, (10, 6), title, page_width - 20, 18, "white")
    write_line(draw, (10, 32), subtitle, page_width - 20, 14, "#cccccc")
    for row, line in enumerate(lines, start=2):
        place = (10, row * _BAND_PIXELS + 6)
        write_line(draw, place, line, page_width - 20, 14, _WARNING_COLOUR)
    for index, tile in enumerate(tiles):
        corner = (index % columns * width, top + index // columns * height)
        page.paste(label_tile(tile), corner)
    entries = [(names[0], PREDICTION_COLOUR)]
    if has_reference:
        entries.append((names[1], REFERENCE_COLOUR))
    write_legend(draw, (10, page.height - _BAND_PIXELS + 2), entries)
    with write_atomically(path) as temporary:
        # "optimize" takes eight times as long, for 7 % more bytes than this.
        page.save(temporary, format="PNG", compress_level=3)


def label_tile(tile: Tile, *, outlined: bool = True) -> Image.Image:
    """Writes R, L and the slice's number onto a copy of a tile.

    Args:
      tile: the slice.
      outlined: whether to take the picture with outlines.
    """
    image = (tile.image if outlined else tile.plain).copy()
    draw = ImageDraw.Draw(image)
    width, height = image.size
    large = ImageFont.load_default(max(width // 16, 11))
    small = ImageFont.load_default(max(width // 22, 10))
    style = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"}
    draw.text((5, height / 2), "R", font=large, anchor="lm", **style)
    draw.text((width - 5, height / 2), "L", font=large, anchor="rm", **style)
    text = f"{tile.number}/{tile.total}"
    draw.text((width - 6, height - 5), text, font=small, anchor="rd", **style)
    return image


def to_jpeg(tile: Tile, quality: int = 82) -> bytes:
    """Returns a labelled tile as a JPEG file's bytes.

    Args:
      tile: the slice, drawn at the wanted size.
      quality: JPEG's, 1 to 95.
    """
    stream = io.BytesIO()
    label_tile(tile).save(stream, format="JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def write_line(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    width: int,
    size: int,
    colour: str,
) -> None:
    """Writes a line, cut off with an ellipsis where it is too wide.

    Args:
      draw: of the page.
      corner: left and top of the line.
      text: what to write.
      width: at most so many pixels.
      size: of the font.
      colour: of the font.
    """
    font = ImageFont.load_default(size)
    if draw.textlength(text, font=font) > width:
        while text and draw.textlength(text + "…", font=font) > width:
            text = text[:-1]
        text += "…"
    draw.text(corner, text, font=font, fill=colour)


def write_legend(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    entries: Sequence[tuple[str, tuple[int, int, int]]],
    *,
    note: str = "",
) -> None:
    """Names the colours of outlines, and what R means, in one line.

    Args:
      draw: of the page.
      corner: left and top of the line.
      entries: names with their colours.
      note: stands behind them.
    """
    font = ImageFont.load_default(13)
    x, y = corner
    for name, colour in entries:
        draw.rectangle((x, y + 3, x + 12, y + 13), outline=colour, width=2)
        draw.text((x + 18, y), name, font=font, fill="#cccccc")
        x += 18 + int(draw.textlength(name, font=font)) + 16
    side = "R: the patient's right, shown on the left (radiological)"
    text = f"{note}    {side}" if note else side
    draw.text((x, y), text, font=font, fill="#cccccc")
