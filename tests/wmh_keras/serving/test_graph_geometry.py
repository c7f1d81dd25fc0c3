import numpy as np
import pytest
import tensorflow as tf

from data_prep.geometry import slice_geometry
from data_prep.preprocess_config import OVERSIZES, PreprocessConfig
from data_prep.volume import Volume
from wmh_keras.serving.graph_geometry import graph_geometry

SIDE = 32
# (h, w) and their spacings: odd, even, small, large, unequal.
GRIDS = [
    ((32, 32), (1, 1)),
    ((20, 17), (1, 1)),
    ((31, 32), (0.9, 0.9)),
    ((47, 33), (1, 1)),
    ((40, 64), (1, 1.0000001)),
    ((33, 32), (1, 1.009)),
    ((24, 24), (1, 1.5)),
    ((33, 20), (1.5, 1)),  # 49.5 rounds to 50
    ((35, 20), (1.5, 1)),  # 52.5 rounds to 52
    ((25, 30), (0.7, 0.46)),
    ((1, 5), (1, 1)),
    ((3, 1), (1, 8)),
]


@pytest.mark.parametrize("oversize", OVERSIZES)
@pytest.mark.parametrize(("plane", "spacing"), GRIDS)
def test_goes_the_way_of_the_preparation_there_and_back(
    plane, spacing, oversize
):
    rng = np.random.default_rng(1)
    planes = rng.normal(size=(2, *plane)).astype(np.float32)
    volume = Volume(
        planes.transpose(2, 1, 0), np.diag([*spacing[::-1], 6.0, 1.0])
    )
    expected = slice_geometry(volume, SIDE, oversize)
    received = graph_geometry(
        tf.constant(plane),
        tf.constant(spacing, tf.float32),
        PreprocessConfig(side=SIDE, oversize=oversize),
    )
    assert tuple(received.square_pixels.numpy()) == expected.square_pixels
    slices = received.image_to_slices(tf.constant(planes), 0.25).numpy()
    assert slices.shape == (2, SIDE, SIDE)
    np.testing.assert_allclose(
        slices, expected.image_to_slices(planes, 0.25), atol=1e-6
    )
    maps = rng.random((2, SIDE, SIDE), np.float32)
    back = received.slices_to_planes(tf.constant(maps)).numpy()
    assert back.shape == (2, *plane)
    np.testing.assert_allclose(back, expected.slices_to_planes(maps), atol=1e-6)
