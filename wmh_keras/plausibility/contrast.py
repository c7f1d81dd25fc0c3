"""Is it a FLAIR? Measures of contrast that know no scale.

What tells FLAIR from its neighbours in the same examination: in FLAIR the
fluid in the middle of the head is dark (bright in T2 and ADC, grey in PD and
T2*), and grey matter is not darker than white (darker in T1; Hajnal et al.
1992, doi 10.1097/00004728-199211000-00001, for the sequence). All measures
are ratios, the air around the head being 0 and the median of the brain 1:
scaling and shifting an image changes none of them.
"""

import numpy as np
import scipy.ndimage

from wmh_keras.plausibility.coarse_head import CoarseHead

# Scalp and skull are this thick, about.
_DEPTH_MM = 14.0
# From the top of the head down to the base of the skull.
_BRAIN_MM = (30.0, 95.0)
# The lateral ventricles lie here, and this deep in the widest sense: the share
# of the largest depth of the plane.
_MIDDLE_MM = (30.0, 80.0)
_MIDDLE_DEPTH = 0.55
# Smooth differences in sensitivity are of this size.
_BIAS_MM = 20.0
# Distance to fluid, within the plane: the cortex, and what lies well below.
_CORTEX_MM = (2.6, 5.2)
_DEEP_MM = 8.0
# A sulcus is narrower than so many cells, within the plane.
_SULCUS_CELLS = (3, 3)
# Fewer cells say nothing: about 6 ml.
_MIN_CELLS = 200


def measure_contrast(head: CoarseHead) -> dict[str, float]:
    """Measures the contrast in the brain.

    Args:
      head: from `find_coarse_head`.

    Returns:
      Name to value; empty where no brain can be seen.

      * fluid_level: the 5 % quantile in the middle of the head, that is of
        the ventricles. 0 is air, 1 the brain's median.
      * dark_share: how far that lies below the middle's median, as a share of
        the way from the 5 % to the 95 % quantile. Above 0.5 what stands out
        in the middle is dark, below it is bright.
      * inverted: 1 where the air is brighter than the head, or the fluid in
        ventricles and sulci than the tissue around it, else 0.
      * tissue_spread: interquartile range of the brain.
      * bright_tail: from the 75 % to the 95 % quantile of the brain's tissue,
        over its interquartile range. Small where the brightest tissue is a
        large plateau, as white matter is in T1.
      * cortex_level: brightness of the tissue next to fluid, over that of the
        tissue well away from it.
    """
    below_top = _distance_from_top(head)
    brain = head.depth_mm > _DEPTH_MM
    brain &= _between(below_top, _BRAIN_MM)
    if np.count_nonzero(brain) < _MIN_CELLS:
        return {}
    median = float(np.median(head.image[brain]))
    if not median > 0:
        return {}
    level = head.image / median
    lowest = np.quantile(level[brain], 0.02)
    # Halfway between fluid and brain; all of it where they are the same.
    is_tissue = level >= (lowest + 1) / 2
    tissue = brain & is_tissue
    if np.count_nonzero(tissue) < _MIN_CELLS:
        return {}
    quarter, three_quarters = np.quantile(level[brain], (0.25, 0.75))
    spread = float(three_quarters - quarter)
    evened = _without_bias(level, tissue, head.spacing_mm)
    middle = _find_middle(head, below_top)
    is_inverted = head.is_inverted or _has_bright_fluid(level, middle, brain)
    return {
        **_measure_middle(level[middle]),
        "inverted": float(is_inverted),
        "tissue_spread": spread,
        "bright_tail": _bright_tail(evened[tissue]),
        "cortex_level": _cortex_level(
            evened, tissue, head.inside & is_tissue, head.spacing_mm
        ),
    }


