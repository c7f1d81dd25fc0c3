"""A network whose answer is known: bright voxels are lesions."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

SIDE = 32
BRIGHT_Z = 2.0


def make_bright_model(
    filters=(2,), bright_z=BRIGHT_Z, slope=8.0, channels=1, seen=0
):
    """A U-Net of one level, set by hand: sigmoid(slope * (z - bright_z)).

    Of several channels it sees the one of number `seen` alone.
    """
    from wmh_keras.models import build_model

    model = build_model("unet", side=SIDE, filters=filters, channels=channels)
    for layer in model.layers:
        if layer.name.endswith("_conv"):
            kernel, bias = layer.get_weights()
            kernel[:] = 0
            kernel[1, 1, seen, 0] = 1
            seen = 0  # what the first layer saw
            layer.set_weights([kernel, bias])
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    kernel[:] = 0
    kernel[0, 0, 0, 0] = slope
    bias[:] = -slope * bright_z
    logits.set_weights([kernel, bias])
    return model


def save_bright_model(folder, models, **changes) -> Path:
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras import artifacts
    from wmh_keras.model_info import ModelInfo

    info = ModelInfo(
        network="unet",
        network_arguments={"side": SIDE, "channels": 1, "filters": [2]},
        preprocess=PreprocessConfig(side=SIDE),
    )
    artifacts.save_model(folder, models, dataclasses.replace(info, **changes))
    return folder


@pytest.fixture(scope="session")
def t1_model_dir(tmp_path_factory) -> Path:
    """A model of FLAIR and T1 that takes bright voxels of the T1."""
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras import artifacts
    from wmh_keras.model_info import ModelInfo

    folder = tmp_path_factory.mktemp("bright_t1") / "model"
    info = ModelInfo(
        network="unet",
        network_arguments={"side": SIDE, "channels": 2, "filters": [2]},
        preprocess=PreprocessConfig(side=SIDE, channels=("flair", "t1")),
    )
    model = make_bright_model(channels=2, seen=1)
    artifacts.save_model(folder, [model], info)
    return folder


@pytest.fixture(scope="session")
def bright_model_dir(tmp_path_factory) -> Path:
    """A model folder that takes voxels above z = 2 for lesions."""
    folder = tmp_path_factory.mktemp("bright") / "model"
    return save_bright_model(folder, [make_bright_model()])


@pytest.fixture(scope="session")
def softer_model():
    """Takes voxels above z = 2 for lesions too, but is less sure of it."""
    return make_bright_model(slope=2.0)


@pytest.fixture(scope="session")
def softer_model_dir(tmp_path_factory, softer_model) -> Path:
    folder = tmp_path_factory.mktemp("softer") / "model"
    return save_bright_model(folder, [softer_model])


@pytest.fixture
def save_model():
    """Writes a model folder: (folder, models, **changes of its info)."""
    return save_bright_model


@pytest.fixture(scope="session")
def make_patch_model():
    """Makes a 3-D network of one convolution that is set by hand."""
    return _make_patch_model


def _make_patch_model(patch, kernel, bias=0.0):
    """The logits are the convolution with `kernel` (d, h, w, c), plus bias."""
    import keras

    image = keras.Input((*patch, kernel.shape[3]), name="image")
    layer = keras.layers.Conv3D(
        1, kernel.shape[:3], padding="same", name="logits"
    )
    model = keras.Model(image, layer(image))
    layer.set_weights([kernel[..., None], np.array([bias])])
    return model


@pytest.fixture
def bright_patch_model_dir(tmp_path, monkeypatch):
    """A model folder of a 3-D network of voxels above z = 2."""
    from wmh_keras import models

    def build(api, patch):
        return _make_patch_model(
            tuple(patch), np.full((1, 1, 1, 1), 8.0), -8.0 * BRIGHT_Z
        )

    monkeypatch.setitem(models._BUILDERS, "patches", build)
    patch = [4, 16, 16]
    return save_bright_model(
        tmp_path / "patches" / "model",
        [build(None, patch)],
        network="patches",
        network_arguments={"patch": patch},
    )


@pytest.fixture(scope="session")
def bright_model():
    return make_bright_model()


@pytest.fixture
def make_head():
    """Makes a Volume: a dim ball, brighter blobs where they are wanted."""
    return _make_head


def _make_head(blobs=((20, 14, 5),), shape=(32, 28, 10), affine=None):
    from data_prep.volume import Volume

    grid = np.indices(shape, np.float32)
    middle = (np.array(shape, np.float32) - 1) / 2
    radius = sum(
        ((axis - centre) / (0.45 * length)) ** 2
        for axis, centre, length in zip(grid, middle, shape, strict=True)
    )
    data = np.where(radius < 1, 100.0, 5.0).astype(np.float32)
    data += np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    for x, y, z in blobs:
        data[x - 1 : x + 2, y - 1 : y + 2, z] = 400
    if affine is None:
        affine = np.diag([2.0, 2.0, 6.0, 1.0])
        affine[:3, 3] = -middle * [2, 2, 6]
    return Volume(data=data, affine=np.asarray(affine, np.float64))
