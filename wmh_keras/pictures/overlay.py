"""Pictures of axial slices with the outline of a mask.

Drawn with Pillow alone, so that no display is ever needed. Slices are shown
in radiological convention: the patient's right is on the left, anterior is
up. Pixels are drawn at their size in millimetres.
"""

import dataclasses

import numpy as np
from PIL import Image

from data_prep.geometry import slice_geometry
from data_prep.intensity import foreground
from data_prep.volume import Volume

PREDICTION_COLOUR = (255, 176, 0)
REFERENCE_COLOUR = (86, 180, 233)

_WINDOW_PERCENTILES = (1, 99)
# Share of the head, from below and above, that shows no white matter.
_HEAD_MARGIN = 0.15
_CROP_MARGIN_MM = 5.0
# Rows and columns with a smaller share of the fullest one are background.
_FEWEST_HEAD_SHARE = 0.02
_WINDOW_VOXELS = 4_000_000
_DASH_PIXELS = 5


@dataclasses.dataclass(frozen=True)
class Tile:
    """One axial slice as a picture.

    Attributes:
      image: RGB, anterior up, the patient's right on the left.
      plain: the same without outlines.
      number: which slice, counted from 1 at the inferior end.
      total: number of slices.
    """

    image: Image.Image
    plain: Image.Image
    number: int
    total: int


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """What every picture of an image needs to know of it.

    Attributes:
      inside: (z, h, w) bool, the head in canonical planes.
      window: the values that are drawn black and white.
    """

    inside: np.ndarray
    window: tuple[float, float]


def find_head(flair: Volume) -> Head:
    """Looks for the head, once for all pictures of an image."""
    geometry = slice_geometry(flair, 1)
    inside = geometry.to_planes(foreground(flair.data))
    return Head(inside, _window(geometry.to_planes(flair.data), inside))


def draw_tiles(
    flair: Volume,
    mask: np.ndarray,
    reference: np.ndarray | None = None,
    *,
    count: int = 8,
    width: int = 300,
    line: int = 1,
    head: Head | None = None,
) -> list[Tile]:
    """Draws the most telling slices, from inferior to superior.

    Slices with lesions are cut into stretches of equal lesion volume, and of
    each the slice with the largest lesion area is taken. Where that gives
    fewer than `count`, or nothing was found, slices spread over the head fill
    up.

    Args:
      flair: the image.
      mask: (x, y, z) on its grid; not 0 is outlined in orange.
      reference: a human mask on the same grid, where 1 is WMH; outlined in
        blue, and in dashes of both colours where the outlines coincide.
      count: at most so many slices.
      width: of a tile, in pixels.
      line: width of the outlines, in pixels; they lie inside the masks.
      head: what `find_head` gave for the image; None looks for it.

    Returns:
      Tiles of one size; fewer where the volume has fewer slices.

    Raises:
      ValueError: a mask has another shape than the image.
    """
    masks = [np.asarray(mask) != 0]
    if reference is not None:
        masks.append(np.asarray(reference) == 1)
    for array in masks:
        if array.shape != flair.shape:
            raise ValueError(
                f"expected a mask of shape {flair.shape}, got {array.shape}"
            )
    geometry = slice_geometry(flair, 1)
    head = head or find_head(flair)
    planes = geometry.to_planes(flair.data)
    outlined = [geometry.to_planes(array) for array in masks]
    lesions = np.any(outlined, axis=0)
    numbers = choose_slices(lesions, head.inside, count)
    rows, columns, size = _frame(
        head.inside, lesions, geometry.spacing_mm, width
    )
    tiles = []
    for number in numbers:
        plane = _to_grey(planes[number, rows, columns], *head.window)
        plain = _to_picture(plane, size)
        cuts = [array[number, rows, columns] for array in outlined]
        image = _draw_outlines(plain, line, *cuts)
        tiles.append(Tile(image, plain, number + 1, len(planes)))
    return tiles


def choose_slices(
    lesions: np.ndarray, head: np.ndarray, count: int
) -> list[int]:
    """Chooses the slices worth showing.

    Args:
      lesions: (z, h, w) bool, may be empty.
      head: (z, h, w) bool.
      count: at most so many.

    Returns:
      Indices, rising, each once; min(count, z) of them.
    """
    area = lesions.sum(axis=(1, 2), dtype=np.float64)
    chosen = _by_area(area, count)
    present = np.flatnonzero(head.any(axis=(1, 2)))
    first, last = (present[0], present[-1]) if len(present) else (0, 0)
    margin = _HEAD_MARGIN * (last - first)
    spread = np.linspace(first + margin, last - margin, count).round()
    # Then those farthest from what is chosen, for the picture's balance.
    candidates = list(spread.astype(int)) + list(range(len(area)))
    while len(chosen) < min(count, len(area)):
        free = [index for index in candidates if index not in chosen]
        inside = [index for index in free if index in spread] or free
        chosen.add(max(inside, key=lambda index: _distance(index, chosen)))
    return sorted(int(index) for index in chosen)


