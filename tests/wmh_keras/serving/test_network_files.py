"""Networks as ONNX and OpenVINO files, run by those runtimes alone."""

import os
import subprocess
import sys

import numpy as np
import pytest

from data_prep.preprocess_config import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.inference.compiled import keras_network

CASES = {
    "unet": ({"side": 32, "channels": 2, "filters": [4, 6, 8]}, (32, 32, 2)),
    "u_resnet": ({"filters": [4, 6, 8], "figure_variant": True}, (32, 32, 1)),
    "unet3d": (
        {
            "patch_shape": [4, 16, 16],
            "filters": [4, 6, 8],
            "in_plane_poolings": 1,
        },
        (4, 16, 16, 1),
    ),
}


@pytest.fixture(params=sorted(CASES))
def case(request, tmp_path, random_model, save_model):
    """(info of an ensemble of two, batch, its mean probability)."""
    arguments, shape = CASES[request.param]
    models = [random_model(request.param, seed, **arguments) for seed in (1, 2)]
    folder = save_model(
        tmp_path / "model",
        models,
        network=request.param,
        network_arguments=arguments,
        preprocess=PreprocessConfig(
            side=32, channels=("flair", "t1")[: shape[-1]]
        ),
    )
    rng = np.random.default_rng(3)
    batch = rng.normal(size=(3, *shape)).astype(np.float32)
    maps = [keras_network(model).predict(batch) for model in models]
    assert np.std(maps) > 0.01
    expected = np.mean(maps, axis=0)[..., np.newaxis]
    return artifacts.read_model_info(folder), batch, expected


def check(predict, batch, expected):
    received = predict(batch)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, atol=1e-5)
    np.testing.assert_allclose(predict(batch[:1]), expected[:1], atol=1e-5)


def test_onnx_gives_the_mean_of_the_networks(case, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from wmh_keras.serving.onnx_file import OnnxFile, write_onnx

    info, batch, expected = case
    folder = tmp_path / "onnx"
    write_onnx(folder, [info], "images", batch.shape[1:])
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]
    check(OnnxFile(folder).predict, batch, expected)


def test_openvino_gives_the_mean_of_the_networks(case, tmp_path):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    from wmh_keras.serving.openvino_file import OpenVinoFile, write_openvino

    info, batch, expected = case
    folder = tmp_path / "openvino"
    write_openvino(folder, [info], "images")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["model.bin", "model.xml"]
    check(OpenVinoFile(folder).predict, batch, expected)


def test_a_layer_that_onnx_does_not_have_is_named():
    pytest.importorskip("onnx")
    from wmh_keras.serving.onnx_layers import GraphParts, OnnxApi

    api = OnnxApi({}, GraphParts(), "images")
    with pytest.raises(NotImplementedError, match="LayerNormalization"):
        api.layers.LayerNormalization
    with pytest.raises(TypeError, match="dilation_rate"):
        api.layers.Conv2D(1, 3, dilation_rate=2, name="a")


def test_the_onnx_runtime_leaves_nothing_in_the_home_folder(tmp_path):
    """Versions that call home begin by writing who they are there."""
    pytest.importorskip("onnxruntime")
    subprocess.run(
        [sys.executable, "-c", "import onnxruntime"],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": ""},
        check=True,
    )
    assert not list(tmp_path.rglob("*"))
