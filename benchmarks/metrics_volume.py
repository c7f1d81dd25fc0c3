"""A synthetic volume with lesions, and a probability map that errs."""

import dataclasses

import numpy as np
from scipy import ndimage

SPACING_MM = (0.5, 0.5, 0.9)
# Log-normal sizes that give about the shares of the paper's data set: 39 %
# small, 48 % medium and 13 % large.
_MEDIAN_MM3 = 30.0
_SIGMA = 1.4


@dataclasses.dataclass(frozen=True)
class Scan:
    """What there is to score.

    Attributes:
        reference: (x, y, z) uint8, labels 0/1/2.
        prediction: (x, y, z) uint8, labels 0/1.
        probability: (x, y, z) float32, above 0 everywhere.
    """

    reference: np.ndarray
    prediction: np.ndarray
    probability: np.ndarray


def make_scan(
    shape: tuple[int, int, int], num_lesions: int, seed: int = 0
) -> Scan:
    """Makes a volume with lesions that are found, missed and invented.

    Args:
        shape: (x, y, z) voxels of `SPACING_MM`.
        num_lesions: reference lesions; a tenth of them are missed, and there
            are a tenth as many false ones. Others are other pathology.
        seed: for all that is random.
    """
    rng = np.random.default_rng(seed)
    reference = np.zeros(shape, np.uint8)
    strength = np.zeros(shape, np.float32)
    kinds = np.repeat(
        ["found", "missed", "false", "label 2"],
        [num_lesions - num_lesions // 10, *[num_lesions // 10] * 2, 5],
    )
    for kind in rng.permutation(kinds):
        voxels = _place_lesion(reference, strength, rng)
        if kind != "false":
            reference[voxels] = 2 if kind == "label 2" else 1
        strength[voxels] = 0.1 if kind == "missed" else 1.0
    logit = ndimage.gaussian_filter(strength, (0.8, 0.8, 0.4))
    del strength
    logit *= 10
    logit -= 5
    logit += 0.7 * rng.standard_normal(shape, dtype=np.float32)
    probability = 1 / (1 + np.exp(-logit))
    prediction = (probability >= 0.5).astype(np.uint8)
    return Scan(reference, prediction, probability.astype(np.float32))


def _place_lesion(
    reference: np.ndarray, strength: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Voxels of an ellipsoid within the head that touches no other."""
    shape = np.array(reference.shape)
    while True:
        volume_mm3 = rng.lognormal(np.log(_MEDIAN_MM3), _SIGMA)
        stretch = rng.uniform(0.6, 1.6, 3)
        stretch /= stretch.prod() ** (1 / 3)
        radius_mm = (0.75 * volume_mm3 / np.pi) ** (1 / 3) * stretch
        radius = np.maximum(radius_mm / SPACING_MM, 0.6)
        place = rng.uniform(0.2, 0.8, 3) * shape
        low = np.floor(place - radius).astype(int) - 3
        high = np.ceil(place + radius).astype(int) + 4
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        outside = (low < 0).any() or (high > shape).any()
        if outside or strength[box].any() or reference[box].any():
            continue
        away = [
            ((index - centre) / r) ** 2
            for index, centre, r in zip(
                np.ogrid[box], place, radius, strict=True
            )
        ]
        inside = np.argwhere(sum(away) <= 1) + low
        if len(inside):
            return tuple(inside.T)
