import dataclasses

import numpy as np
from matplotlib.patches import Polygon

from wmh_keras.reporting.figures.lesion_sizes import (
    class_counts,
    draw_lesion_sizes,
)


def bars(axes):
    """Heights of the bars, in the order they were drawn."""
    return [
        bar.get_height() for container in axes.containers for bar in container
    ]


def rows(evaluation, mask):
    return [
        lesion
        for volume in evaluation.volumes
        for lesion in volume.lesions
        if lesion.mask == mask
    ]


def test_bars_are_the_lesions_of_each_class(study):
    right = draw_lesion_sizes(study).figure.axes[1]
    expected = []
    masks = [(study.evaluations[0], "reference")]
    masks += [(item, "predicted") for item in study.evaluations]
    for item, mask in masks:
        sizes = np.array([lesion.size for lesion in rows(item, mask)])
        expected += [
            (sizes < 20).sum(),
            ((sizes >= 20) & (sizes <= 150)).sum(),
            (sizes > 150).sum(),
        ]
    assert bars(right) == expected
    shown = [text.get_text() for text in right.texts]
    assert shown == [str(number) for number in expected]


def test_no_lesion_falls_out_of_the_histogram(study):
    left = draw_lesion_sizes(study).figure.axes[0]
    assert left.get_xscale() == "log"
    outlines = [p for p in left.patches if isinstance(p, Polygon)]
    items = [rows(study.evaluations[0], "reference")]
    items += [rows(item, "predicted") for item in study.evaluations]
    for outline, lesions in zip(outlines, items, strict=True):
        x, y = outline.get_xy().T
        # A bin of height h begins and ends at h: two corners of the outline.
        tops = {(a, h) for a, h in zip(x, y, strict=True) if h > 0}
        edges = sorted({a for a, _ in tops})
        assert edges[0] <= min(lesion.size for lesion in lesions)
        assert edges[-1] >= max(lesion.size for lesion in lesions)
    limits = [line.get_xdata()[0] for line in left.lines]
    assert limits == [20, 150]


def test_class_counts_name_every_class(study):
    empty = dataclasses.replace(
        study.evaluations[0], volumes=study.evaluations[0].volumes[-1:]
    )
    assert class_counts(empty, "reference") == {
        "small": 0,
        "medium": 0,
        "large": 0,
    }


def test_a_single_lesion_and_none(study):
    item = study.evaluations[0]
    volume = dataclasses.replace(
        item.volumes[0], lesions=item.volumes[0].lesions[:1]
    )
    for lesions, drawn in ((volume.lesions, True), ((), False)):
        one = dataclasses.replace(
            item, volumes=(dataclasses.replace(volume, lesions=lesions),)
        )
        illustration = draw_lesion_sizes(
            dataclasses.replace(study, evaluations=(one,), comparison=None)
        )
        assert (illustration.figure is not None) == drawn
        assert bool(illustration.missing) != drawn
