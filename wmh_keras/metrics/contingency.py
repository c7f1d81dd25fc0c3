"""Which lesions of two masks share voxels."""

import dataclasses

import numpy as np

from wmh_keras.metrics.components import Components

# Voxels that are looked for at a time, to bound the memory.
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Contingency:
    """Which lesions of two masks share voxels, in k rows.

    Attributes:
        reference: (k,) int64, a reference lesion, from 0.
        predicted: (k,) int64, a predicted lesion that it shares voxels with.
        shared: (k,) int64, how many; at least 1. A pair has one row, and rows
            rise by reference lesion, then by predicted lesion.
    """

    reference: np.ndarray
    predicted: np.ndarray
    shared: np.ndarray


def count_shared(first: Components, second: Components) -> Contingency:
    """Counts common voxels by pairs of lesions, without a label volume.

    Args:
        first: lesions of the reference.
        second: lesions of the prediction, of the same shape.

    Returns:
        One row a pair that shares a voxel; none if a side is empty.
    """
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    if second.count:
        found += [
            _count_in_part(first, second, slice(start, start + _BLOCK))
            for start in range(0, len(first.voxels), _BLOCK)
        ]
    # A pair can have voxels in several parts.
    pairs, place = np.unique(
        np.concatenate([pairs for pairs, _ in found]), return_inverse=True
    )
    shared = np.zeros(len(pairs), np.int64)
    np.add.at(shared, place, np.concatenate([count for _, count in found]))
    in_first, in_second = np.divmod(pairs, max(second.count, 1))
    return Contingency(in_first, in_second, shared)


def _count_in_part(
    first: Components, second: Components, part: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs, as one number each, and their common voxels."""
    voxels = first.voxels[part]
    # Both lists rise; a voxel of the one is looked for in the other.
    place = np.searchsorted(second.voxels, voxels)
    place = np.minimum(place, len(second.voxels) - 1)
    common = np.flatnonzero(second.voxels[place] == voxels)
    pair = first.owner[part][common] * np.int64(second.count)
    pair += second.owner[place[common]]
    return np.unique(pair, return_counts=True)
