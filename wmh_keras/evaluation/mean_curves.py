"""The mean curve of a cohort, and how far its subjects spread."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from wmh_keras.evaluation.results import PatientResult
from wmh_keras.evaluation.rows import GRIDS, PRECISION_RECALL, ROC


@dataclasses.dataclass(frozen=True, eq=False)
class MeanCurve:
    """A curve averaged upright, at each x over subjects.

    Attributes:
        x: (p,) float64, where the points lie.
        mean: (p,) float64.
        sd: (p,) float64, sample standard deviation (n - 1) over subjects; NaN
            for a single subject.
        n: subjects that have a curve.
    """

    x: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    n: int

    def to_json(self) -> dict[str, object]:
        """JSON types, still with NaN."""
        return {
            "x": self.x.tolist(),
            "mean": self.mean.tolist(),
            "sd": self.sd.tolist(),
            "n": self.n,
        }


def average_curves(
    results: Sequence[PatientResult],
) -> dict[str, MeanCurve] | None:
    """Averages the curves of a cohort; a subject counts once.

    Args:
        results: one a volume; those without curves are left out.

    Returns:
        "roc" and "precision_recall"; None where no volume has curves.
    """
    by_subject: dict[str, list[PatientResult]] = {}
    for result in results:
        if result.curves is not None:
            by_subject.setdefault(result.key.subject_id, []).append(result)
    if not by_subject:
        return None
    groups = by_subject.values()
    values = {
        ROC: [np.mean([r.curves.tpr for r in g], axis=0) for g in groups],
        PRECISION_RECALL: [
            np.mean([r.curves.precision for r in g], axis=0) for g in groups
        ],
    }
    return {name: _average(GRIDS[name], values[name]) for name in GRIDS}


def _average(x: np.ndarray, curves: list[np.ndarray]) -> MeanCurve:
    stacked = np.stack(curves)
    sd = np.full(len(x), np.nan)
    if len(stacked) > 1:
        sd = stacked.std(axis=0, ddof=1)
    return MeanCurve(x, stacked.mean(axis=0), sd, len(stacked))
