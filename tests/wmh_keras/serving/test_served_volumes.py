"""The exported graph against the one way in and out of this project."""

import numpy as np
import pytest
import tensorflow as tf

from data_prep.preprocess import volume_to_slices
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume
from wmh_keras import artifacts
from wmh_keras.inference.loading import load_segmenter

# (z, y, x) and (y, x) spacing: odd, even, small, large, unequal.
CASES = [
    ((5, 32, 32), (1, 1)),
    ((4, 21, 17), (1, 1)),
    ((7, 50, 33), (0.9, 0.9)),
    ((3, 64, 64), (0.45, 0.45)),
    ((2, 24, 24), (1, 1.5)),
    ((3, 41, 30), (0.7, 1.3)),
    ((1, 9, 40), (1.005, 1)),
]


def volumes_of(shape, spacing, count):
    rng = np.random.default_rng(sum(shape))
    _, y, x = np.indices(shape, np.float32)
    inside = (y / shape[1] - 0.5) ** 2 + (x / shape[2] - 0.5) ** 2 < 0.17
    for _ in range(count):
        data = 5 + inside * (100 + 60 * rng.random(shape))
        data += rng.normal(0, 1, shape) + 80 * (rng.random(shape) > 0.97)
        yield Volume(
            data.astype(np.float32).transpose(2, 1, 0),
            np.diag([*spacing[::-1], 6.0, 1.0]),
        )


def ask(signature, images, spacing, threshold):
    names = ["volume", "volume_t1"]
    return signature(
        spacing_mm=tf.constant([spacing], tf.float32),
        threshold=tf.constant([threshold], tf.float32),
        **{
            name: tf.constant(image.data.transpose(2, 1, 0)[np.newaxis])
            for name, image in zip(names, images, strict=False)
        },
    )


@pytest.fixture(scope="module")
def models(runs, exports):
    """Name -> (segmenter of the model, SavedModel)."""

    def pair(run, name, flips):
        info = artifacts.read_model_info(runs / run)
        segmenter = load_segmenter([info], flips=flips)
        return segmenter, tf.saved_model.load(str(exports / name / "1"))

    return {
        "wmh": pair("plain", "wmh", "none"),
        "other": pair("other", "other", "all"),
    }


@pytest.mark.parametrize("name", ["wmh", "other"])
@pytest.mark.parametrize(("shape", "spacing"), CASES)
def test_a_volume_gives_what_prediction_gives(models, name, shape, spacing):
    segmenter, saved = models[name]
    images = list(volumes_of(shape, spacing, len(segmenter.channels)))
    expected = segmenter.segment(images).probability.transpose(2, 1, 0)
    assert expected.std() > 0.01
    # Inside of the head, whatever these random networks think of it.
    threshold = float(np.quantile(expected, 0.8))
    function = saved.signatures["segment_volume"]
    received = ask(function, images, spacing, threshold)
    probability = received["probability"].numpy()
    mask = received["mask"].numpy()
    assert (probability.shape, mask.shape) == ((1, *shape),) * 2
    assert (probability.dtype, mask.dtype) == (np.float32, np.uint8)
    assert abs(probability[0] - expected).max() < 1e-4
    is_clear = abs(expected - threshold) > 1e-4
    assert is_clear.mean() > 0.98
    wanted = expected >= threshold
    np.testing.assert_array_equal(mask[0][is_clear], wanted[is_clear])


def test_two_volumes_of_other_spacings_in_one_request(models):
    _, saved = models["wmh"]
    function = saved.signatures["segment_volume"]
    spacings, thresholds = [(1, 1), (1, 1.5)], [0.4, 0.7]
    images = list(volumes_of((3, 24, 20), (1, 1), 2))
    both = function(
        volume=tf.stack([i.data.transpose(2, 1, 0) for i in images]),
        spacing_mm=tf.constant(spacings, tf.float32),
        threshold=tf.constant(thresholds),
    )
    for index, image in enumerate(images):
        alone = ask(function, [image], spacings[index], thresholds[index])
        for name in ("probability", "mask"):
            np.testing.assert_allclose(
                both[name][index], alone[name][0], atol=1e-6
            )


def test_prepared_slices_give_the_network_s_probability(models):
    segmenter, saved = models["wmh"]
    (image,) = volumes_of((4, 32, 32), (1, 1), 1)
    slices = volume_to_slices([image], PreprocessConfig(side=32)).slices
    received = saved.signatures["serving_default"](slices=tf.constant(slices))
    probability = received["probability"].numpy()
    assert probability.shape == (4, 32, 32, 1)
    expected = segmenter.predict_volume([image]).transpose(2, 1, 0)
    np.testing.assert_allclose(probability[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volume": tf.fill([1, 2, 8, 8], np.nan)}, "NaN or infinite"),
        ({"volume": tf.ones([1, 2, 8, 8])}, "the same value"),
        ({"spacing_mm": tf.constant([[1.0, 0.0]])}, "spacing_mm: expected"),
        ({"spacing_mm": tf.constant([[np.nan, 1.0]])}, "spacing_mm: expected"),
        ({"threshold": tf.constant([0.0])}, "threshold: expected"),
        ({"threshold": tf.constant([1.5])}, "threshold: expected"),
        ({"volume": tf.ones([2, 2, 8, 8])}, "as many volumes"),
        ({"threshold": tf.constant([0.5, 0.5])}, "as many volumes"),
    ],
)
def test_what_cannot_be_segmented_is_an_error(models, change, words):
    ramp = tf.reshape(tf.range(128.0), [1, 2, 8, 8])
    request = {
        "volume": ramp,
        "spacing_mm": tf.ones([1, 2]),
        "threshold": tf.constant([0.5]),
    }
    function = models["wmh"][1].signatures["segment_volume"]
    function(**request)
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        function(**{**request, **change})


def test_images_on_other_grids_are_an_error(models):
    ramp = tf.reshape(tf.range(128.0), [1, 2, 8, 8])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one grid"):
        models["other"][1].signatures["segment_volume"](
            volume=ramp,
            volume_t1=ramp[:, :, :4],
            spacing_mm=tf.ones([1, 2]),
            threshold=tf.constant([0.5]),
        )