def _by_area(area: np.ndarray, count: int) -> set[int]:
    with_lesions = np.flatnonzero(area)
    if len(with_lesions) <= count:
        return set(with_lesions.tolist())
    # Middle of each slice's share, so that no stretch is empty by rounding.
    share = (np.cumsum(area) - area / 2) / area.sum()
    stretch = np.minimum((share * count).astype(int), count - 1)
    return {
        int(max(members, key=lambda index: area[index]))
        for number in range(count)
        if len(members := with_lesions[stretch[with_lesions] == number])
    }


def _distance(index: int, chosen: set[int]) -> int:
    return min((abs(index - other) for other in chosen), default=0)


def _window(planes: np.ndarray, head: np.ndarray) -> tuple[float, float]:
    """Returns the values that are drawn black and white.

    Taken from every so many slices, which is enough for two percentiles: on a
    volume of 50 million voxels they would take longer than all the rest.
    """
    step = max(planes.size // _WINDOW_VOXELS, 1)
    some, inside = planes[::step], head[::step]
    values = some[inside] if inside.any() else some
    low = np.percentile(some, _WINDOW_PERCENTILES[0])
    return float(low), float(np.percentile(values, _WINDOW_PERCENTILES[1]))


def _to_grey(plane: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (plane - low) / max(high - low, np.finfo(np.float32).tiny)
    return (np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _frame(
    head: np.ndarray,
    lesions: np.ndarray,
    spacing_mm: tuple[float, float, float],
    width: int,
) -> tuple[slice, slice, tuple[int, int]]:
    """Returns the rows and columns around the head, and a tile's size."""
    limits = []
    for axis, mm in ((1, spacing_mm[1]), (2, spacing_mm[0])):
        others = tuple({0, 1, 2} - {axis})
        # Bright specks in the air around it make no head.
        voxels = head.sum(axis=others)
        is_head = voxels > _FEWEST_HEAD_SHARE * voxels.max()
        present = np.flatnonzero(is_head | lesions.any(axis=others))
        margin = int(np.ceil(_CROP_MARGIN_MM / mm))
        length = head.shape[axis]
        first, last = (present[0], present[-1]) if len(present) else (0, length)
        limits.append(
            slice(
                max(int(first) - margin, 0), min(int(last) + margin + 1, length)
            )
        )
    rows, columns = limits
    height_mm = (rows.stop - rows.start) * spacing_mm[1]
    width_mm = (columns.stop - columns.start) * spacing_mm[0]
    return rows, columns, (width, max(round(width * height_mm / width_mm), 1))


def _to_picture(plane: np.ndarray, size: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(_as_seen(plane)))
    return image.resize(size, Image.Resampling.BICUBIC).convert("RGB")


def _draw_outlines(
    image: Image.Image,
    line: int,
    prediction: np.ndarray,
    reference: np.ndarray | None = None,
) -> Image.Image:
    """Draws the borders of the masks; in turns where they are the same."""
    pixels = np.array(image)
    border = _inner_border(prediction, image.size, line)
    if reference is not None:
        other = _inner_border(reference, image.size, line)
        pixels[other] = REFERENCE_COLOUR
        y, x = np.indices(border.shape, sparse=True)
        border &= ~other | ((x + y) // _DASH_PIXELS % 2 == 0)
    pixels[border] = PREDICTION_COLOUR
    return Image.fromarray(pixels)


def _inner_border(
    plane: np.ndarray, size: tuple[int, int], line: int
) -> np.ndarray:
    """Returns the rim of a region, so many picture pixels, inside it."""
    region = Image.fromarray(_as_seen(plane).astype(np.uint8) * 255)
    region = np.asarray(region.resize(size, Image.Resampling.NEAREST)) > 0
    inner = region
    for _ in range(line):
        padded = np.pad(inner, 1)
        inner = (
            padded[:-2, 1:-1]
            & padded[2:, 1:-1]
            & padded[1:-1, :-2]
            & padded[1:-1, 2:]
            & inner
        )
    return region & ~inner


def _as_seen(plane: np.ndarray) -> np.ndarray:
    """Turns (y, x), both rising to anterior and right, as it is looked at."""
    return plane[::-1, ::-1]
