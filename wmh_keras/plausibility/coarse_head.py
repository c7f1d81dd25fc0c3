"""A head on a coarse grid: where it is, how deep inside, how bright.

Cells of about 2.5 × 2.5 × 5 mm average the noise out and make thin and thick
slices look alike, so that scans compare; and they are few.
"""

import dataclasses

import numpy as np
import scipy.ndimage

from data_prep.geometry import slice_geometry
from data_prep.intensity import foreground_threshold
from data_prep.volume import Volume

CELL_MM = (5.0, 2.5, 2.5)  # z, y, x
# Of the way from the background to the threshold of the foreground: dim rims
# of the head lie below the latter.
_RIM_LEVEL = 0.6
_CORNER = 12  # A corner is a twelfth of the slice, each way.
_CLOSING_CELLS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class CoarseHead:
    """A head on cells, in axial planes.

    Attributes:
      image: (z, y, x) float32, 0 in the air around the head and positive in
        it, also where the file has the air brighter than the head.
      inside: (z, y, x) bool, the filled head.
      depth_mm: (z, y, x) distance to the head's outline within the plane, 0
        outside.
      spacing_mm: (z, y, x) of the cells.
      is_inverted: whether the air is brighter than the head.
    """

    image: np.ndarray
    inside: np.ndarray
    depth_mm: np.ndarray
    spacing_mm: tuple[float, float, float]
    is_inverted: bool

    @property
    def volume_ml(self) -> float:
        """Volume of the filled head, of the brain alone where it is bare."""
        return float(self.inside.sum() * np.prod(self.spacing_mm) / 1000)

    @property
    def areas(self) -> np.ndarray:
        """(z,) cells of the head in each plane."""
        return np.count_nonzero(self.inside, axis=(1, 2))


def find_coarse_head(volume: Volume) -> CoarseHead:
    """Finds the head of a scan.

    The air is the median of the slices' corners. The head is the largest
    connected part that differs from it, filled plane by plane.

    Args:
      volume: the FLAIR, finite.

    Returns:
      The head; `inside` is empty where all voxels are the same.
    """
    geometry = slice_geometry(volume, side=1)
    x_mm, y_mm, z_mm = geometry.spacing_mm
    cells, spacing = average_cells(
        geometry.to_planes(volume.data), (z_mm, y_mm, x_mm)
    )
    air = _corner_value(cells)
    threshold = foreground_threshold(cells)
    is_inverted = air > threshold
    image = air - cells if is_inverted else cells - air
    level = abs(threshold - air) * _RIM_LEVEL
    inside = _largest_part(_each_plane(image > level, _fill))
    inside = _each_plane(inside, _close)
    depth = np.stack(
        [
            scipy.ndimage.distance_transform_edt(
                np.pad(plane, 1), sampling=spacing[1:]
            )[1:-1, 1:-1]
            for plane in inside
        ]
    ).astype(np.float32)
    return CoarseHead(image, inside, depth, spacing, bool(is_inverted))


def average_cells(
    planes: np.ndarray, spacing_mm: tuple[float, float, float]
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Averages voxels to cells of about `CELL_MM`.

    Args:
      planes: (z, y, x) real numbers.
      spacing_mm: of the same axes.

    Returns:
      (cells (z, y, x) float32, their spacing). Voxels larger than a cell stay
      as they are; a rest of voxels that fills no cell is left out.
    """
    factors = [
        min(length, max(1, round(cell / mm)))
        for length, cell, mm in zip(
            planes.shape, CELL_MM, spacing_mm, strict=True
        )
    ]
    deep, high, wide = factors
    counts = [n // f for n, f in zip(planes.shape, factors, strict=True)]
    cells = np.empty(counts, np.float32)
    for index in range(counts[0]):
        part = planes[index * deep : (index + 1) * deep]
        part = part.mean(axis=0, dtype=np.float32)
        part = part[: counts[1] * high, : counts[2] * wide]
        part = part.reshape(counts[1], high, counts[2], wide)
        cells[index] = part.mean(axis=(1, 3))
    spacing = tuple(
        float(mm * f) for mm, f in zip(spacing_mm, factors, strict=True)
    )
    return cells, spacing


def _corner_value(cells: np.ndarray) -> float:
    high, wide = (max(1, n // _CORNER) for n in cells.shape[1:])
    corners = [
        cells[:, rows, columns].ravel()
        for rows in (slice(high), slice(-high, None))
        for columns in (slice(wide), slice(-wide, None))
    ]
    return float(np.median(np.concatenate(corners)))


def _largest_part(mask: np.ndarray) -> np.ndarray:
    labels, count = scipy.ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def _each_plane(mask: np.ndarray, change) -> np.ndarray:  # noqa: ANN001
    return np.stack([change(plane) for plane in mask])


def _fill(plane: np.ndarray) -> np.ndarray:
    return scipy.ndimage.binary_fill_holes(plane)


def _close(plane: np.ndarray) -> np.ndarray:
    margin = _CLOSING_CELLS + 1
    padded = np.pad(plane, margin)
    closed = scipy.ndimage.binary_closing(padded, iterations=_CLOSING_CELLS)
    return _fill(closed[margin:-margin, margin:-margin])
