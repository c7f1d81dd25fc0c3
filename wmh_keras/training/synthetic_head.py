"""Artificial heads around skull-stripped brains.

A network that has seen stripped brains only takes scalp, fat, marrow or eyes
for lesions. A head is drawn around some of them: layers at random thickness
and of random intensity, no anatomy. Drawn at half the resolution: what it
shows is smooth.
"""

import dataclasses
import math

import numpy as np
import scipy.ndimage

from wmh_keras.training.skull_stripping import REFERENCE_SIDE, is_background

# In pixels of the half resolution, at the reference side. The outline of the
# head is that of the brain, closed by a disc of this radius, which is beyond
# the thickest head.
_REACH = 21.0
_GAP, _SCALP = (1.2, 5.0), (1.5, 6.0)
# Near the vertex a slice runs along the scalp, which then looks thick.
_THICK_SCALP, _VERTEX = (6.0, 14.0), 0.2
# How often there are eyes, marrow, and a sequence that suppresses fat.
_EYES, _MARROW, _SUPPRESSED = 0.3, 0.5, 0.4
_FINE = 1.2  # standard deviation of the smoothing of the finest texture


@dataclasses.dataclass(frozen=True)
class _Shape:
    """Where the layers are, at half the resolution.

    Attributes:
      outside: Distance from the closed outline of the brain, outwards.
      from_brain: Distance from the brain itself.
      eyes: bool.
      scale: Pixels of the reference to those of here.
    """

    outside: np.ndarray
    from_brain: np.ndarray
    eyes: np.ndarray
    scale: float


def add_head(
    image: np.ndarray,
    mask: np.ndarray,
    background: np.ndarray,
    side: int,
    draw: np.random.Generator,
) -> np.ndarray:
    """Draws a head around the brain of a skull-stripped patch.

    Args:
      image: (h, w, c) float, rows rising to anterior.
      mask: (h, w) labels; what has one is left as it is, as the brain is.
      background: (c,) the constant value outside the brain.
      side: Of the whole slice, in pixels, which says how large a head is.
      draw: Source of randomness.

    Returns:
      (h, w, c) float32; the input where the patch shows no brain.
    """
    image = image.astype(np.float32)
    outside = is_background(image, background) & (mask == 0)
    brain = ~outside
    seen = brain[::2, ::2]
    if not seen.any() or not outside.any():
        return image
    shape = _find_shape(seen, side / REFERENCE_SIDE, draw)
    for channel, air in enumerate(background):
        plane = image[..., channel]
        # Levels: 0 is air, 1 the mean of the brain.
        span = float(plane.mean(where=brain, dtype=np.float64)) - air
        head = _enlarge(_levels(shape, draw), brain.shape)
        grain = draw.standard_normal(brain.shape, np.float32)
        head += draw.uniform(0.002, 0.03) * np.abs(grain)
        np.copyto(plane, air + span * head, where=outside)
    return image


def _find_shape(
    brain: np.ndarray, unit: float, draw: np.random.Generator
) -> _Shape:
    eyes = np.zeros_like(brain)
    if draw.random() < _EYES:
        eyes = _draw_eyes(brain, unit, draw) & ~brain
    reach = _REACH * unit
    # The outline closes beyond the patch, as if the patch's rim went on.
    margin = math.ceil(reach)
    inner = (slice(margin, -margin),) * 2
    brain, eyes = (np.pad(plane, margin, "edge") for plane in (brain, eyes))
    distance = scipy.ndimage.distance_transform_edt
    from_brain = distance(~brain).astype(np.float32)
    near = distance(~(brain | eyes)) if eyes.any() else from_brain
    # Inwards from the line at distance `reach`: the distance from what a disc
    # of that radius closes.
    outside = reach - distance(near <= reach).astype(np.float32)
    return _Shape(outside[inner], from_brain[inner], eyes[inner], unit)


def _draw_eyes(
    brain: np.ndarray, unit: float, draw: np.random.Generator
) -> np.ndarray:
    """One or two ellipses of about 24 mm before the front of the brain."""
    rows = np.flatnonzero(brain.any(axis=1))
    columns = np.flatnonzero(brain.any(axis=0))
    front, middle = rows[-1], (columns[0] + columns[-1]) / 2
    y, x = np.ogrid[: brain.shape[0], : brain.shape[1]]
    apart, before = draw.uniform((13, -8), (18, 6)) * unit
    height, width = draw.uniform(5, 7, 2) * unit
    centres = [middle - apart, middle + apart]
    if draw.random() < 0.2:
        del centres[int(draw.integers(2))]
    dy = (y - front - before) / height
    return np.logical_or.reduce(
        [dy**2 + ((x - centre) / width) ** 2 <= 1 for centre in centres]
    )


