import importlib.metadata
import os
import subprocess
import sys

import keras
import pytest

from data_prep.errors import UserError
from wmh_keras import distribution

LOADED = keras.backend.backend()
OTHER = "tensorflow" if LOADED == "jax" else "jax"

# A few steps of plain gradient descent; Adam would magnify rounding errors.
_FIT = """
import sys
import keras, numpy as np
from wmh_keras import distribution
from wmh_keras.models import build_model
from wmh_keras.training.losses import PixelDice, VoxelCrossEntropy

rng = np.random.default_rng(0)
x = rng.normal(size=(24, 16, 16, 1)).astype("float32")
# The share of label 2 differs between the devices' parts of a batch: a mean
# of their means would be another loss.
y = (rng.random((24, 16, 16, 1)) < 0.2).astype("float32")
y[::8, 4:, :] = 2

def fit():
    keras.utils.set_random_seed(1)
    model = build_model("unet", side=16, filters=(4, 8))
    model.compile(
        keras.optimizers.SGD(0.1), VoxelCrossEntropy(), metrics=[PixelDice()]
    )
    history = model.fit(
        x, y, batch_size=8, shuffle=False, epochs=2, verbose=0
    ).history
    kernel = model.get_layer("logits").kernel.value
    return len(kernel.sharding.device_set), [
        history["loss"], history["dice"], *model.get_weights()
    ]

used, expected = fit()
assert used == 1
assert distribution.set_up_devices() == distribution.Devices("jax", "cpu", 4)
used, received = fit()
assert used == 4
for a, b in zip(expected, received, strict=True):
    np.testing.assert_allclose(b, a, atol=1e-5)
"""


def test_selecting_the_loaded_backend_is_fine(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "")
    distribution.select_backend(LOADED)
    assert os.environ["KERAS_BACKEND"] == LOADED


def test_another_backend_than_the_loaded_one_is_explained(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", LOADED)
    with pytest.raises(UserError, match=f"already runs on {LOADED}.*{OTHER}"):
        distribution.select_backend(OTHER)
    assert os.environ["KERAS_BACKEND"] == LOADED


def test_an_unknown_backend_is_answered_with_the_names():
    with pytest.raises(UserError, match="expected one of jax, tensorflow"):
        distribution.select_backend("torch")
    with pytest.raises(UserError, match="expected one of auto, openvino, jax"):
        distribution.choose_engine("onnx")


def test_auto_keeps_a_loaded_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert distribution.choose_engine("auto") == LOADED


@pytest.mark.parametrize(
    ("platform", "installed", "expected"),
    [
        ("gpu", {"jax_plugins", "openvino"}, "jax"),
        ("tpu", {"libtpu"}, "jax"),
        ("cpu", {"jax_plugins", "openvino"}, "openvino"),
        ("cpu", {"openvino"}, "openvino"),
        ("cpu", set(), "tensorflow"),
    ],
)
def test_auto_takes_an_accelerator_first_then_the_fastest(
    monkeypatch, platform, installed, expected
):
    import jax

    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    monkeypatch.setattr(distribution, "_is_installed", installed.__contains__)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: ())
    assert distribution.choose_engine("auto") == expected
    backend = "" if expected == "openvino" else expected
    assert os.environ["KERAS_BACKEND"] == backend


def test_an_engine_that_is_not_installed_names_the_package(monkeypatch):
    monkeypatch.setattr(distribution, "_is_installed", lambda _: False)
    with pytest.raises(UserError, match=r"pip install openvino.*=tensorflow"):
        distribution.choose_engine("openvino")


@pytest.mark.parametrize(
    ("batch", "devices"), [(32, 1), (32, 4), (8, 8), (1, 1)]
)
def test_batches_that_the_devices_share(batch, devices):
    distribution.check_batch_size(batch, devices)


@pytest.mark.parametrize(
    ("batch", "devices", "words"),
    [(30, 4, "take 28 or 32"), (2, 4, "take 4$"), (0, 1, "received 0")],
)
def test_batches_that_they_cannot_share(batch, devices, words):
    with pytest.raises(UserError, match=words):
        distribution.check_batch_size(batch, devices)


def test_accelerators_are_hidden_from_tensorflow(monkeypatch):
    import tensorflow as tf

    hidden = []
    monkeypatch.setattr(
        tf.config,
        "set_visible_devices",
        lambda devices, kind: hidden.append((devices, kind)),
    )
    distribution.hide_accelerators_from_tensorflow()
    assert hidden == [([], "GPU"), ([], "TPU")]

    def taken(devices, kind):
        raise RuntimeError("already initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", taken)
    with pytest.raises(UserError, match="has already taken the GPU"):
        distribution.hide_accelerators_from_tensorflow()


def test_four_devices_equal_one(repository):
    result = subprocess.run(
        [sys.executable, "-c", _FIT],
        cwd=repository,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
