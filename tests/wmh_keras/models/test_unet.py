import json
import math
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from wmh_keras.models import build_model


def count_trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


@pytest.fixture(scope="module")
def default_model():
    return build_model("unet")


def test_the_default_has_the_paper_s_parameters_and_layers(default_model):
    assert count_trainable(default_model) == 1_965_281
    convolutions = [
        layer
        for layer in default_model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(convolutions) == 19
    assert default_model.input_shape == (None, 384, 384, 1)
    assert default_model.output_shape == (None, 384, 384, 1)


def test_every_layer_has_a_name_of_its_own_choosing(default_model):
    names = [layer.name for layer in default_model.layers]
    generated = re.compile(
        r"(conv2d|batch_normalization|re_lu|max_pooling2d|up_sampling2d|"
        r"concatenate|input_layer|functional)(_\d+)?"
    )
    assert not [name for name in names if generated.fullmatch(name)]
    again = build_model("unet", side=32, filters=(4, 8))
    other = build_model("unet", side=32, filters=(4, 8))
    assert [w.path for w in again.weights] == [w.path for w in other.weights]


def test_parameters_follow_the_filters_by_hand():
    # Two levels (2, 3), one channel: convolution weights and biases, and two
    # parameters a channel for each batch normalisation.
    def block(c_in, c_out):
        return (9 * c_in * c_out + c_out) + (9 * c_out**2 + c_out) + 4 * c_out

    model = build_model("unet", side=8, filters=(2, 3))
    expected = block(1, 2) + block(2, 3) + block(3 + 2, 2) + (2 + 1)
    assert count_trainable(model) == expected


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_logits_are_float32(dtype):
    model = build_model("unet", side=16, filters=(2, 4), dtype=dtype)
    assert model.output.dtype == "float32"
    assert {v.dtype for v in model.variables} == {"float32"}
    hidden = model.get_layer("encoder_1_1_conv").output.dtype
    assert hidden == ("float32" if dtype == "float32" else "bfloat16")


def test_any_side_and_more_channels():
    model = build_model("unet", side=None, channels=2, filters=(2, 4))
    for side in (8, 12):
        batch = np.zeros((1, side, side, 2), np.float32)
        assert model(batch).shape == (1, side, side, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"side": 100}, "side: expected a multiple of 16"),
        ({"side": 0}, "side"),
        ({"side": 384.0}, "side: expected a whole number"),
        ({"side": 10**6}, "side"),
        ({"channels": 0}, "channels"),
        ({"channels": True}, "channels"),
        ({"filters": ()}, "filters"),
        ({"filters": "16,32"}, "filters: expected a sequence"),
        ({"filters": (16, -1)}, "filters"),
        ({"filters": (16, 10**9)}, "filters"),
        ({"filters": (2,) * 9, "side": 256}, "filters: expected 1 to 8"),
        ({"depth": 3}, "expected arguments among side, .* received depth"),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_model("unet", **arguments)


def test_an_unknown_network_is_answered_with_the_names():
    with pytest.raises(ValueError, match=r"expected one of unet, .*'vnet'"):
        build_model("vnet")


def test_the_same_weights_give_the_same_logits_on_tensorflow(
    tmp_path, repository
):
    model = build_model("unet", side=16, filters=(2, 4, 4))
    batch = np.random.default_rng(0).normal(size=(2, 16, 16, 1))
    model.save_weights(tmp_path / "w.weights.h5")
    np.save(tmp_path / "batch.npy", batch.astype(np.float32))
    code = (
        "import json, sys, numpy as np, keras\n"
        "from wmh_keras.models import build_model\n"
        "m = build_model('unet', side=16, filters=(2, 4, 4))\n"
        "m.load_weights('w.weights.h5')\n"
        "y = np.asarray(m(np.load('batch.npy'), training=False))\n"
        "print(json.dumps([keras.backend.backend(), y.tolist()]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": str(repository),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    backend, logits = json.loads(result.stdout.splitlines()[-1])
    assert backend == "tensorflow"
    expected = np.asarray(model(batch, training=False))
    np.testing.assert_allclose(np.array(logits), expected, atol=1e-5)
