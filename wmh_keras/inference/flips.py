"""Test-time flips: a network also sees the mirror images of a volume.

The mean of the probabilities of an image and its mirror images, flipped back,
as in nnU-Net (Isensee et al. 2021, doi 10.1038/s41592-020-01008-z). A slice
is (h, w) = (y, x): its width runs from left to right.
"""

from typing import TYPE_CHECKING

import numpy as np

from wmh_keras.inference.progress import OnProgress, part_of

if TYPE_CHECKING:
    from wmh_keras.inference.predictor import Predictor

_ANTERIOR_POSTERIOR, _LEFT_RIGHT = 1, 2  # axes of (z, h, w)

# Choice -> the axes along which each pass is mirrored. As many passes, so
# many times the time.
_PASSES: dict[str, tuple[tuple[int, ...], ...]] = {
    "none": ((),),
    "left_right": ((), (_LEFT_RIGHT,)),
    "all": (
        (),
        (_LEFT_RIGHT,),
        (_ANTERIOR_POSTERIOR,),
        (_ANTERIOR_POSTERIOR, _LEFT_RIGHT),
    ),
}

FLIPS = tuple(_PASSES)


def mirror_passes(flips: str) -> tuple[tuple[int, ...], ...]:
    """Returns, for each pass, the axes of slices (n, h, w, …) it mirrors.

    Args:
      flips: one of FLIPS.

    Raises:
      ValueError: an unknown choice.
    """
    if flips not in _PASSES:
        raise ValueError(
            f"test_time_flips: expected one of {', '.join(FLIPS)}, received "
            f"{flips!r}"
        )
    return _PASSES[flips]


class FlipPredictor:
    """A `Predictor` that gives the mean of another over mirror images."""

    def __init__(self, predictor: "Predictor", flips: str) -> None:
        """Takes the predictor.

        Args:
          predictor: of one network.
          flips: one of FLIPS: "left_right" costs 2 times, "all" 4 times as
            much as "none".

        Raises:
          ValueError: an unknown choice.
        """
        self._predictor = predictor
        self._passes = mirror_passes(flips)

    def __call__(
        self,
        slices: np.ndarray,
        on_progress: OnProgress | None = None,
    ) -> np.ndarray:
        """Computes probabilities, see `Predictor`."""
        total = np.zeros(slices.shape[:3], np.float32)
        for done, axes in enumerate(self._passes):
            mirrored = self._predictor(
                np.flip(slices, axes),
                part_of(on_progress, done, len(self._passes)),
            )
            total += np.flip(mirrored, axes)
        total /= np.float32(len(self._passes))
        return total
