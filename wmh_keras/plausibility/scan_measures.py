"""What a scan is like, in numbers that compare with those of other scans."""

from collections.abc import Iterable, Iterator

import numpy as np

from data_prep.geometry import SliceGeometry, slice_geometry
from data_prep.preprocess import acquisition_warning
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume
from wmh_keras.metrics.components import find_components
from wmh_keras.metrics.labels import WMH
from wmh_keras.metrics.volumetry import volume_ml
from wmh_keras.plausibility.coarse_head import CoarseHead, find_coarse_head
from wmh_keras.plausibility.contrast import measure_contrast

# Planes with less of the head than this share of the widest do not count.
_MIN_AREA = 0.05
# Every so many pixels are looked at to see whether a slice is empty.
_STRIDE = 4
# Looked at to count the different values.
_SAMPLE = 100_000
_DIGITS = 4

HEAD_ML = "head_ml"


def measure_scan(
    volume: Volume, preprocess: PreprocessConfig
) -> dict[str, float]:
    """Measures a scan without knowing its lesions.

    Takes a fraction of a second: the head is measured on a coarse grid.

    Args:
      volume: the FLAIR on its native grid, finite.
      preprocess: how it is prepared, which decides the size of the pixels
        that a network sees.

    Returns:
      Name to value: those of `measure_contrast`, where a brain can be seen,
      and

      * pixel_mm: side of a prepared pixel; this and the next only of axial
        acquisitions.
      * slice_mm: distance between axial slices.
      * head_ml: volume of the head, or of the bare brain.
      * coverage_mm: of the head, from its lowest slice to its highest.
      * top_share: the head's area in the uppermost slice of the image, over
        its largest; near 0 where the image reaches beyond the head.
      * border_share: how much of the head's outline is the image's border.
      * empty_slices: slices without any signal between others.
      * grey_values: different values among some 100,000 voxels; those of an
        image of float numbers are about as many.
    """
    geometry = slice_geometry(volume, preprocess.side, preprocess.oversize)
    head = find_coarse_head(volume)
    measures = {
        # There is a warning of its own of others, which says more.
        **({} if acquisition_warning(volume) else _measure_grid(geometry)),
        HEAD_ML: head.volume_ml,
        **_measure_coverage(head),
        "empty_slices": _count_empty_slices(volume, geometry),
        "grey_values": _count_values(volume.data),
        **measure_contrast(head),
    }
    return {
        name: round(float(value), _DIGITS) for name, value in measures.items()
    }


def measure_lesions(
    lesion_ml: float, num_lesions: int, head_ml: float
) -> dict[str, float]:
    """Measures the load of lesions, of a reference or of a prediction.

    Args:
      lesion_ml: their volume.
      num_lesions: 26-connected 3-D components.
      head_ml: of `measure_scan`.

    Returns:
      lesion_ml, lesion_percent (of the head) and lesions.
    """
    return {
        "lesion_ml": round(lesion_ml, _DIGITS),
        "lesion_percent": round(100 * lesion_ml / max(head_ml, 1e-3), _DIGITS),
        "lesions": float(num_lesions),
    }


def measure_labelled(
    scans: Iterable[tuple[Volume, Volume]], preprocess: PreprocessConfig
) -> Iterator[dict[str, float]]:
    """Measures scans with references, one at a time, for `range_of`.

    Args:
      scans: FLAIR and mask with the labels 0, 1, 2, on their native grids.
      preprocess: how the FLAIR is prepared.

    Yields:
      All measures of a scan and of its reference; of the scan alone where
      the reference has no lesion, so that a range is of those that have some.
    """
    for image, mask in scans:
        measures = measure_scan(image, preprocess)
        lesions = find_components(mask.data == WMH)
        if lesions.count:
            measures |= measure_lesions(
                volume_ml(mask.data, mask.voxel_mm3),
                lesions.count,
                measures[HEAD_ML],
            )
        yield measures


def _measure_grid(geometry: SliceGeometry) -> dict[str, float]:
    x_mm, y_mm, z_mm = geometry.spacing_mm
    return {"pixel_mm": min(x_mm, y_mm) / geometry.scale, "slice_mm": z_mm}


def _measure_coverage(head: CoarseHead) -> dict[str, float]:
    areas = head.areas
    widest = areas.max(initial=0)
    if not widest:
        return {"coverage_mm": 0.0, "top_share": 0.0, "border_share": 0.0}
    planes = np.flatnonzero(areas > _MIN_AREA * widest)
    return {
        "coverage_mm": (planes[-1] - planes[0] + 1) * head.spacing_mm[0],
        "top_share": areas[-1] / widest,
        "border_share": _border_share(head.inside),
    }


def _border_share(inside: np.ndarray) -> float:
    padded = np.pad(inside, ((0, 0), (1, 1), (1, 1)))
    within = padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    within &= padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1]
    outline = inside & ~within
    at_border = np.ones(inside.shape[1:], bool)
    at_border[1:-1, 1:-1] = False
    return np.count_nonzero(outline & at_border) / np.count_nonzero(outline)


def _count_empty_slices(volume: Volume, geometry: SliceGeometry) -> int:
    planes = geometry.to_planes(volume.data)[:, ::_STRIDE, ::_STRIDE]
    has_signal = planes.max(axis=(1, 2)) > planes.min(axis=(1, 2))
    with_signal = np.flatnonzero(has_signal)
    if not with_signal.size:
        return 0
    return int(np.ptp(with_signal)) + 1 - with_signal.size


def _count_values(data: np.ndarray) -> int:
    # Each axis alike, so that no part of the head is left out.
    stride = max(1, round((data.size / _SAMPLE) ** (1 / data.ndim)))
    return np.unique(data[::stride, ::stride, ::stride]).size
