"""3-D networks: a volume in overlapping tiles of the network's patch shape.

Tiles overlap by at least half a patch. Where they do, probabilities are
averaged with weights that are largest in the middle of a tile, where the
network sees most of the surroundings: a Gaussian of an eighth of the patch
(Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z). It is a product
of three 1-D Gaussians and the tiles lie on a grid, so that the sum of all
weights at a voxel is a product of three 1-D sums too.

Tiles run from the lowest slices to the highest, and slices that no later tile
reaches are finished at once. So memory beyond the slices that come in and the
probabilities that go out does not grow with their number; it is

  8 · d · side² bytes      for sums over the slices of one patch's depth d, and
  4 · (c + 1) · b · d·h·w  for the b tiles of a batch and their results,

beside what the network itself needs for one batch.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from data_prep.intensity import background_value
from wmh_keras.inference.network import Network
from wmh_keras.inference.progress import OnProgress

_SIGMA_PER_PATCH = 1 / 8


class TilePredictor:
    """A `Predictor` of a network that takes patches (b, d, h, w, c).

    Along an axis that is shorter than a patch, one patch lies around the
    volume. What it holds outside follows the model's padding rule: 0 for
    "zero", and for "background" the median of the slices' rims, as outside
    of the prepared square.
    """

    def __init__(
        self, network: Network, *, batch_voxels: int, padding: str
    ) -> None:
        """Takes the network; compiling waits for the first volume.

        Args:
          network: of patches (b, d, h, w, c).
          batch_voxels: as many tiles form a batch as hold so many voxels, at
            least one; rounded up to a multiple of the devices. The network
            is compiled for this one shape, whatever the volumes are.
          padding: "zero" or "background".

        Raises:
          ValueError: the network's input is no patch of a fixed shape.
        """
        shape = tuple(network.input_shape[1:])
        if len(shape) != 4 or None in shape:
            raise ValueError(
                "expected a network of patches (b, d, h, w, c) of a fixed "
                f"shape, received one of {network.input_shape}"
            )
        self.patch: tuple[int, int, int] = shape[:3]
        self.batch_size = network.round_up(
            max(batch_voxels // int(np.prod(self.patch)), 1)
        )
        self._channels = shape[3]
        self._padding = padding
        self._predict = network.predict
        self._weights = [gaussian(size) for size in self.patch]

    def __call__(
        self,
        slices: np.ndarray,
        on_progress: OnProgress | None = None,
    ) -> np.ndarray:
        """Computes probabilities, see `Predictor`."""
        if slices.ndim != 4 or slices.shape[3] != self._channels:
            raise ValueError(
                f"expected slices (n, h, w, {self._channels}), received shape "
                f"{slices.shape}"
            )
        shape = slices.shape[:3]
        if not len(slices):
            return np.zeros(shape, np.float32)
        starts = [
            tile_starts(length, size)
            for length, size in zip(shape, self.patch, strict=True)
        ]
        blending = _Blending(shape, self._weights, starts)
        tiles = list(itertools.product(*starts))
        done = 0
        for group, batch in self._batches(slices, tiles):
            predicted = self._predict(batch)
            for start, tile in zip(group, predicted, strict=False):
                blending.add(start, tile)
            done += len(group)
            if on_progress is not None:
                on_progress(done / len(tiles))
        return blending.finish()

    def _batches(
        self, slices: np.ndarray, tiles: list[tuple[int, ...]]
    ) -> Iterator[tuple[list[tuple[int, ...]], np.ndarray]]:
        """Yields the tiles of each batch, and the batch, always full."""
        fill = self._fill(slices)
        shape = (self.batch_size, *self.patch, self._channels)
        for first in range(0, len(tiles), self.batch_size):
            group = tiles[first : first + self.batch_size]
            # Tiles that fill up the last batch cost time and change nothing.
            batch = np.empty(shape, np.float32)
            batch[:] = fill
            for tile, start in zip(batch, group, strict=False):
                inside = _overlap(start, self.patch, slices.shape)
                tile[inside.of_tile] = slices[inside.of_volume]
            yield group, batch

    def _fill(self, slices: np.ndarray) -> np.ndarray:
        """Returns, per channel, what lies outside of the volume."""
        is_covered = all(
            length >= size
            for length, size in zip(slices.shape, self.patch, strict=False)
        )
        if self._padding == "zero" or is_covered:
            return np.zeros(self._channels, np.float32)
        return np.array(
            [background_value(channel) for channel in np.moveaxis(slices, 3, 0)]
        )


def gaussian(size: int) -> np.ndarray:
    """Weights along one axis of a tile: 1 in the middle, never 0.

    Args:
      size: of the patch, at least 1.

    Returns:
      (size,) float64: exp(-((i - (size - 1) / 2) / (size / 8))² / 2), at the
      rim above exp(-8).
    """
    from_centre = np.arange(size) - (size - 1) / 2
    return np.exp(-((from_centre / (size * _SIGMA_PER_PATCH)) ** 2) / 2)


def tile_starts(length: int, size: int) -> list[int]:
    """Where tiles start along one axis, so that they cover all of it.

    Args:
      length: of the volume, at least 1.
      size: of the patch, at least 1.

    Returns:
      Rising starts, evenly spaced by half a patch or less, the first tile
      flush with the start and the last with the end. Of an axis that is
      shorter than a patch one start, 0 or below: the volume lies in the
      middle of the tile.
    """
    if length <= size:
        return [-((size - length) // 2)]
    step = max(size // 2, 1)
    gaps = -(-(length - size) // step)
    return [round(i * (length - size) / gaps) for i in range(gaps + 1)]


@dataclasses.dataclass(frozen=True)
class _Overlap:
    """Where a tile lies in a volume, and the volume in the tile."""

    of_volume: tuple[slice, ...]
    of_tile: tuple[slice, ...]


def _overlap(
    start: tuple[int, ...], patch: tuple[int, ...], shape: tuple[int, ...]
) -> _Overlap:
    bounds = [
        (first, max(first, 0), min(first + size, length))
        for first, size, length in zip(start, patch, shape, strict=False)
    ]
    return _Overlap(
        tuple(slice(low, high) for _, low, high in bounds),
        tuple(slice(low - first, high - first) for first, low, high in bounds),
    )


class _Blending:
    """The weighted mean of tiles that come slice by slice.

    Sums are float64, so that rounding never shows: tiles that agree on a
    float32 number give exactly that number.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        weights: list[np.ndarray],
        starts: list[list[int]],
    ) -> None:
        self._shape = shape
        self._patch = tuple(len(axis) for axis in weights)
        self._of_depth, rows, columns = weights
        self._of_plane = np.outer(rows, columns)
        self._sum_of_depth, sum_of_rows, sum_of_columns = (
            _summed_weights(*axis)
            for axis in zip(shape, weights, starts, strict=True)
        )
        self._sum_of_plane = np.outer(sum_of_rows, sum_of_columns)
        self._result = np.zeros(shape, np.float32)
        # Sums of the slices from `_first` on; lower ones are finished.
        self._first = 0
        self._sums = np.zeros((min(self._patch[0], shape[0]), *shape[1:]))

    def add(self, start: tuple[int, ...], tile: np.ndarray) -> None:
        """Adds a tile (d, h, w) that starts in no lower slice than before."""
        inside = _overlap(start, self._patch, self._shape)
        depth, rows, columns = inside.of_volume
        self._finish_below(depth.start)
        tile_depth, *tile_plane = inside.of_tile
        plane = self._of_plane[tuple(tile_plane)]
        for index in range(depth.stop - depth.start):
            at = tile_depth.start + index
            self._sums[index, rows, columns] += (
                tile[at][tuple(tile_plane)] * plane * self._of_depth[at]
            )

    def finish(self) -> np.ndarray:
        """Returns the means, (z, h, w) float32."""
        self._finish_below(self._shape[0])
        return self._result

    def _finish_below(self, end: int) -> None:
        count = end - self._first
        if count <= 0:
            return
        for index in range(count):
            of_slice = self._sum_of_depth[self._first + index]
            self._result[self._first + index] = self._sums[index] / (
                self._sum_of_plane * of_slice
            )
        self._sums[:-count] = self._sums[count:].copy()
        self._sums[-count:] = 0
        self._first = end


def _summed_weights(
    length: int, weights: np.ndarray, starts: list[int]
) -> np.ndarray:
    total = np.zeros(length)
    for start in starts:
        first, end = max(start, 0), min(start + len(weights), length)
        total[first:end] += weights[first - start : end - start]
    return total
