"""The same data set by nibabel, scikit-image and TFDS, in the usual way.

One volume after the other, `get_fdata`, `skimage.transform.resize` slice by
slice, and TFDS's own writing loop: what one writes first. Every file is read
once to be checked and once for each of the two data sets, as in wmh-prepare.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import skimage.transform
import tensorflow_datasets as tfds

_CHANNELS = 1


@dataclasses.dataclass(frozen=True)
class Scan:
    """A FLAIR and its mask."""

    name: str
    flair: Path
    mask: Path


def prepare(scans: Sequence[Scan], data_dir: Path, side: int) -> None:
    """Checks all scans, then writes slices and volumes."""
    tfds.display_progress_bar(False)
    seen = {}
    for scan in scans:
        digest = _check(scan)
        if digest in seen:
            raise ValueError(f"{scan.name} and {seen[digest]} are the same")
        seen[digest] = scan.name
    for builder_class in (PlainSlices, PlainVolumes):
        builder_class(scans, side, data_dir=data_dir).download_and_prepare()


def _read(scan: Scan) -> tuple[nib.Nifti1Image, np.ndarray, np.ndarray]:
    image = nib.as_closest_canonical(nib.load(scan.flair))
    mask = nib.as_closest_canonical(nib.load(scan.mask))
    if not np.allclose(image.affine, mask.affine, atol=1e-3):
        raise ValueError(f"{scan.name}: the mask is on another grid")
    return image, image.get_fdata(), mask.get_fdata()


def _check(scan: Scan) -> str:
    _, data, labels = _read(scan)
    if data.ndim != 3 or data.shape != labels.shape:
        raise ValueError(f"{scan.name}: shapes {data.shape}, {labels.shape}")
    if not np.isfinite(data).all() or data.min() == data.max():
        raise ValueError(f"{scan.name}: no image")
    if not set(np.unique(labels)) <= {0, 1, 2}:
        raise ValueError(f"{scan.name}: labels {np.unique(labels)}")
    return hashlib.sha256(data.tobytes()).hexdigest()


def _to_square(plane: np.ndarray, side: int, order: int) -> np.ndarray:
    """Pads with zeros, then resizes up or cuts out the centre."""
    size = max(plane.shape)
    before = [(size - n) // 2 for n in plane.shape]
    margins = [
        (b, size - n - b) for b, n in zip(before, plane.shape, strict=True)
    ]
    square = np.pad(plane, margins)
    if size > side:
        start = (size - side) // 2
        return square[start : start + side, start : start + side]
    return skimage.transform.resize(
        square,
        (side, side),
        order=order,
        mode="edge",
        anti_aliasing=False,
        preserve_range=True,
    )


class _Plain(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, scans: Sequence[Scan], side: int, **kwargs: str) -> None:
        self.scans, self.side = scans, side
        super().__init__(**kwargs)

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator]:
        del dl_manager
        return {"train": self._generate_examples()}


class PlainSlices(_Plain):
    """Prepared slices."""

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.side
        features = {
            "image": tfds.features.Tensor(
                shape=(side, side, _CHANNELS),
                dtype=np.float16,
                encoding="bytes",
            ),
            "mask": tfds.features.Tensor(
                shape=(side, side), dtype=np.uint8, encoding="zlib"
            ),
            "slice_index": tfds.features.Scalar(np.int32),
            **_about_features(),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _generate_examples(self) -> Iterator[tuple[str, dict]]:
        for scan in self.scans:
            image, data, labels = _read(scan)
            about = _about(scan, image, data)
            data = (data - about["mean"]) / about["std"]
            for index in range(data.shape[2]):
                plane = _to_square(data[:, :, index].T, self.side, 1)
                mask = _to_square(labels[:, :, index].T, self.side, 0)
                example = {
                    "image": plane[..., np.newaxis].astype(np.float16),
                    "mask": mask.astype(np.uint8),
                    "slice_index": index,
                    **about,
                }
                yield f"{scan.name}/{index:05d}", example


class PlainVolumes(_Plain):
    """Whole volumes."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Tensor(
                shape=(None, None, None, _CHANNELS),
                dtype=np.float32,
                encoding="zlib",
            ),
            "mask": tfds.features.Tensor(
                shape=(None, None, None), dtype=np.uint8, encoding="zlib"
            ),
            **_about_features(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        for number, scan in enumerate(self.scans):
            image, mask = nib.load(scan.flair), nib.load(scan.mask)
            data = image.get_fdata()
            example = {
                "image": data[..., np.newaxis].astype(np.float32),
                "mask": mask.get_fdata().astype(np.uint8),
                **_about(scan, image, data),
            }
            yield number, example


def _about_features() -> dict[str, tfds.features.FeatureConnector]:
    def numbers(*shape: int) -> tfds.features.Tensor:
        return tfds.features.Tensor(
            shape=shape, dtype=np.float64, encoding="bytes"
        )

    return {
        "volume_id": tfds.features.Text(),
        "affine": numbers(4, 4),
        "mean": numbers(1),
        "std": numbers(1),
    }


def _about(scan: Scan, image: nib.Nifti1Image, data: np.ndarray) -> dict:
    return {
        "volume_id": scan.name,
        "affine": np.array(image.affine, np.float64),
        "mean": np.array([data.mean()]),
        "std": np.array([data.std()]),
    }
