"""Connected components of a mask: as labels, and as lists of voxels."""

import dataclasses
from collections.abc import Iterator

import cc3d
import numpy as np

from wmh_keras.metrics import labels as mask_labels

# Voxels whose places are worked out at a time: a mask that fills its volume
# must not need many times the volume.
_BLOCK = 1 << 20


def label_lesions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers the 26-connected components of a mask.

    Voxels that touch by a face, an edge or a corner are one lesion. This one
    labelling serves counting, removal and matching alike.

    Args:
        mask: (x, y, z), labels 0/1; label 1 (or True) is lesion.

    Returns:
        (x, y, z) int32, 0 for background and 1 to count for the lesions; and
        the count. An empty mask gives zeros and 0.

    Raises:
        ValueError: not three axes, or values other than 0 and 1.
    """
    _check_mask(mask)
    result = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is None:
        return result, 0
    # Lesions fill a small part of a volume: label their bounding box alone.
    numbered, count = _number_components(mask[box])
    result[box] = numbered
    return result, count


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box that holds every nonzero voxel; None if none is."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        # What the axes before have cut off is empty.
        inside = mask[tuple(box)] if box else mask
        places = np.flatnonzero(inside.any(axis=others))
        if places.size == 0:
            return None
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def lesion_sizes(labels: np.ndarray, count: int) -> np.ndarray:
    """The number of voxels of each lesion.

    Args:
        labels: (x, y, z) integers from `label_lesions`.
        count: the number of lesions.

    Returns:
        (count,) int64; lesion number i is at i - 1.
    """
    counted = np.bincount(labels[labels > 0], minlength=count + 1)[1:]
    return counted.astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """The lesions of a mask as lists of voxels, without the volume.

    Attributes:
        shape: (x, y, z) of the mask.
        voxels: (v,) int64, every foreground voxel once, as its rising index
            into the flattened (C order) mask.
        owner: (v,) int32, which lesion it belongs to, from 0. Lesions are
            numbered by their first voxel, however the mask lies in memory.
        count: the number of lesions.
    """

    shape: tuple[int, int, int]
    voxels: np.ndarray
    owner: np.ndarray
    count: int

    @property
    def sizes(self) -> np.ndarray:
        """(n,) int64, voxels of each lesion."""
        return np.bincount(self.owner, minlength=self.count)

    @property
    def centroids(self) -> np.ndarray:
        """(n, 3) float64, mean voxel indices of each lesion."""
        sums = np.zeros((self.count, 3))
        for owner, places in self.blocks():
            for axis, place in enumerate(places):
                sums[:, axis] += np.bincount(owner, place, self.count)
        return sums / self.sizes[:, None]

    def blocks(self) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
        """Owners and (x, y, z) indices of some voxels at a time, in order."""
        for start in range(0, len(self.voxels), _BLOCK):
            part = slice(start, start + _BLOCK)
            places = np.unravel_index(self.voxels[part], self.shape)
            yield self.owner[part], places

    def mean_of(self, volume: np.ndarray) -> np.ndarray:
        """The mean of a volume over the voxels of each lesion.

        Args:
            volume: (x, y, z) numbers.

        Returns:
            (n,) float64.
        """
        sums = np.zeros(self.count)
        for owner, places in self.blocks():
            sums += np.bincount(owner, volume[places], self.count)
        return sums / self.sizes


def find_components(
    mask: np.ndarray, *, slice_axis: int | None = None
) -> Components:
    """Finds the lesions of a mask.

    Args:
        mask: (x, y, z), labels 0/1.
        slice_axis: None for 26-connected components in three dimensions; an
            axis for 8-connected components within each slice across it.

    Returns:
        The lesions; an empty mask gives none.

    Raises:
        ValueError: not three axes, values other than 0 and 1, or an axis that
            is not 0, 1 or 2.
    """
    _check_mask(mask)
    if slice_axis not in (None, 0, 1, 2):
        raise ValueError(
            f"slice_axis: expected None, 0, 1 or 2, received {slice_axis}"
        )
    box = bounding_box(mask)
    if box is None:
        none = np.zeros(0, np.int64)
        return Components(mask.shape, none, none.astype(np.int32), 0)
    number = _number_components if slice_axis is None else _number_in_slices
    numbered, count = number(mask[box], slice_axis)
    voxels = _foreground(mask)
    owner = np.empty(len(voxels), np.int32)
    for start in range(0, len(voxels), _BLOCK):
        part = slice(start, start + _BLOCK)
        places = np.unravel_index(voxels[part], mask.shape)
        inside = (p - b.start for p, b in zip(places, box, strict=True))
        owner[part] = numbered[tuple(inside)]
    del numbered
    return Components(mask.shape, voxels, _by_first_voxel(owner, count), count)


def _foreground(mask: np.ndarray) -> np.ndarray:
    """Rising C-order indices of the nonzero voxels, (v,) int64."""
    if mask.flags.f_contiguous and not mask.flags.c_contiguous:
        # Files are read in this order: search as the voxels lie in memory.
        found = np.flatnonzero(mask.T)
        z, y, x = np.unravel_index(found, mask.shape[::-1])
        return np.sort(np.ravel_multi_index((x, y, z), mask.shape))
    return np.flatnonzero(mask)


def _number_components(
    mask: np.ndarray, slice_axis: None = None
) -> tuple[np.ndarray, int]:
    """26-connected components of a 3-D mask, 8-connected ones of a slice."""
    numbered, count = cc3d.connected_components(
        np.asarray(mask != 0, order="K").view(np.uint8),
        connectivity=26 if mask.ndim == 3 else 8,
        out_dtype=np.uint32,
        return_N=True,
    )
    return numbered, int(count)


def _number_in_slices(
    mask: np.ndarray, slice_axis: int
) -> tuple[np.ndarray, int]:
    """8-connected components of every slice, numbered on."""
    numbered = np.zeros(mask.shape, np.uint32)
    total = 0
    for image, result in zip(
        np.moveaxis(mask, slice_axis, 0),
        np.moveaxis(numbered, slice_axis, 0),
        strict=True,
    ):
        if image.any():
            found, count = _number_components(np.ascontiguousarray(image))
            result[...] = np.where(found, found + total, 0)
            total += count
    return numbered, total


def _by_first_voxel(numbers: np.ndarray, count: int) -> np.ndarray:
    """Renumbers 1 to count as 0 to count - 1 by first appearance."""
    # A number appears first where a run of it starts.
    runs = np.append(0, np.flatnonzero(np.diff(numbers)) + 1)
    first = np.full(count + 1, len(numbers), np.int64)
    np.minimum.at(first, numbers[runs], runs)
    new = np.empty(count + 1, np.int32)
    new[1 + np.argsort(first[1:])] = np.arange(count, dtype=np.int32)
    return new[numbers]


def _check_mask(mask: np.ndarray) -> None:
    if mask.ndim != 3:
        raise ValueError(f"mask: expected (x, y, z), received {mask.shape}")
    mask_labels.check_labels(mask, mask_labels.WMH, "mask")
