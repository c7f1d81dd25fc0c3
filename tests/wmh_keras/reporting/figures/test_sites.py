import dataclasses
import math

import numpy as np
import pytest

from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.reporting.figures.sites import dice_by_site, draw_sites


def with_keys(study, keys, dice):
    item = study.evaluations[0]
    volumes = tuple(
        dataclasses.replace(
            item.volumes[0],
            key=key,
            scores=dataclasses.replace(item.volumes[0].scores, dice=value),
        )
        for key, value in zip(keys, dice, strict=True)
    )
    return dataclasses.replace(
        study,
        evaluations=(dataclasses.replace(item, volumes=volumes),),
        comparison=None,
    )


def test_points_are_the_patients_of_the_site(study):
    axes = draw_sites(study).figure.axes[0]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["north\nn = 5", "south\nn = 5"]
    first = study.evaluations[0]
    for points, site in zip(
        axes.collections[:2], ("north", "south"), strict=True
    ):
        expected = [v.scores.dice for v in first.volumes if v.key.site == site]
        np.testing.assert_allclose(points.get_offsets()[:, 1], expected)


def test_scans_of_a_patient_are_averaged(study):
    keys = [
        VolumeKey("a", "1", site="x"),
        VolumeKey("a", "2", site="x"),
        VolumeKey("b", "1", site="x"),
        VolumeKey("b", "2", site=""),
    ]
    one = with_keys(study, keys, [0.4, 0.6, math.nan, 0.9])
    values = dice_by_site(one.evaluations[0])
    assert values["x"] == [
        pytest.approx(0.5),
        pytest.approx(math.nan, nan_ok=True),
    ]
    assert values[""] == [0.9]
    labels = [
        label.get_text()
        for label in draw_sites(one).figure.axes[0].get_xticklabels()
    ]
    assert labels == ["unknown\nn = 1", "x\nn = 2"]


def test_no_site_is_known(study):
    one = with_keys(study, [VolumeKey("a")], [0.5])
    illustration = draw_sites(one)
    assert illustration.figure is None
    assert "site" in illustration.missing
