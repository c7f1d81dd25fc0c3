"""Dice and lesion F1 of one volume at every threshold and minimum size."""

import dataclasses

import numpy as np

from wmh_keras.inference import postprocess
from wmh_keras.metrics import labels, lesion, pixel
from wmh_keras.metrics.components import Components, find_components
from wmh_keras.metrics.contingency import Contingency, count_shared

THRESHOLDS = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))
MIN_LESION_SIZES_MM3 = (0.0, 3.0, 5.0, 10.0, 20.0, 30.0)


@dataclasses.dataclass(frozen=True)
class Grid:
    """The settings that are tried.

    Attributes:
        thresholds: rising, each above 0 and at most 1.
        min_lesion_sizes_mm3: rising, each 0 or more.

    Raises:
        ValueError: none, one out of its range, or not rising.
    """

    thresholds: tuple[float, ...] = THRESHOLDS
    min_lesion_sizes_mm3: tuple[float, ...] = MIN_LESION_SIZES_MM3

    def __post_init__(self) -> None:
        """Checks the fields."""
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if not values or list(values) != sorted(set(values)):
                raise ValueError(
                    f"{field.name}: expected rising numbers, each once, "
                    f"received {', '.join(map(str, values)) or 'none'}"
                )
        for threshold in self.thresholds:
            postprocess.check_threshold(threshold)
        for size in self.min_lesion_sizes_mm3:
            postprocess.check_min_lesion_mm3(size)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of thresholds and of sizes."""
        return len(self.thresholds), len(self.min_lesion_sizes_mm3)


DEFAULT_GRID = Grid()


@dataclasses.dataclass(frozen=True, eq=False)
class GridScores:
    """The scores at every setting of a grid.

    Attributes:
        dice: (thresholds, sizes) float64.
        lesion_f1: likewise, the lesion F1 of the WMH Segmentation Challenge.
    """

    dice: np.ndarray
    lesion_f1: np.ndarray

    @property
    def dice_and_f1(self) -> np.ndarray:
        """(thresholds, sizes): the mean of both."""
        return (self.dice + self.lesion_f1) / 2


def score_grid(
    reference: np.ndarray,
    probability: np.ndarray,
    voxel_mm3: float,
    grid: Grid,
) -> GridScores:
    """Scores one volume as evaluation does, at every setting.

    A mask is what `inference.postprocess` makes of the probabilities: the
    threshold, then without lesions below the minimum size, then without label
    2. Lesions are labelled once a threshold; the sizes only leave some out.

    Args:
        reference: (x, y, z), labels 0/1/2.
        probability: (x, y, z), 0 to 1, on the same grid.
        voxel_mm3: volume of a voxel in mm³.
        grid: the settings.

    Returns:
        The scores, never NaN: 1 where reference and mask are empty, 0 where
        only one of them is.

    Raises:
        ValueError: unequal shapes, or labels that are not allowed.
    """
    labels.check_same_shape(reference, probability, "probability")
    labels.check_labels(reference, labels.OTHER_PATHOLOGY, "reference")
    # Whatever lies outside is background at every threshold.
    box = lesion.bounding_box(
        (reference != labels.BACKGROUND) | (probability >= grid.thresholds[0])
    )
    if box is None:
        return GridScores(np.ones(grid.shape), np.ones(grid.shape))
    reference, probability = reference[box], probability[box]
    wmh = find_components(reference == labels.WMH)
    scores = np.empty((*grid.shape, 2))
    for row, threshold in enumerate(grid.thresholds):
        mask = postprocess.threshold_probability(probability, threshold)
        found = _Lesions.find(wmh, mask, reference)
        sizes_mm3 = found.whole_sizes * voxel_mm3
        for column, size in enumerate(grid.min_lesion_sizes_mm3):
            stays = postprocess.is_large_enough(sizes_mm3, size)
            scores[row, column] = found.score(stays)
    return GridScores(scores[..., 0], scores[..., 1])


@dataclasses.dataclass(frozen=True, eq=False)
class _Lesions:
    """The lesions of one mask, and what of them is right.

    Attributes:
        reference: the reference's lesions.
        predicted: what label 2 leaves of the mask's lesions.
        whole_sizes: (n,) voxels of the lesion that each is a part of, with
            label 2: what the minimum size is asked of.
        shared: which of both share voxels.
    """

    reference: Components
    predicted: Components
    whole_sizes: np.ndarray
    shared: Contingency

    @classmethod
    def find(
        cls, wmh: Components, mask: np.ndarray, reference: np.ndarray
    ) -> "_Lesions":
        whole = find_components(mask)
        other = reference == labels.OTHER_PATHOLOGY
        if not other.any():
            return cls(wmh, whole, whole.sizes, count_shared(wmh, whole))
        parts = find_components(mask.astype(np.bool_) & ~other)
        # A part lies in one lesion: that of any of its voxels.
        first = parts.voxels[np.unique(parts.owner, return_index=True)[1]]
        owner = whole.owner[np.searchsorted(whole.voxels, first)]
        return cls(wmh, parts, whole.sizes[owner], count_shared(wmh, parts))

    def score(self, stays: np.ndarray) -> tuple[float, float]:
        """Dice and lesion F1 of those that stay, (n,) bool."""
        rows = stays[self.shared.predicted]
        tp = int(self.shared.shared[rows].sum())
        in_mask = int(self.predicted.sizes[stays].sum())
        in_reference = len(self.reference.voxels)
        counts = pixel.PixelCounts(tp, in_mask - tp, in_reference - tp, 0)
        lesions = lesion.score_counts(
            in_reference=self.reference.count,
            found=len(np.unique(self.shared.reference[rows])),
            in_prediction=int(stays.sum()),
            matched=len(np.unique(self.shared.predicted[rows])),
        )
        return pixel.dice(counts), lesions.dice
