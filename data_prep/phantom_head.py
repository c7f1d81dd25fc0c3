"""The anatomy of a phantom: ellipsoids for a head, lesions, grey values."""

import dataclasses

import numpy as np

# Semi-axes in mm: right, anterior, superior.
_SCALP_MM = (76.0, 94.0, 80.0)
_SKULL_MM = (70.0, 88.0, 74.0)
_BRAIN_MM = (65.0, 82.0, 68.0)
WHITE_MM = (54.0, 70.0, 56.0)
_VENTRICLE_MM = (7.0, 27.0, 14.0)
_VENTRICLE_OFFSET_MM = 11.0


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Grey values of an imaging sequence."""

    scalp: float
    skull: float
    grey: float
    white: float
    csf: float
    lesion: float


FLAIR = Contrast(170, 20, 115, 92, csf=28, lesion=185)
T1 = Contrast(190, 15, 80, 120, csf=25, lesion=85)
# Planes computed within a thick slice, then averaged: partial volume.
PLANES_PER_SLICE = 4


def subplane_grid(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns x, y, z in mm from the head's centre, (x, y, z · planes).

    Args:
      shape: voxels (right, anterior, superior).
      spacing_mm: of the same axes.
    """
    axes = []
    factors = (1, 1, PLANES_PER_SLICE)
    for n, mm, factor in zip(shape, spacing_mm, factors, strict=True):
        n, mm = n * factor, mm / factor
        axes.append((np.arange(n) - (n - 1) / 2) * mm)
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return tuple(a.astype(np.float32) for a in np.broadcast_arrays(x, y, z))


def is_inside(
    grid: tuple[np.ndarray, ...],
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Tells which points lie in an ellipsoid, wavy where `rng` is given."""
    x, y, z = (
        (axis - c) / r for axis, c, r in zip(grid, centre, radii, strict=True)
    )
    distance = np.sqrt(x * x + y * y + z * z)
    if rng is None:
        return distance < 1
    wave = sum(
        np.sin(k * axis * 2 + phase) * 0.08
        for axis, k, phase in zip(
            (x, y, z), (1, 1.5, 1), rng.uniform(0, 6.3, 3), strict=True
        )
    )
    return distance < 1 + wave


def paint_head(
    grid: tuple[np.ndarray, ...], size: float, contrast: Contrast
) -> np.ndarray:
    """Returns the grey values of a head without lesions, float32."""
    head = np.zeros(grid[0].shape, np.float32)
    for radii, value in (
        (_SCALP_MM, contrast.scalp),
        (_SKULL_MM, contrast.skull),
        (_BRAIN_MM, contrast.grey),
        (WHITE_MM, contrast.white),
    ):
        head[is_inside(grid, (0, 0, 0), np.array(radii) * size)] = value
    for sign in (-1, 1):
        centre = (sign * _VENTRICLE_OFFSET_MM * size, -4 * size, 6 * size)
        head[is_inside(grid, centre, np.array(_VENTRICLE_MM) * size)] = (
            contrast.csf
        )
    return head


def place_lesions(
    num_spots: int, with_caps: bool, size: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns centres and radii in mm: caps first, then spots."""
    lesions = []
    if with_caps:
        for x in (-1, 1):
            for y in (-1, 1):
                centre = np.array([x * 13, y * 29 - 4, 6]) * size
                radii = np.array([6, 7, 10]) * rng.uniform(0.8, 1.5)
                lesions.append((centre, radii))
    for _ in range(num_spots):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        centre = direction * np.array(WHITE_MM) * rng.uniform(0.5, 0.8) * size
        radii = rng.uniform(3.5, 8, 3)
        lesions.append((centre, np.maximum(radii, [0, 0, 6])))
    return lesions
