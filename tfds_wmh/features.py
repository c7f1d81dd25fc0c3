"""What an example holds, in both configs, and how it is made."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_prep import intensity
from data_prep.cases.case import STORED_FIELDS, Case
from data_prep.dataset.data_folder import SLICES, VOLUMES
from data_prep.errors import VolumeError
from data_prep.geometry import SliceGeometry, slice_geometry
from data_prep.grid_json import grid_to_json
from data_prep.preprocess import PreparedVolume, PreprocessConfig
from data_prep.volume import Volume

Example = dict[str, Any]

# Config to the features that are stored compressed.
COMPRESSED = {SLICES: ("mask",), VOLUMES: ("image", "mask")}


def make_features(
    config: str, preprocess: PreprocessConfig
) -> tfds.features.FeaturesDict:
    """Returns the features of a config, "slices" or "volumes"."""
    if config == VOLUMES:
        return volume_features(len(preprocess.channels))
    return slice_features(preprocess.side, len(preprocess.channels))


def slice_features(side: int, channels: int) -> tfds.features.FeaturesDict:
    """Returns the features of config `slices`: one prepared axial slice."""
    return tfds.features.FeaturesDict(
        {
            # Raw half floats are read fastest, and keep the z-score to 1e-3.
            "image": tfds.features.Tensor(
                shape=(side, side, channels),
                dtype=np.float16,
                encoding="bytes",
                doc="(h, w) = (y, x), normalised",
            ),
            "mask": tfds.features.Tensor(
                shape=(side, side),
                dtype=np.uint8,
                encoding="zlib",
                doc="0 background, 1 WMH, 2 other pathology",
            ),
            "slice_index": tfds.features.Scalar(
                np.int32, doc="0 is the most inferior"
            ),
            **_volume_features(channels),
        }
    )


def volume_features(channels: int) -> tfds.features.FeaturesDict:
    """Returns the features of config `volumes`: files on their own grid."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Tensor(
                shape=(None, None, None, channels),
                dtype=np.float32,
                encoding="zlib",
                doc="(x, y, z, channel) in the file's own orientation",
            ),
            "mask": tfds.features.Tensor(
                shape=(None, None, None),
                dtype=np.uint8,
                encoding="zlib",
                doc="0 background, 1 WMH, 2 other pathology",
            ),
            "image_grids": tfds.features.Tensor(
                shape=(channels,),
                dtype=np.str_,
                doc="JSON a channel: affine, unit, NIfTI form codes",
            ),
            "mask_grid": tfds.features.Text(doc="JSON, as image_grids; or ''"),
            **_volume_features(channels),
        }
    )


def slice_key(volume_id: str, index: int) -> str:
    """Returns the key of a slice, which decides its place in the files."""
    return f"{volume_id}/{index:05d}"


def slice_examples(
    case: Case, prepared: PreparedVolume
) -> Iterator[tuple[str, Example]]:
    """Yields one example a slice, keyed by volume and position.

    Args:
      case: who it is; its paths are not used.
      prepared: its slices; a missing mask is stored as zeros.

    Raises:
      VolumeError: intensities beyond the half floats that are stored.
    """
    about = _about(case, prepared.geometry, prepared.mean, prepared.std)
    largest = float(np.abs(prepared.slices).max())
    if largest > np.finfo(np.float16).max:
        raise VolumeError(
            f"{case.volume_id}: expected prepared intensities up to 65504, "
            f"which half floats hold, received {largest:g}; prepare with "
            "--normalization=zscore"
        )
    images = prepared.slices.astype(np.float16)
    masks = prepared.mask
    if masks is None:
        masks = np.zeros(images.shape[:3], np.uint8)
    for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
        example = {"image": image, "mask": mask, "slice_index": index, **about}
        yield slice_key(case.volume_id, index), example


def volume_example(
    case: Case,
    images: Sequence[Volume],
    mask: Volume | None,
    config: PreprocessConfig,
) -> Example:
    """Returns the example of one volume, voxels as the files gave them.

    Args:
      case: who it is; its paths are not used.
      images: one a channel.
      mask: stored as zeros where it is missing.
      config: decides the geometry, mean and std that go with it.
    """
    geometry = slice_geometry(images[0], config.side, config.oversize)
    scales = [
        intensity.centre_and_spread(image.data, config.normalization)
        for image in images
    ]
    voxels = np.stack([image.data for image in images], axis=-1)
    labels = np.zeros(images[0].shape, np.uint8) if mask is None else mask.data
    return {
        "image": voxels,
        "mask": labels,
        "image_grids": [grid_to_json(image) for image in images],
        "mask_grid": "" if mask is None else grid_to_json(mask),
        **_about(case, geometry, *zip(*scales, strict=True)),
    }


def _volume_features(channels: int) -> dict[str, Any]:
    def numbers(*shape: int, doc: str) -> tfds.features.Tensor:
        # tf.train.Example has no float64 of its own: raw bytes are exact.
        return tfds.features.Tensor(
            shape=shape, dtype=np.float64, encoding="bytes", doc=doc
        )

    return {
        **{name: tfds.features.Text() for name in STORED_FIELDS},
        "has_mask": tfds.features.Scalar(
            np.bool_, doc="false: the mask is zeros because there is none"
        ),
        "num_slices": tfds.features.Scalar(
            np.int32, doc="axial slices of the volume"
        ),
        "native_shape": tfds.features.Tensor(
            shape=(3,), dtype=np.int32, doc="voxels along the file's axes"
        ),
        "orientation": tfds.features.Text(doc="of the file, such as LAS"),
        "spacing_mm": numbers(3, doc="x, y, z of the canonical axes"),
        "affine": numbers(4, 4, doc="file's voxel indices to world mm"),
        "mean": numbers(channels, doc="of the native intensities"),
        "std": numbers(channels, doc="of the native intensities"),
        "geometry": tfds.features.Text(
            doc="JSON: orientation, padding, crop and scale of the slices"
        ),
    }


def _about(
    case: Case,
    geometry: SliceGeometry,
    mean: Sequence[float],
    std: Sequence[float],
) -> Example:
    return {
        **{name: getattr(case, name) or "" for name in STORED_FIELDS},
        "has_mask": case.mask is not None,
        "num_slices": geometry.num_slices,
        "native_shape": np.array(geometry.native_shape, np.int32),
        "orientation": geometry.orientation,
        "spacing_mm": np.array(geometry.spacing_mm, np.float64),
        "affine": np.array(geometry.affine, np.float64),
        "mean": np.array(mean, np.float64),
        "std": np.array(std, np.float64),
        "geometry": json.dumps(geometry.to_json()),
    }
