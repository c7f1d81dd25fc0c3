import copy
import dataclasses

import numpy as np

from wmh_keras.reporting.figures.volume_agreement import draw_volume_agreement


def volumes(item):
    return (
        np.array([getattr(v.scores, f"{side}_volume_ml") for v in item.volumes])
        for side in ("reference", "predicted")
    )


def test_points_and_lines(study):
    figure = draw_volume_agreement(study).figure
    assert len(figure.axes) == 6
    item = study.evaluations[1]
    left, right = figure.axes[2:4]
    reference, predicted = volumes(item)
    x, y = left.collections[0].get_offsets().T
    np.testing.assert_allclose(x, (reference + predicted) / 2)
    np.testing.assert_allclose(y, predicted - reference)
    levels = [line.get_ydata()[0] for line in left.lines]
    difference = predicted - reference
    bias, sd = difference.mean(), difference.std(ddof=1)
    np.testing.assert_allclose(
        levels, [0, bias, bias - 1.96 * sd, bias + 1.96 * sd]
    )
    np.testing.assert_allclose(
        right.collections[0].get_offsets(), np.stack([reference, predicted]).T
    )
    (identity,) = right.lines
    assert (identity.get_xdata() == identity.get_ydata()).all()
    icc = item.summary["volume_agreement"]["icc_a1"]["value"]
    assert right.get_title(loc="left").startswith(f"ICC(A,1) = {icc:.3f} (")


def test_where_nothing_is_defined(study):
    item = study.evaluations[0]
    summary = copy.deepcopy(dict(item.summary))
    for block in ("bland_altman", "icc_a1"):
        values = summary["volume_agreement"][block]
        summary["volume_agreement"][block] = dict.fromkeys(values)
    empty = dataclasses.replace(item, summary=summary, volumes=item.volumes[:1])
    one = dataclasses.replace(study, evaluations=(empty,), comparison=None)
    left, right = draw_volume_agreement(one).figure.axes
    assert len(left.lines) == 1, "the zero line alone"
    assert right.get_title(loc="left") == "ICC(A,1) not defined"
