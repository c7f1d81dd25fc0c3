import numpy as np
import pytest

from data_prep.midline import midline_x_mm
from data_prep.volume import Volume


def ball(affine) -> Volume:
    """A head of radius 10 voxels around voxel (20, 15, 15)."""
    grid = np.indices((41, 31, 31))
    centre = np.array([20, 15, 15]).reshape(3, 1, 1, 1)
    inside = ((grid - centre) ** 2).sum(0) <= 100
    return Volume(inside.astype(np.float32) * 50 + 1, np.asarray(affine, float))


RAS = np.array([[2.0, 0, 0, -30], [0, 1, 0, 5], [0, 0, 3, -7], [0, 0, 0, 1]])


def test_middle_is_the_heads_not_the_worlds():
    assert midline_x_mm(ball(RAS)) == pytest.approx(10.0)  # 2 · 20 − 30
    flipped = RAS.copy()
    flipped[0] = [-2, 0, 0, 30]
    assert midline_x_mm(ball(flipped)) == pytest.approx(-10.0)
