"""Segments volumes as `inference.Segmenter` does, with a server's network."""

from collections.abc import Sequence

import numpy as np

from data_prep.errors import UserError
from data_prep.geometry import SliceGeometry, slice_geometry
from data_prep.preprocess import volume_warnings
from data_prep.volume import Volume, check_channel_grid
from wmh_keras.inference.network import Network
from wmh_keras.inference.progress import OnProgress
from wmh_keras.inference.segmenter import Segmentation, Segmenter
from wmh_keras.serving.client.errors import Fault, RunEndedError, ServingError
from wmh_keras.serving.client.route import Route
from wmh_keras.serving.client.served_model import PROBABILITY, ServedModel
from wmh_keras.serving.description import (
    SEGMENT_VOLUME,
    SERVING_DEFAULT,
    volume_input,
)

# Interpolation at the server may leave the range by a rounding error.
_TOLERANCE = 1e-5


class RemoteSegmenter:
    """Segments volumes with a served model; a stand-in for `Segmenter`.

    Nothing that a server says is taken unseen: shape, type and range of every
    answer are checked, and the server's mask has to be what its probabilities
    give at the threshold.

    Attributes:
      channels: roles of the images that a volume has to have, the FLAIR
        first.
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions are removed; 0 keeps all.
    """

    def __init__(
        self,
        served: ServedModel,
        *,
        threshold: float | None = None,
        min_lesion_mm3: float | None = None,
        route: Route | None = None,
    ) -> None:
        """Takes a model that `open_model` gave.

        Args:
          served: the model.
          threshold: None takes the model's own.
          min_lesion_mm3: None takes the model's own.
          route: how volumes travel.

        Raises:
          UserError: the model takes no whole volumes, and the route is
            "volume".
          ValueError: a value outside its range.
        """
        described = served.description
        self._served = served
        self._route = route or Route()
        if self._route.name == "volume" and not served.segments_volumes:
            raise UserError(
                f"{served.transport.address}: {served.model.name} takes no "
                f"whole volumes (no usable signature {SEGMENT_VOLUME}); take "
                "--route=slices"
            )
        self.channels = described.preprocess.channels
        # Prepares, thresholds and removes as prediction does.
        self._local = Segmenter(
            [Network(served.input_shape, self._predict_batch, "serving")],
            described.preprocess,
            threshold=described.threshold if threshold is None else threshold,
            min_lesion_mm3=described.min_lesion_mm3
            if min_lesion_mm3 is None
            else min_lesion_mm3,
            batch_size=self._route.batch_size,
        )
        self.threshold = self._local.threshold
        self.min_lesion_mm3 = self._local.min_lesion_mm3

    def segment(
        self,
        images: Sequence[Volume],
        on_progress: OnProgress | None = None,
    ) -> Segmentation:
        """Finds the lesions of one subject.

        Args:
          images: one volume for each of `channels`, all on one grid.
          on_progress: called with the share that is done.

        Returns:
          Probability and mask on the native grid.

        Raises:
          VolumeError: the volumes cannot be prepared.
          ServingError: the server refuses this volume, or its answer cannot
            be used.
          RunEndedError: the server is away, or refuses everything.
        """
        try:
            if self._goes_whole(images):
                return self._segment_whole(images)
            return self._local.segment(images, on_progress)
        except ServingError as error:
            if error.ends_run:
                raise RunEndedError(str(error)) from error
            raise

    def _goes_whole(self, images: Sequence[Volume]) -> bool:
        num_voxels = sum(image.data.size for image in images)
        return self._served.segments_volumes and self._route.sends_whole(
            num_voxels
        )

    def _segment_whole(self, images: Sequence[Volume]) -> Segmentation:
        flair, threshold = images[0], self.threshold
        for role, image in zip(self.channels[1:], images[1:], strict=True):
            check_channel_grid(image, flair, role)
        config = self._served.description.preprocess
        geometry = slice_geometry(flair, config.side, config.oversize)
        answer = self._served.ask(
            SEGMENT_VOLUME,
            {
                "spacing_mm": np.array(
                    [geometry.spacing_mm[1::-1]], np.float32
                ),
                "threshold": np.array([threshold], np.float32),
                **{
                    volume_input(role): _to_planes(image, geometry)
                    for role, image in zip(self.channels, images, strict=True)
                },
            },
            {PROBABILITY: np.float32, "mask": np.uint8},
        )
        shape = (1, geometry.num_slices, *geometry.plane)
        probability = self._checked(answer[PROBABILITY], shape)
        # Float32 as at the server, where the threshold is one too.
        expected = probability >= np.float32(threshold)
        if not np.array_equal(answer["mask"], expected):
            raise self._bad_answer(
                "its mask is not what its probabilities give at the threshold "
                f"{threshold:g}"
            )
        native = np.ascontiguousarray(geometry.from_planes(probability[0]))
        return Segmentation(
            probability=native,
            mask=self._local.mask_from(native, flair.voxel_mm3),
            warnings=volume_warnings(flair, geometry),
        )

    def _predict_batch(self, batch: np.ndarray) -> np.ndarray:
        """Probabilities of slices (or patches), without their channel."""
        answer = self._served.ask(
            SERVING_DEFAULT,
            {self._served.network_input: batch},
            {PROBABILITY: np.float32},
        )
        shape = (*batch.shape[:-1], 1)
        return self._checked(answer[PROBABILITY], shape)[..., 0]

    def _checked(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if array.shape != shape:
            raise self._bad_answer(
                f"expected probabilities of shape {shape}, received "
                f"{array.shape}"
            )
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise self._bad_answer(
                f"{bad} of {array.size} probabilities are NaN or infinite"
            )
        lowest, highest = float(array.min()), float(array.max())
        if lowest < -_TOLERANCE or highest > 1 + _TOLERANCE:
            raise self._bad_answer(
                f"expected probabilities from 0 to 1, received {lowest:g} to "
                f"{highest:g}"
            )
        return np.clip(array, 0, 1)

    def _bad_answer(self, details: str) -> ServingError:
        address = self._served.transport.address
        return ServingError(Fault.BAD_ANSWER, address, details)


def _to_planes(image: Volume, geometry: SliceGeometry) -> np.ndarray:
    planes = geometry.to_planes(image.data)[np.newaxis]
    return np.ascontiguousarray(planes, np.float32)
