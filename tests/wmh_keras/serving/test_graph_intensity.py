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


def head_in_a_scalp():
    """A peak of tissue, and about as much that is brighter and darker."""
    data = np.zeros((5, 20, 20))
    data[1:3] = RNG.normal(100, 8, (2, 20, 20))
    data[3:] = RNG.uniform(30, 260, (2, 20, 20))
    return data


# Clipping takes in and leaves out the two 112 by turns.
UNSETTLED = np.zeros((2, 2, 5))
UNSETTLED[1] = [[112, 112, 124, 127, 128], [128, 131, 131, 131, 138]]

VOLUMES = {
    "head": head(),
    "scalp": head_in_a_scalp(),
    "unsettled": UNSETTLED,
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
# Without the 150, more than half are 100.
FLAT_PEAK = np.zeros((2, 10, 10))
FLAT_PEAK[1] = np.repeat([99, 100, 101, 150], [15, 45, 15, 25]).reshape(10, 10)
BAD_ROBUST = {
    name: {
        "spike": (SPIKE, f"outshine all others, so {name} finds no head"),
        "flat": (FLAT, f"half of the foreground that {name} looks at"),
    }
    for name in ("robust_zscore", "clipped_zscore")
}
BAD_ROBUST["clipped_zscore"]["flat peak"] = FLAT_PEAK, "half of the .* clipped"


@pytest.mark.parametrize(
    ("rule", "values", "words"),
    [
        pytest.param(rule, *bad, id=f"{rule}-{name}")
        for rule in ("zscore", "robust_zscore", "clipped_zscore")
        for name, bad in {**BAD, **BAD_ROBUST.get(rule, {})}.items()
    ],
)
def test_refuses_what_the_preparation_refuses(rule, values, words):
    volume = values.astype(np.float32)
    with pytest.raises(VolumeError), np.errstate(invalid="ignore"):
        intensity.normalize(volume, rule)
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        graph_intensity.normalize(tf.constant(volume), rule)


@pytest.mark.parametrize("rule", ["robust_zscore", "clipped_zscore"])
def test_works_in_a_saved_model(rule, tmp_path):
    module = tf.Module()
    module.scale = tf.function(
        lambda volume: graph_intensity.normalize(volume, rule),
        input_signature=[tf.TensorSpec((None, None, None), tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path))
    scale = tf.saved_model.load(str(tmp_path)).scale
    for values in VOLUMES.values():
        volume = values.astype(np.float32)
        expected, _, _ = intensity.normalize(volume, rule)
        received = scale(tf.constant(volume)).numpy()
        np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-6)
    for values, words in BAD_ROBUST[rule].values():
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            scale(tf.constant(values.astype(np.float32)))


def test_no_scaling_refuses_what_reading_a_file_refuses():
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        graph_intensity.normalize(tf.fill([1, 2, 3], np.nan), "none")


@pytest.mark.parametrize("shape", [(3, 7, 8), (2, 2, 9), (1, 1, 1), (2, 5, 4)])
def test_the_background_is_the_median_of_the_rims(shape):
    planes = RNG.normal(size=shape).astype(np.float32)
    expected = intensity.background_value(planes)
    received = graph_intensity.background_value(tf.constant(planes))
    assert float(received) == pytest.approx(expected, abs=1e-7)
