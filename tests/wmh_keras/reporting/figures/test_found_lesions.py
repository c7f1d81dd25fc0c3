import dataclasses

import pytest

from wmh_keras.reporting.figures.found_lesions import (
    draw_found_lesions,
    found_by_class,
)


def test_bars_are_percent_of_the_lesions(study):
    axes = draw_found_lesions(study).figure.axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    shown = [text.get_text() for text in axes.texts]
    expected, labels = [], []
    for item in study.evaluations:
        for size in ("small", "medium", "large"):
            lesions = [
                lesion
                for volume in item.volumes
                for lesion in volume.lesions
                if lesion.mask == "reference" and lesion.size_class == size
            ]
            found = sum(lesion.found for lesion in lesions)
            expected.append(100 * found / len(lesions))
            labels.append(f"{expected[-1]:.1f} %\n{found}/{len(lesions)}")
    assert heights == pytest.approx(expected)
    assert shown == labels


def test_a_class_that_nobody_has(study):
    item = study.evaluations[0]
    volume = item.volumes[-2]  # has no large lesion
    assert found_by_class(dataclasses.replace(item, volumes=(volume,)))[
        "large"
    ] == (0, 0)
    one = dataclasses.replace(
        study,
        evaluations=(dataclasses.replace(item, volumes=(volume,)),),
        comparison=None,
    )
    axes = draw_found_lesions(one).figure.axes[0]
    assert axes.texts[-1].get_text() == "none"


def test_no_lesion_at_all(study):
    item = study.evaluations[0]
    nothing = dataclasses.replace(item, volumes=item.volumes[-1:])
    illustration = draw_found_lesions(
        dataclasses.replace(study, evaluations=(nothing,), comparison=None)
    )
    assert illustration.figure is None
    assert "no lesion" in illustration.missing
