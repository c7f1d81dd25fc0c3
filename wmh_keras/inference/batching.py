"""Batches of one fixed shape, so that a network is compiled only once."""

from collections.abc import Iterator

import numpy as np


def fixed_batches(
    slices: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Cuts slices into batches of exactly `batch_size`.

    Every slice is in one batch: the last batch is filled up with zeros, whose
    results the caller cuts off, and nothing is dropped. In inference a
    network treats the slices of a batch independently, so the filling does
    not change the others' results.

    Args:
      slices: (n, h, w, c), any n, 0 gives no batch.
      batch_size: at least 1.

    Yields:
      (batch (batch_size, h, w, c) float32, number of slices that are real).

    Raises:
      ValueError: the slices have other dimensions, or batch_size is below 1.
    """
    if slices.ndim != 4:
        raise ValueError(
            f"expected slices (n, h, w, c), received shape {slices.shape}"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
    for first in range(0, len(slices), batch_size):
        real = np.asarray(slices[first : first + batch_size], np.float32)
        count = len(real)
        if count < batch_size:
            batch = np.zeros((batch_size, *slices.shape[1:]), np.float32)
            batch[:count] = real
        else:
            batch = np.ascontiguousarray(real)
        yield batch, count