def _levels(shape: _Shape, draw: np.random.Generator) -> np.ndarray:
    """Draws the intensities of a head, with air around it."""
    size = shape.outside.shape
    gap = draw.uniform(*_GAP)
    is_vertex = draw.random() < _VERTEX
    scalp = draw.uniform(*(_THICK_SCALP if is_vertex else _SCALP))
    fluid_share = draw.uniform(0, 0.7)  # of the gap; the rest is bone
    fluid, bone = draw.uniform(0.05, 0.4), draw.uniform(0.0, 0.15)
    # The outline of the head wavers less than what lies in it.
    depth = shape.outside / shape.scale
    inner = gap * (1 + 0.3 * _smooth_noise(size, 5, draw))
    outer = (gap + scalp) * (1 + 0.08 * _smooth_noise(size, 4, draw))
    soft = _soft_tissue(size, draw)

    below = np.where(shape.from_brain > 5 * shape.scale, soft, fluid)
    head = below + (bone - below) * _ramp(2 * (depth - fluid_share * inner))
    bone_thickness = gap * (1 - fluid_share)
    if draw.random() < _MARROW and bone_thickness > 1.5:
        half = 0.25 + draw.uniform(0.05, 0.25) * bone_thickness
        off_middle = np.abs(depth - inner * (1 + fluid_share) / 2)
        line = _ramp(1.5 * (half - off_middle))
        head += (draw.uniform(0.2, 1.6) - head) * line
    head += (soft - head) * _ramp(2 * (depth - inner))
    head[shape.eyes] = draw.uniform(0.05, 2.0)
    head *= _ramp(2 * (outer - depth))
    return np.maximum(head, 0)


def _soft_tissue(
    size: tuple[int, int], draw: np.random.Generator
) -> np.ndarray:
    """Fat, which some sequences suppress, muscle and bright vessels."""
    suppressed = draw.random() < _SUPPRESSED
    fat = draw.uniform(0.1, 0.6) if suppressed else draw.uniform(0.6, 3.5)
    muscle, vessel = draw.uniform(0.1, 0.9), draw.uniform(0.3, 2.2)
    grain = draw.standard_normal(size, np.float32)
    fine = scipy.ndimage.gaussian_filter(grain, _FINE, truncate=2)
    fine *= 2 * math.sqrt(math.pi) * _FINE  # back to a deviation of 1
    is_muscle = _ramp(_smooth_noise(size, 7, draw))
    soft = (fat + (muscle - fat) * is_muscle) * (1 + 0.15 * fine)
    return np.where(fine > draw.uniform(1.7, 3), vessel, soft)


def _ramp(values: np.ndarray) -> np.ndarray:
    """0 below, 1 above, with an edge that is one pixel or so wide."""
    return np.clip(values + 0.5, 0, 1)


def _smooth_noise(
    size: tuple[int, int], waves: int, draw: np.random.Generator
) -> np.ndarray:
    """Sums cosines of random amplitude; standard deviation about 1."""
    rows, columns = (
        np.cos(
            np.pi * np.outer(np.arange(n, dtype=np.float32) / n, range(waves))
        ).astype(np.float32)
        for n in size
    )
    amplitudes = draw.standard_normal((waves, waves), np.float32)
    amplitudes[0, 0] = 0
    # Not by a matrix product, whose threads would wait for each other: many
    # patches are read at once.
    noise = np.einsum(
        "yk,kx->yx", np.einsum("yk,kl->yl", rows, amplitudes), columns.T
    )
    noise *= 2 / waves
    return np.clip(noise, -3, 3)


def _enlarge(small: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Doubles the resolution, linearly; small[i] stays at 2 i."""
    for axis, length in enumerate(size):
        small = np.moveaxis(small, axis, 0)
        large = np.repeat(small, 2, axis=0)
        large[1:-1:2] = (small[:-1] + small[1:]) / 2
        small = np.moveaxis(large[:length], 0, axis)
    return np.ascontiguousarray(small)
