"""The same numbers by SciPy and NumPy in the straightforward way.

Full-size label volumes, a loop over lesions, erosions and distance
transforms of the whole volume, and a sort of all voxels: what one writes
first, and what many evaluation scripts do.
"""

import sys

import numpy as np
from metrics_volume import SPACING_MM, Scan
from scipy import ndimage

from data_prep.size_classes import SIZE_CLASSES, SizeRule
from wmh_keras.metrics.curves import PR_RECALL, ROC_FPR

_OVERLAP = 0.4


def score_masks(scan: Scan) -> dict[str, float]:
    """All metrics but the curves, by name."""
    reference = scan.reference == 1
    prediction = (scan.prediction == 1) & (scan.reference != 2)
    counted = scan.reference != 2
    scores = _pixel_scores(reference, prediction, counted)
    scores["h95_mm"] = _h95_mm(reference, prediction)
    scores |= _lesion_scores(reference, prediction)
    return scores


def _pixel_scores(
    reference: np.ndarray, prediction: np.ndarray, counted: np.ndarray
) -> dict[str, float]:
    tp = (reference & prediction).sum()
    fp = (~reference & prediction).sum()
    fn = (reference & ~prediction).sum()
    voxel_ml = np.prod(SPACING_MM) / 1000
    return {
        "dice": 2 * tp / (2 * tp + fp + fn),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "accuracy": (reference == prediction)[counted].mean(),
        "avd_percent": abs(fp - fn) / (tp + fn) * 100,
        "reference_volume_ml": reference.sum() * voxel_ml,
        "predicted_volume_ml": prediction.sum() * voxel_ml,
    }


def _h95_mm(reference: np.ndarray, prediction: np.ndarray) -> float:
    boundaries = [
        mask & ~ndimage.binary_erosion(mask, np.ones((3, 3, 1)), border_value=1)
        for mask in (reference, prediction)
    ]
    directed = []
    for start, goal in (boundaries, boundaries[::-1]):
        distances = ndimage.distance_transform_edt(~goal, sampling=SPACING_MM)
        directed.append(np.percentile(distances[start], 95))
    return max(directed)


def _lesion_scores(
    reference: np.ndarray, prediction: np.ndarray
) -> dict[str, float]:
    sides = [
        _measure(reference, prediction, "reference"),
        _measure(prediction, reference, "predicted"),
    ]
    scores = {}
    for name, overlap in (("lesion", _OVERLAP), ("any_overlap", 1e-9)):
        found, matched = (side["share"] >= overlap for side in sides)
        scores[f"{name}_recall"] = found.mean()
        scores[f"{name}_precision"] = matched.mean()
        scores[f"{name}_f1"] = _f1(found.mean(), matched.mean())
    for index, name in enumerate(SIZE_CLASSES):
        of_class = [side["class"] == index for side in sides]
        scores |= {
            f"{name}_{key}": value
            for key, value in _class_scores(
                reference, prediction, sides, of_class
            ).items()
        }
    return scores


def _measure(
    mask: np.ndarray, other: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """Size class and covered share of each lesion, one after the other."""
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    sizes, shares = [], []
    for number in range(1, count + 1):
        lesion = labels == number
        sizes.append(lesion.sum())
        shares.append((lesion & other).sum() / sizes[-1])
        if number % 50 == 0 or number == count:
            print(f"  {name} lesion {number} of {count}", file=sys.stderr)
    rule = SizeRule()
    classes = rule.classes(rule.sizes(np.array(sizes), SPACING_MM))
    return {"labels": labels, "share": np.array(shares), "class": classes}


def _class_scores(
    reference: np.ndarray,
    prediction: np.ndarray,
    sides: list[dict[str, np.ndarray]],
    of_class: list[np.ndarray],
) -> dict[str, float]:
    of_reference, of_predicted = (side["labels"] for side in sides)
    ours = np.isin(of_reference, np.flatnonzero(of_class[0]) + 1)
    touching = np.unique(of_predicted[ours & prediction])
    alone = np.flatnonzero(of_class[1] & (sides[1]["share"] == 0)) + 1
    belonging = np.isin(of_predicted, touching) & ~(reference & ~ours)
    belonging |= np.isin(of_predicted, alone)
    both = (ours & belonging).sum()
    recall = (sides[0]["share"][of_class[0]] >= _OVERLAP).mean()
    precision = (sides[1]["share"][of_class[1]] >= _OVERLAP).mean()
    return {
        "dice_within": 2 * both / (both + ours.sum()),
        "dice": 2 * both / (ours.sum() + belonging.sum()),
        "lesion_recall": recall,
        "lesion_precision": precision,
        "lesion_f1": _f1(recall, precision),
    }


def _f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / (recall + precision)


def score_curves(scan: Scan) -> dict[str, float]:
    """Areas, and the points of the curves, by name."""
    counted = scan.reference != 2
    is_wmh = scan.reference[counted] == 1
    chance = scan.probability[counted]
    order = np.argsort(-chance, kind="stable")
    is_wmh, chance = is_wmh[order], chance[order]
    del order
    # The last voxel of each threshold.
    ends = np.append(np.flatnonzero(np.diff(chance)), len(chance) - 1)
    tp = np.cumsum(is_wmh)[ends]
    fp = ends + 1 - tp
    tpr = np.append(0, tp) / tp[-1]
    fpr = np.append(0, fp) / fp[-1]
    precision = tp / (tp + fp)
    scores = {
        "auc": np.trapezoid(tpr, fpr),
        "average_precision": (np.diff(tpr) * precision).sum(),
    }
    for rate, value in zip(ROC_FPR, np.interp(ROC_FPR, fpr, tpr), strict=True):
        scores[f"tpr at fpr {rate:.3g}"] = value
    for wanted in PR_RECALL:
        reaches = tpr[1:] >= max(wanted - 1e-12, 1e-12)
        scores[f"precision at recall {wanted:g}"] = precision[reaches][0]
    return scores
