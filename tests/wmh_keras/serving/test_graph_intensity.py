import numpy as np
import pytest
import tensorflow as tf

from data_prep import intensity
from data_prep.errors import VolumeError
from data_prep.preprocess_config import NORMALIZATIONS
from wmh_keras.serving import graph_intensity

RNG = np.random.default_rng(7)


def head(shape=(6, 17, 20), scale=100.0):
    """Background near 0, half of the voxels brighter."""
    data = RNG.normal(0, 1, shape) + scale * (RNG.random(shape) > 0.5)
    return (data + 0.3 * scale * RNG.random(shape)).astype(np.float32)


VOLUMES = {
    "head": head(),
    "odd number of voxels": head((3, 7, 9)),
    "large values": head(scale=3e4) + 1e6,
    "thin": head((1, 1, 9)),
}


@pytest.mark.parametrize("rule", NORMALIZATIONS)
@pytest.mark.parametrize("name", VOLUMES)
def test_scales_as_the_preparation_does(name, rule):
    volume = VOLUMES[name].astype(np.float32)
    expected, _, _ = intensity.normalize(volume, rule)
    received = graph_intensity.normalize(tf.constant(volume), rule).numpy()
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-6)


BAD = {
    "NaN": (np.where(VOLUMES["head"] > 125, np.nan, 1.0), "NaN or infinite"),
    "infinite": (np.where(VOLUMES["head"] > 125, np.inf, 1), "NaN or infinite"),
    "constant": (np.full((2, 3, 4), 7.3), "the same value"),
}
# A spike outshines the rest; and a head of a single value.
SPIKE = head()
SPIKE[0, 0, 0] = 1e7
FLAT = np.zeros((4, 8, 8))
FLAT[1:3] = 50.0
BAD_ROBUST = {"spike": (SPIKE, "outshine"), "flat": (FLAT, "half of the")}


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        *(("zscore", name) for name in BAD),
        *(("robust_zscore", name) for name in (*BAD, *BAD_ROBUST)),
    ],
)
def test_refuses_what_the_preparation_refuses(rule, name):
    values, words = {**BAD, **BAD_ROBUST}[name]
    volume = values.astype(np.float32)
    with pytest.raises(VolumeError), np.errstate(invalid="ignore"):
        intensity.normalize(volume, rule)
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        graph_intensity.normalize(tf.constant(volume), rule)


def test_no_scaling_refuses_what_reading_a_file_refuses():
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        graph_intensity.normalize(tf.fill([1, 2, 3], np.nan), "none")


@pytest.mark.parametrize("shape", [(3, 7, 8), (2, 2, 9), (1, 1, 1), (2, 5, 4)])
def test_the_background_is_the_median_of_the_rims(shape):
    planes = RNG.normal(size=shape).astype(np.float32)
    expected = intensity.background_value(planes)
    received = graph_intensity.background_value(tf.constant(planes))
    assert float(received) == pytest.approx(expected, abs=1e-7)