def _find_middle(head: CoarseHead, below_top: np.ndarray) -> np.ndarray:
    deepest = head.depth_mm.max(axis=(1, 2), keepdims=True)
    middle = head.depth_mm > np.maximum(deepest * _MIDDLE_DEPTH, _DEPTH_MM)
    return middle & _between(below_top, _MIDDLE_MM)


def _measure_middle(levels: np.ndarray) -> dict[str, float]:
    if levels.size < _MIN_CELLS:
        return {}
    low, median, high = np.quantile(levels, (0.05, 0.5, 0.95))
    if high == low:
        return {"fluid_level": float(low)}
    return {
        "fluid_level": float(low),
        "dark_share": float((median - low) / (high - low)),
    }


def _has_bright_fluid(
    level: np.ndarray, middle: np.ndarray, brain: np.ndarray
) -> bool:
    """Whether what stands out in the brain does so as bright, not as dark.

    Two ratios of dark to bright multiplied, each of which turns over where an
    image is inverted: how far the middle reaches below its median and above,
    that is the ventricles and what is brightest there; and how much darker or
    brighter what is narrow is than what surrounds it, that is the sulci
    (black and white top-hat; Serra 1982, Image Analysis and Mathematical
    Morphology). Where a large load of lesions weighs as much as the
    ventricles, the sulci still tell. FLAIR of six scanners has products of
    1.27 and more, the same FLAIR inverted within the head at most 0.79.
    """
    if np.count_nonzero(middle) < _MIN_CELLS:
        return False
    low, median, high = np.quantile(level[middle], (0.05, 0.5, 0.95))
    size = (1, *_SULCUS_CELLS)
    bright = level - scipy.ndimage.grey_opening(level, size)
    dark = scipy.ndimage.grey_closing(level, size) - level
    narrow_dark, narrow_bright = (
        np.quantile(hat[brain], 0.95) for hat in (dark, bright)
    )
    return bool((median - low) * narrow_dark < (high - median) * narrow_bright)


def _bright_tail(values: np.ndarray) -> float:
    quarter, three_quarters, high = np.quantile(values, (0.25, 0.75, 0.95))
    if three_quarters == quarter:
        return np.nan
    return float((high - three_quarters) / (three_quarters - quarter))


def _cortex_level(
    evened: np.ndarray,
    tissue: np.ndarray,
    all_tissue: np.ndarray,
    spacing_mm: tuple[float, float, float],
) -> float:
    from_fluid = np.stack(
        [
            scipy.ndimage.distance_transform_edt(plane, sampling=spacing_mm[1:])
            for plane in all_tissue
        ]
    )
    low, high = _CORTEX_MM
    cortex = tissue & (from_fluid > low) & (from_fluid <= high)
    deep = tissue & (from_fluid > _DEEP_MM)
    if min(np.count_nonzero(cortex), np.count_nonzero(deep)) < _MIN_CELLS:
        return np.nan
    return float(np.median(evened[cortex]) / np.median(evened[deep]))


def _without_bias(
    level: np.ndarray, tissue: np.ndarray, spacing_mm: tuple[float, ...]
) -> np.ndarray:
    """Divides by the mean of the tissue around, so far as there is any."""
    sigmas = [_BIAS_MM / mm for mm in spacing_mm]
    weight = tissue.astype(np.float32)
    total = scipy.ndimage.gaussian_filter(level * weight, sigmas, truncate=2)
    around = scipy.ndimage.gaussian_filter(weight, sigmas, truncate=2)
    mean = np.divide(total, around, out=np.ones_like(total), where=tissue)
    return np.divide(level, mean, out=np.zeros_like(level), where=tissue)


def _distance_from_top(head: CoarseHead) -> np.ndarray:
    planes = np.flatnonzero(head.areas > 0.05 * head.areas.max(initial=1))
    top = planes.max(initial=0)
    distance = (top - np.arange(len(head.inside))) * head.spacing_mm[0]
    return distance[:, np.newaxis, np.newaxis]


def _between(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values <= limits[1])
