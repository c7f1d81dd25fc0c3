import json
import os
import subprocess
import sys

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.preprocess import PreprocessConfig, volume_to_slices
from wmh_keras.inference.segmenter import Segmenter

CONFIG = PreprocessConfig(side=32)


@pytest.fixture(scope="module")
def random_model():
    from wmh_keras.models import build_model

    model = build_model("unet", side=32, filters=(4, 8))
    rng = np.random.default_rng(6)  # equal on every backend
    weights = [rng.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights([w / 4 if w.ndim == 4 else 0.5 + abs(w) for w in weights])
    return model


@pytest.fixture(scope="module")
def slices():
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 32, 32, 1)).astype(np.float32)


def test_probabilities_are_the_sigmoid_of_the_logits(random_model, slices):
    probability = Segmenter([random_model], CONFIG).predict_slices(slices)
    logits = np.asarray(random_model(slices, training=False))[..., 0]
    assert probability.dtype == np.float32
    assert probability.shape == (7, 32, 32)
    assert probability.std() > 0.05  # else all comparisons here are idle
    np.testing.assert_allclose(
        probability, 1 / (1 + np.exp(-logits)), atol=1e-5
    )


def test_batch_size_does_not_matter(random_model, slices):
    whole = Segmenter([random_model], CONFIG, batch_size=7)
    expected = whole.predict_slices(slices)
    for batch_size in (1, 3, 16):
        segmenter = Segmenter([random_model], CONFIG, batch_size=batch_size)
        np.testing.assert_allclose(
            segmenter.predict_slices(slices), expected, atol=1e-5
        )


def test_same_input_gives_the_same_bits(random_model, slices):
    segmenter = Segmenter([random_model], CONFIG, batch_size=4)
    first = segmenter.predict_slices(slices)
    np.testing.assert_array_equal(segmenter.predict_slices(slices), first)


def test_members_are_averaged_as_probabilities(
    random_model, bright_model, slices
):
    single = [
        Segmenter([model], CONFIG).predict_slices(slices)
        for model in (random_model, bright_model)
    ]
    both = Segmenter([random_model, bright_model], CONFIG)
    np.testing.assert_allclose(
        both.predict_slices(slices), np.mean(single, axis=0), atol=1e-5
    )


def test_present_weights_are_used_without_compiling_again(slices):
    import keras

    traces = []

    @keras.saving.register_keras_serializable()
    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(), initializer="zeros")

        def call(self, x):
            traces.append(1)
            return x * self.factor

    image = keras.Input((32, 32, 1))
    layer = Scale()
    model = keras.Model(image, layer(image))
    segmenter = Segmenter([model], CONFIG, batch_size=4)
    assert (segmenter.predict_slices(slices) == 0.5).all()
    after_first = len(traces)
    layer.factor.assign(2.0)
    np.testing.assert_allclose(
        segmenter.predict_slices(slices),
        1 / (1 + np.exp(-2 * slices[..., 0])),
        rtol=1e-5,
    )
    assert len(traces) == after_first


def test_bright_blob_is_found_on_the_native_grid(bright_model, make_head):
    head = make_head(blobs=[(20, 14, 5), (9, 10, 3)])
    result = Segmenter([bright_model], CONFIG).segment([head])
    assert result.mask.shape == result.probability.shape == head.shape
    assert result.mask.dtype == np.uint8
    np.testing.assert_array_equal(result.mask == 1, head.data > 300)
    np.testing.assert_array_equal(result.mask, result.probability >= 0.5)


def test_threshold_and_minimum_size(bright_model, make_head):
    head = make_head(blobs=[(20, 14, 5)])  # 9 voxels of 24 mm³
    for minimum, count in ((216.0, 9), (216.1, 0)):
        segmenter = Segmenter([bright_model], CONFIG, min_lesion_mm3=minimum)
        assert segmenter.segment([head]).mask.sum() == count
    low = Segmenter([bright_model], CONFIG, threshold=1e-6)
    assert low.segment([head]).mask.sum() > 100


def test_predict_volume_equals_segment(bright_model, make_head):
    segmenter = Segmenter([bright_model], CONFIG)
    head = make_head()
    np.testing.assert_array_equal(
        segmenter.predict_volume([head]), segmenter.segment([head]).probability
    )


def test_nothing_found_is_an_empty_mask(bright_model, make_head):
    result = Segmenter([bright_model], CONFIG).segment([make_head(blobs=[])])
    assert result.mask.sum() == 0
    assert np.isfinite(result.probability).all()


def test_warnings_of_preparation_come_through(bright_model, make_head):
    head = make_head(affine=np.diag([6.0, 2.0, 2.0, 1.0]))
    prepared = volume_to_slices([head], CONFIG)
    assert prepared.warnings
    result = Segmenter([bright_model], CONFIG).segment([head])
    assert result.warnings == tuple(prepared.warnings)


def test_progress_ends_at_one(random_model, slices):
    shares = []
    segmenter = Segmenter([random_model], CONFIG, batch_size=4)
    segmenter.predict_slices(slices, shares.append)
    assert shares == [pytest.approx(4 / 7), 1.0]


