"""Inputs that exports are checked and warmed up with: noise and phantoms."""

from collections.abc import Sequence

import numpy as np

from data_prep.phantom import PhantomConfig, make_phantom
from data_prep.preprocess import volume_to_slices
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume

_DEPTH = 3


def sample_volumes(config: PreprocessConfig) -> list[tuple[Volume, ...]]:
    """Makes small volumes that take every way through the preprocessing.

    Args:
      config: one image a channel; its side decides on the shapes.

    Returns:
      Images of heads, RAS+, a tuple each with one a channel: one smaller than
      a slice, of odd size, one larger, and one of unequal in-plane spacings.
    """
    side = config.side
    small, large = max(side * 2 // 3, 8), max(side * 5 // 4, 12)
    grids = [
        ((small | 1, small, _DEPTH), (1.0, 1.0)),
        ((large, large | 1, _DEPTH), (0.9, 0.9)),
        ((small, small + 2, _DEPTH), (1.0, 1.3)),
    ]
    return [
        tuple(
            _head(shape, spacing, seed=seed)
            for seed, _ in enumerate(config.channels)
        )
        for shape, spacing in grids
    ]


def sample_slices(config: PreprocessConfig) -> list[np.ndarray]:
    """Makes batches of prepared slices: noise, and those of a phantom.

    Returns:
      (b, side, side, c) float32 each.
    """
    shape = (_DEPTH, config.side, config.side, len(config.channels))
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    head = volume_to_slices(sample_volumes(config)[0], config)
    return [noise, head.slices]


def sample_patches(
    config: PreprocessConfig, shape: Sequence[int]
) -> list[np.ndarray]:
    """Makes batches of patches: noise, and one of a phantom.

    Args:
      config: how they are prepared.
      shape: (d, h, w, c) of a patch.

    Returns:
      (b, d, h, w, c) float32 each.
    """
    depth, height, width, _ = shape
    noise = np.random.default_rng(0).normal(size=(2, *shape))
    slices = sample_slices(config)[1]
    planes = np.resize(slices, (depth, *slices.shape[1:]))
    top, left = (config.side - height) // 2, (config.side - width) // 2
    patch = planes[:, top : top + height, left : left + width]
    return [noise.astype(np.float32), patch[np.newaxis]]


def _head(
    shape: tuple[int, int, int], spacing: tuple[float, float], seed: int
) -> Volume:
    """A phantom that fills its grid, whose header says other spacings."""
    field_mm = (180.0, 210.0, 150.0)
    filled = tuple(mm / n for mm, n in zip(field_mm, shape, strict=True))
    image, _ = make_phantom(
        PhantomConfig(shape=shape, spacing_mm=filled, seed=seed)
    )
    return Volume(image.data, np.diag([*spacing, 6.0, 1.0]))
