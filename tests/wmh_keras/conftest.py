"""A network whose answer is known: bright voxels are lesions."""

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


@pytest.fixture(scope="session")
def bright_model_dir(tmp_path_factory) -> Path:
    """A model folder that takes voxels above z = 2 for lesions."""
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras import artifacts
    from wmh_keras.model_info import ModelInfo

    folder = tmp_path_factory.mktemp("bright") / "model"
    info = ModelInfo(
        network="unet",
        network_arguments={"side": SIDE, "channels": 1, "filters": [2]},
        preprocess=PreprocessConfig(side=SIDE),
    )
    artifacts.save_model(folder, [make_bright_model()], info)
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