def test_not_finite_is_an_error(slices):
    from wmh_keras.models import build_model

    model = build_model("unet", side=32, filters=(2,))
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel, bias * np.nan])
    with pytest.raises(UserError, match="no number"):
        Segmenter([model], CONFIG).predict_slices(slices)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"models": []}, "network"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"min_lesion_mm3": -1}, "min_lesion_mm3"),
        ({"batch_size": 0}, "batch_size"),
        ({"flips": "up"}, "test_time_flips"),
    ],
)
def test_bad_arguments(bright_model, arguments, word):
    models = arguments.pop("models", [bright_model])
    with pytest.raises(ValueError, match=word):
        Segmenter(models, CONFIG, **arguments)


def test_disagreement_is_the_population_sd_of_the_members(
    random_model, bright_model, softer_model, make_head
):
    head = make_head(blobs=[(20, 14, 5)], shape=(36, 28, 10))  # resampled
    models = [random_model, bright_model, softer_model]
    single = [Segmenter([m], CONFIG).segment([head]) for m in models]
    assert all(result.disagreement is None for result in single)
    maps = np.stack([r.probability for r in single]).astype(np.float64)
    result = Segmenter(models, CONFIG).segment([head])
    assert result.disagreement.dtype == np.float32
    assert result.disagreement.shape == head.shape
    assert 0.1 < result.disagreement.max() <= 0.5
    np.testing.assert_allclose(result.disagreement, maps.std(0), atol=1e-6)
    np.testing.assert_allclose(result.probability, maps.mean(0), atol=1e-6)


def test_members_that_agree_do_not_disagree(bright_model, make_head):
    head = make_head()
    single = Segmenter([bright_model], CONFIG).segment([head])
    triple = Segmenter([bright_model] * 3, CONFIG).segment([head])
    np.testing.assert_array_equal(triple.probability, single.probability)
    assert (triple.disagreement == 0).all()


def test_networks_prepared_differently_meet_on_the_native_grid(
    make_patch_model, bright_model, make_head
):
    """A 2-D and a 3-D network, other sides, and one that needs T1 too."""
    t1_only = np.zeros((1, 1, 1, 2))
    t1_only[..., 1] = 3
    both = make_patch_model((4, 8, 8), t1_only, bias=-8.0)
    configs = [
        CONFIG,
        PreprocessConfig(side=48, channels=("flair", "t1"), padding="zero"),
    ]
    flair = make_head(blobs=[(20, 14, 5)])
    t1 = make_head(blobs=[(9, 10, 3)])
    segmenter = Segmenter([bright_model, both], configs)
    assert segmenter.channels == ("flair", "t1")
    shares = []
    result = segmenter.segment([flair, t1], shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    first = Segmenter([bright_model], CONFIG).segment([flair]).probability
    second = Segmenter([both], configs[1]).segment([flair, t1]).probability
    assert second[9, 10, 3] > 0.9 > 0.1 > second[20, 14, 5]
    np.testing.assert_allclose(
        result.probability, (first + second) / 2, atol=1e-6
    )
    np.testing.assert_allclose(
        result.disagreement, abs(first - second) / 2, atol=1e-6
    )
    with pytest.raises(UserError, match="expected 2 images"):
        segmenter.segment([flair])
    with pytest.raises(ValueError, match="native grid"):
        segmenter.predict_slices(np.zeros((2, 32, 32, 1), np.float32))


def test_a_network_of_patches_follows_its_weights(make_patch_model, make_head):
    model = make_patch_model((4, 16, 16), np.full((1, 1, 1, 1), 8.0))
    segmenter = Segmenter([model], CONFIG)
    head = make_head()
    assert segmenter.segment([head]).probability.max() > 0.99
    model.layers[-1].set_weights([np.zeros((1, 1, 1, 1, 1)), np.zeros(1)])
    assert (segmenter.segment([head]).probability == 0.5).all()


_PROGRAM = """
import json, sys
import numpy as np
import wmh_keras
import keras
from data_prep.preprocess import PreprocessConfig
if sys.argv[1] == "parallel":
    keras.distribution.set_distribution(keras.distribution.DataParallel())
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.models import build_model
model = build_model("unet", side=32, filters=(4, 8))
rng = np.random.default_rng(6)
weights = [rng.normal(size=w.shape) for w in model.get_weights()]
model.set_weights([w / 4 if w.ndim == 4 else 0.5 + abs(w) for w in weights])
slices = np.random.default_rng(0).normal(size=(7, 32, 32, 1))
segmenter = Segmenter([model], PreprocessConfig(side=32), batch_size=5)
result = segmenter.predict_slices(slices.astype(np.float32))
print(json.dumps([segmenter.batch_size, result.tolist()]))
"""


def run_elsewhere(mode, **environment):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, mode],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    batch_size, result = json.loads(done.stdout.splitlines()[-1])
    return batch_size, np.array(result)


def test_four_devices_and_the_other_backend_agree(random_model, slices):
    expected = Segmenter([random_model], CONFIG).predict_slices(slices)
    flags = "--xla_force_host_platform_device_count=4"
    batch_size, parallel = run_elsewhere("parallel", XLA_FLAGS=flags)
    assert batch_size == 8  # 5, rounded up to the devices
    np.testing.assert_allclose(parallel, expected, atol=1e-5)
    _, tensorflow = run_elsewhere("single", KERAS_BACKEND="tensorflow")
    np.testing.assert_allclose(tensorflow, expected, atol=1e-5)
