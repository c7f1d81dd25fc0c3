"""Areas and curves against scikit-learn, with ties and with label 2."""

import numpy as np
import pytest

from wmh_keras.metrics import curves

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def flat(reference, probability):
    known = reference != 2
    return reference[known] == 1, probability[known].astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [2, 4, 17, 256, None])
def test_areas(make_scan, levels, dtype):
    for seed in range(4):
        scan = make_scan(seed, levels, dtype, share=0.01 + 0.05 * seed)
        scores = curves.score_curves(*scan)
        is_wmh, chance = flat(*scan)
        assert scores.auc == pytest.approx(
            sklearn_metrics.roc_auc_score(is_wmh, chance), abs=1e-12
        )
        assert scores.average_precision == pytest.approx(
            sklearn_metrics.average_precision_score(is_wmh, chance), abs=1e-12
        )


@pytest.mark.parametrize("levels", [3, 20, None])
def test_roc_polyline(make_scan, levels):
    for seed in range(3):
        scan = make_scan(seed, levels)
        scores = curves.score_curves(*scan)
        fpr, tpr, _ = sklearn_metrics.roc_curve(
            *flat(*scan), drop_intermediate=False
        )
        # One point for each rate, the highest, and the line between them.
        last = np.append(np.flatnonzero(np.diff(fpr)), len(fpr) - 1)
        first = np.append(0, last[:-1] + 1)
        for rate, received in zip(curves.ROC_FPR, scores.tpr, strict=True):
            left = last[fpr[last] <= rate][-1]
            right = first[fpr[first] > rate][:1]
            expected = tpr[left]
            if right.size:
                expected = np.interp(
                    rate, fpr[[left, right[0]]], tpr[[left, right[0]]]
                )
            assert received == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [3, 20, None])
def test_precision_recall_points(make_scan, levels):
    for seed in range(3):
        scan = make_scan(seed, levels)
        scores = curves.score_curves(*scan)
        precision, recall, _ = sklearn_metrics.precision_recall_curve(
            *flat(*scan)
        )
        # By rising threshold; scikit-learn's last point, (1, 0), stands for
        # no threshold at all.
        precision, recall = precision[:-1], recall[:-1]
        for wanted, received in zip(
            curves.PR_RECALL, scores.precision, strict=True
        ):
            least = max(wanted - 1e-12, 1e-12)
            expected = precision[recall >= least][-1]
            assert received == pytest.approx(expected, abs=1e-12)
