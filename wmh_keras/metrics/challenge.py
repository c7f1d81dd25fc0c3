"""The five metrics of the WMH Segmentation Challenge 2017.

Kuijf et al., IEEE TMI 2019 (doi 10.1109/TMI.2019.2905770), as the official
`evaluation.py` computes them, so that results compare with its teams:

- Label 1 is WMH. Label 2 is other pathology: predictions there are ignored.
- DSC = 2 |R ∩ P| / (|R| + |P|).
- H95 in mm: the larger of the two directed 95th percentiles of distances
  between boundaries. The boundary of a mask is the mask less its erosion by
  the full 3 × 3 square within each slice, where what lies outside the image
  counts as foreground (SimpleITK's BinaryErode with radius (1, 1, 0)). The
  distance is Euclidean in world units between voxel centres, from each
  boundary voxel of one mask to the nearest of the other; the percentile is
  NumPy's linear one.
- AVD = | V_P - V_R | / V_R · 100, in percent.
- Lesions are 26-connected components ("fully connected"). Lesion recall:
  the share of reference lesions of which any voxel is predicted. Lesion
  precision: the share of predicted lesions that hold any reference voxel.
  Lesion F1 = 2 · precision · recall / (precision + recall).

Where this module differs from the official script, always on purpose:

| case              | here                   | official script              |
|-------------------|------------------------|------------------------------|
| both empty        | DSC 1, H95 0, AVD 0    | DSC 0/0, H95 NaN, AVD stops  |
|                   |                        | with a division by zero      |
| reference empty   | H95, AVD and lesion    | H95 and AVD stop with an     |
|                   | recall NaN             | exception, lesion recall 1   |
| mask without a    | H95 NaN                | H95 stops with an exception  |
| boundary (it      |                        |                              |
| fills each slice) |                        |                              |
| integer reference | labels as written      | its limits 0.5 and 1.5 turn  |
|                   |                        | into 0 and 1: background is  |
|                   |                        | read as WMH, WMH as label 2  |
| what a slice is   | the axial plane,       | the first two stored axes    |
|                   | however it is stored   |                              |
"""

import dataclasses
import math

import edt
import numpy as np
from scipy import spatial

from wmh_keras.metrics import labels, lesion, pixel
from wmh_keras.metrics.components import bounding_box

# Above this many boundary voxels a distance transform beats a search tree.
_MOST_TREE_POINTS = 1_000_000


@dataclasses.dataclass(frozen=True)
class ChallengeScores:
    """The five metrics of one volume; see the module for the empty cases."""

    dsc: float
    h95_mm: float
    avd_percent: float
    lesion_recall: float
    lesion_f1: float


def challenge_scores(
    reference: np.ndarray,
    prediction: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    slice_axis: int = 2,
    matching: lesion.LesionMatching | None = None,
) -> ChallengeScores:
    """The five Challenge metrics.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.
        spacing_mm: the distance of neighbouring voxels along each axis.
        slice_axis: the axis along which slices are stacked.
        matching: `lesion.match_lesions` of the same pair, if it is there
            already.

    Raises:
        ValueError: unequal shapes, labels that are not allowed, or spacings
            that are not positive.
    """
    wmh, predicted = labels.leave_out_label_2(reference, prediction)
    counts = pixel.count_pixels(wmh, predicted)
    if matching is None:
        matching = lesion.match_lesions(wmh, predicted)
    lesions = lesion.score_lesions(
        matching,
        recall_overlap=lesion.ANY_OVERLAP,
        precision_overlap=lesion.ANY_OVERLAP,
    )
    return ChallengeScores(
        dsc=pixel.dice(counts),
        h95_mm=hausdorff95_mm(
            wmh, predicted, spacing_mm, slice_axis=slice_axis
        ),
        avd_percent=avd_percent(counts),
        lesion_recall=lesions.recall,
        lesion_f1=lesions.dice,
    )


