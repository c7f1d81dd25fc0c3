"""Reference and prediction of one volume, side by side on the image."""

import os

import numpy as np
from PIL import Image, ImageDraw

from data_prep.files import write_atomically
from data_prep.volume import Volume
from wmh_keras.pictures.overlay import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    draw_tiles,
)
from wmh_keras.pictures.overview import label_tile, write_legend, write_line

_SLICES = 4
_TILE_PIXELS = 300
_GAP_PIXELS = 4
_TOP_PIXELS = 60
_BOTTOM_PIXELS = 30
# Pages show the picture at less than its size, where thin lines fade.
_LINE_PIXELS = 2
_BACKGROUND = (16, 16, 16)
# A picture for every patient of a large cohort: few greys keep it small.
_GREYS = 64


def write_comparison(
    path: str | os.PathLike,
    flair: Volume,
    reference: np.ndarray,
    prediction: np.ndarray,
    *,
    title: str,
    subtitle: str = "",
) -> None:
    """Writes up to four telling axial slices, plain above, outlined below.

    Slices are chosen by the lesions of both masks (see `draw_tiles`). The
    reference is outlined in blue, the prediction in orange, and where both
    outlines coincide they are dashed in both colours.

    Args:
      path: the PNG file, replaced atomically.
      flair: the image.
      reference: (x, y, z) on its grid, where 1 is WMH; other labels are not
        drawn. May be empty.
      prediction: (x, y, z) on its grid, not 0 is WMH. May be empty.
      title: first line.
      subtitle: second line.

    Raises:
      ValueError: a mask has another shape than the image.
    """
    tiles = draw_tiles(
        flair,
        prediction,
        reference,
        count=_SLICES,
        width=_TILE_PIXELS,
        line=_LINE_PIXELS,
    )
    width, height = tiles[0].image.size
    step = width + _GAP_PIXELS
    # Room for the title and the legend above a volume of one slice too.
    page_width = max(len(tiles) * step - _GAP_PIXELS, 640)
    page_height = _TOP_PIXELS + 2 * height + _GAP_PIXELS + _BOTTOM_PIXELS
    page = Image.new("RGB", (page_width, page_height), _BACKGROUND)
    for column, tile in enumerate(tiles):
        for row, outlined in enumerate((False, True)):
            corner = (column * step, _TOP_PIXELS + row * (height + _GAP_PIXELS))
            page.paste(label_tile(tile, outlined=outlined), corner)
    draw = ImageDraw.Draw(page)
    write_line(draw, (10, 6), title, page_width - 20, 18, "white")
    write_line(draw, (10, 32), subtitle, page_width - 20, 14, "#cccccc")
    entries = [
        ("reference", REFERENCE_COLOUR),
        ("prediction", PREDICTION_COLOUR),
    ]
    write_legend(
        draw,
        (10, page_height - _BOTTOM_PIXELS + 6),
        entries,
        note="dashed: both",
    )
    with write_atomically(path) as temporary:
        _to_palette(page).save(temporary, format="PNG", compress_level=9)


def _to_palette(page: Image.Image) -> Image.Image:
    """Reduces a page of greys and the two outlines to one byte a pixel."""
    pixels = np.asarray(page)
    index = (pixels[..., 0] // (256 // _GREYS)).astype(np.uint8)
    greys = np.linspace(0, 255, _GREYS).round().astype(np.uint8)
    palette = np.repeat(greys, 3).tolist()
    for number, colour in enumerate((REFERENCE_COLOUR, PREDICTION_COLOUR)):
        index[(pixels == colour).all(axis=-1)] = _GREYS + number
        palette += colour
    image = Image.fromarray(index)
    image.putpalette(palette)
    return image
