"""From prepared slices to probabilities: what every network can do."""

from typing import Protocol

import numpy as np

from data_prep.preprocess import PreprocessConfig
from wmh_keras.inference.flips import FlipPredictor
from wmh_keras.inference.network import Network
from wmh_keras.inference.progress import OnProgress
from wmh_keras.inference.slices import SlicePredictor
from wmh_keras.inference.tiles import TilePredictor

_SLICE_RANK, _PATCH_RANK = 4, 5


class Predictor(Protocol):
    """One network, whatever it takes a volume in: slices or patches."""

    def __call__(
        self, slices: np.ndarray, on_progress: OnProgress | None = None
    ) -> np.ndarray:
        """Computes probabilities on the prepared grid.

        Args:
          slices: (z, side, side, c) float32.
          on_progress: called with the share that is done, at last with 1.

        Returns:
          (z, side, side) float32, 0 to 1.

        Raises:
          ValueError: the slices have other dimensions.
        """


def make_predictor(
    network: Network,
    preprocess: PreprocessConfig,
    *,
    batch_size: int,
    flips: str = "none",
) -> Predictor:
    """Makes a predictor of a 2-D or a 3-D network.

    The rank of its input tells them apart: (b, h, w, c) takes slices,
    (b, d, h, w, c) patches of a fixed shape.

    Args:
      network: of slices or of patches.
      preprocess: how its training data was prepared.
      batch_size: slices in a batch, at least 1; see `TilePredictor` for what
        it means in 3-D.
      flips: one of `flips.FLIPS`.

    Raises:
      ValueError: an input of another rank, a patch without a fixed shape, or
        unknown flips.
    """
    rank = len(network.input_shape)
    if rank == _SLICE_RANK:
        predictor = SlicePredictor(network, batch_size)
    elif rank == _PATCH_RANK:
        predictor = TilePredictor(
            network,
            batch_voxels=batch_size * preprocess.side**2,
            padding=preprocess.padding,
        )
    else:
        raise ValueError(
            "expected a network of slices (b, h, w, c) or patches "
            f"(b, d, h, w, c), received one of {network.input_shape}"
        )
    return predictor if flips == "none" else FlipPredictor(predictor, flips)
