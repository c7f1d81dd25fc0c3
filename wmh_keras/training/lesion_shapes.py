"""Shapes of painted lesions: how much of each voxel one of them fills."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy import ndimage

# The waves that distort an outline, and the largest share of all of them.
_WAVES, _DISTORTION = np.arange(2, 5), 0.4
# Softness of an edge in pixels.
_EDGES = (0.6, 2.0)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Voxels around the middle of a lesion.

    Attributes:
      window: Rows and columns of the patch that they take.
      z: (d, 1, 1) distance from the middle in mm.
      y: (1, h, 1) likewise.
      x: (1, 1, w) likewise.
      pixel_mm: Distance of pixels.
    """

    window: tuple[slice, slice]
    z: np.ndarray
    y: np.ndarray
    x: np.ndarray
    pixel_mm: float

    @classmethod
    def around(
        cls,
        centre: Sequence[int],
        size_mm: float,
        depth: int,
        plane: Sequence[int],
        spacing_mm: tuple[float, float],
        draw: np.random.Generator,
    ) -> Self:
        """Returns the part of a patch that a lesion may reach.

        Args:
          centre: (y, x) of the lesion's middle pixel.
          size_mm: Of the lesion across.
          depth: Slices of the patch.
          plane: (h, w) of the patch.
          spacing_mm: Of slices, and of pixels.
          draw: Source of randomness, for the height of its middle.
        """
        slice_mm, pixel_mm = spacing_mm
        reach = int(np.ceil(0.8 * size_mm / pixel_mm)) + 3
        window, axes = [], []
        for at, length in zip(centre, plane, strict=True):
            low, high = max(at - reach, 0), min(at + reach + 1, length)
            window.append(slice(int(low), int(high)))
            axes.append((np.arange(low, high) - at) * pixel_mm)
        middle = draw.uniform(-0.5, depth - 0.5) if depth > 1 else 0.0
        z = (np.arange(depth) - middle) * slice_mm
        y, x = axes
        return cls(
            tuple(window), z[:, None, None], y[:, None], x[None, :], pixel_mm
        )

    def texture(self, strength: float, draw: np.random.Generator) -> np.ndarray:
        """Draws (h, w) factors around 1 that vary over a few pixels."""
        shape = self.y.size, self.x.size
        return smooth_factors(shape, strength, 1.2, draw, truncate=2)


def smooth_factors(
    shape: tuple[int, int],
    strength: float,
    width: float,
    draw: np.random.Generator,
    truncate: float = 4,
) -> np.ndarray:
    """Draws factors around 1 that vary smoothly.

    Args:
      shape: (h, w).
      strength: Their standard deviation.
      width: Standard deviation in pixels of the Gaussian that smooths them.
      draw: Source of randomness.
      truncate: How many of those the Gaussian reaches.

    Returns:
      (h, w) float64.
    """
    noise = draw.standard_normal(shape)
    noise = ndimage.gaussian_filter(noise, width, truncate=truncate)
    return 1 + strength * noise / max(float(noise.std()), 1e-6)


def blob(
    grid: Grid,
    offset_mm: Sequence[float],
    size_mm: float,
    draw: np.random.Generator,
) -> np.ndarray:
    """Draws an ellipsoid that waves distort.

    Args:
      grid: Voxels around the lesion's middle.
      offset_mm: (y, x) of the blob's own middle from there.
      size_mm: Across its longer axis.
      draw: Source of randomness.

    Returns:
      (d, h, w) from 0 outside to 1 inside, with a soft edge.
    """
    turn = draw.uniform(0, np.pi)
    y, x = grid.y - offset_mm[0], grid.x - offset_mm[1]
    along = np.cos(turn) * x + np.sin(turn) * y
    across = (np.cos(turn) * y - np.sin(turn) * x) / draw.uniform(0.6, 1)
    radius = size_mm / 2 * _outline(np.arctan2(across, along), draw)
    height = grid.z / draw.uniform(0.6, 1)
    return _soft(radius - np.sqrt(along**2 + across**2 + height**2), grid, draw)


def along_ventricle(
    grid: Grid,
    ventricle: np.ndarray,
    length_mm: float,
    draw: np.random.Generator,
) -> np.ndarray:
    """Draws a band along the edge of a ventricle, or a cap on its horn.

    Args:
      grid: Voxels around the lesion's middle.
      ventricle: (h, w) bool, of the same pixels; some are True.
      length_mm: Of the band.
      draw: Source of randomness.

    Returns:
      (d, h, w) from 0 outside to 1 inside, with a soft edge.
    """
    distance = ndimage.distance_transform_edt(~ventricle) * grid.pixel_mm
    angle = np.arctan2(grid.y, grid.x)
    widest = min(draw.uniform(2, 6), length_mm / 2)
    # Thinner towards its ends.
    away = np.sqrt(grid.y**2 + grid.x**2 + grid.z**2)
    shape = np.sqrt(np.clip(1 - (2 * away / length_mm) ** 2, 0, 1))
    width = widest * shape * _outline(angle, draw) - 0.5 * grid.pixel_mm
    return _soft(width - distance, grid, draw)


def _outline(angle: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Factors of a radius around 1 that change smoothly with the angle."""
    sizes = draw.uniform(-1, 1, len(_WAVES)) * _DISTORTION / _WAVES
    phases = draw.uniform(0, 2 * np.pi, len(_WAVES))
    waves = (
        size * np.cos(wave * angle + phase)
        for size, wave, phase in zip(sizes, _WAVES, phases, strict=True)
    )
    return 1 + sum(waves)


def _soft(
    inside_mm: np.ndarray, grid: Grid, draw: np.random.Generator
) -> np.ndarray:
    """Turns the depth below a surface into a weight, 0.5 at the surface."""
    edge = draw.uniform(*_EDGES) * grid.pixel_mm
    # Near the cumulative normal distribution, and 0 and 1 within reach.
    steps = np.clip(inside_mm / (2 * edge) + 0.5, 0, 1)
    return steps**2 * (3 - 2 * steps)
