"""Mean and standard deviation of maps that come one after the other."""

from collections.abc import Iterable

import numpy as np


class Moments:
    """The mean and the population SD of arrays of one shape.

    Welford's method (Technometrics 1962, doi 10.1080/00401706.1962.10490022):
    memory does not grow with the number of arrays, and equal arrays have
    exactly their own values as the mean and 0 as the standard deviation.

    Attributes:
      count: arrays so far.
      mean: float32; None before the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray | None = None
        self._squares: np.ndarray | None = None

    def add(self, planes: Iterable[np.ndarray]) -> None:
        """Adds one array, which stays as it is.

        Args:
          planes: the array, or its parts along the first axis one after the
            other: so it need never be whole in memory.

        Raises:
          ValueError: another shape than that of the first array.
        """
        self.count += 1
        if self.mean is None:
            self.mean = np.stack([np.asarray(p, np.float32) for p in planes])
            return
        if self._squares is None:
            self._squares = np.zeros_like(self.mean)
        share = np.float32((self.count - 1) / self.count)
        # A plane at a time stays in the processor's cache.
        for index, plane in zip(range(len(self.mean)), planes, strict=True):
            mean = self.mean[index, ...]
            difference = plane - mean
            mean += difference / np.float32(self.count)
            self._squares[index] += share * difference**2

    def standard_deviation(self) -> np.ndarray | None:
        """sqrt(Σ (pᵢ - mean)² / n) over the n arrays; None below two."""
        if self._squares is None:
            return None
        return np.sqrt(self._squares / np.float32(self.count))