def avd_percent(counts: pixel.PixelCounts) -> float:
    """Absolute volume difference in percent of the reference volume.

    0 both empty, NaN reference empty, 100 prediction empty.
    """
    in_reference = counts.tp + counts.fn
    if in_reference == 0:
        return 0.0 if counts.fp == 0 else math.nan
    return abs(counts.fp - counts.fn) / in_reference * 100.0


def hausdorff95_mm(
    reference: np.ndarray,
    prediction: np.ndarray,
    spacing_mm: tuple[float, float, float],
    *,
    slice_axis: int = 2,
) -> float:
    """The 95th-percentile Hausdorff distance between boundaries, in mm.

    Args:
        reference: (x, y, z), labels 0/1/2; 2 is left out of both masks.
        prediction: (x, y, z), labels 0/1.
        spacing_mm: the distance of neighbouring voxels along each axis.
        slice_axis: the axis along which slices are stacked.

    Returns:
        mm; 0 both empty, NaN if only one of them is.

    Raises:
        ValueError: as `challenge_scores`.
    """
    if len(spacing_mm) != 3 or not all(0 < s < math.inf for s in spacing_mm):
        raise ValueError(
            "spacing_mm: expected three positive numbers, "
            f"received {spacing_mm}"
        )
    wmh, predicted = labels.leave_out_label_2(reference, prediction)
    box = bounding_box(wmh | predicted)
    if box is None:
        return 0.0
    if not wmh.any() or not predicted.any():
        return math.nan
    # A margin of one voxel keeps what lies outside a mask outside; where the
    # image ends, the box ends with it, so that the border rule holds.
    box = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
    of_reference = slice_boundary(wmh[box], slice_axis)
    of_prediction = slice_boundary(predicted[box], slice_axis)
    return max(
        _directed_95th_percentile(of_reference, of_prediction, spacing_mm),
        _directed_95th_percentile(of_prediction, of_reference, spacing_mm),
    )


def slice_boundary(mask: np.ndarray, slice_axis: int = 2) -> np.ndarray:
    """The mask less its erosion by the 3 × 3 square within each slice.

    Outside the array counts as foreground: a mask that runs out of the image
    has no boundary there.

    Args:
        mask: (x, y, z) bool.
        slice_axis: the axis along which slices are stacked.

    Returns:
        (x, y, z) bool; empty for an empty mask, and for a full one.
    """
    eroded = mask.copy("K")
    for axis in {0, 1, 2} - {slice_axis}:
        # One row after the other, so that both together are the full square.
        whole = eroded.copy("K")
        after, before = [slice(None)] * 3, [slice(None)] * 3
        after[axis], before[axis] = slice(1, None), slice(None, -1)
        eroded[tuple(after)] &= whole[tuple(before)]
        eroded[tuple(before)] &= whole[tuple(after)]
    return mask & ~eroded


def _directed_95th_percentile(
    start: np.ndarray, goal: np.ndarray, spacing_mm: tuple[float, ...]
) -> float:
    """95th percentile of the distances from `start` voxels to `goal`, in mm.

    A mask without boundary (it fills its slices to the edges of the image)
    has no distance: NaN.
    """
    num_start = int(np.count_nonzero(start))
    num_goal = int(np.count_nonzero(goal))
    if num_start == 0 or num_goal == 0:
        return math.nan
    if num_goal > _MOST_TREE_POINTS or num_start > _MOST_TREE_POINTS:
        distances = edt.edt(~goal, anisotropy=spacing_mm, order="C")[start]
        return float(np.percentile(distances.astype(np.float64), 95))
    # Common boundary voxels are at distance 0 and need no search.
    distances = np.zeros(num_start)
    apart = np.argwhere(start & ~goal) * spacing_mm
    tree = spatial.cKDTree(np.argwhere(goal) * spacing_mm)
    distances[: len(apart)] = tree.query(apart)[0]
    return float(np.percentile(distances, 95))
