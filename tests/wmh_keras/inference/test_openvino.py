import dataclasses
import re

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.files import sha256_of
from data_prep.phantom import PhantomConfig, make_phantom
from data_prep.preprocess import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.inference.compiled import keras_network
from wmh_keras.inference.engine import Engine
from wmh_keras.inference.loading import load_segmenter
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.model_info import ModelInfo
from wmh_keras.models import NETWORKS, build_model

pytest.importorskip("wmh_keras.inference.openvino_runtime")

from wmh_keras.inference import openvino_network
from wmh_keras.inference.openvino_layers import OpenVinoApi, split_image

FP32 = Engine("openvino", "fp32")
PRECISIONS = ["fp32"] + ["bf16"] * openvino_network.has_bf16_units()
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}
# Every choice that changes the layers is among them.
CASES = [
    ("unet", {"side": 32, "channels": 2, "filters": [4, 6, 8]}, (32, 32, 2)),
    ("u_resnet", {"filters": [4, 6, 8]}, (24, 32, 1)),
    ("u_resnet", {"filters": [4, 6, 8], "figure_variant": True}, (32, 32, 1)),
    ("unet3d", {"patch_shape": [4, 16, 16], "filters": [4, 6, 8]}, None),
    (
        "unet3d",
        {
            "patch_shape": [4, 16, 16],
            "filters": [4, 6, 8],
            "in_plane_poolings": 1,
        },
        None,
    ),
]


def trained(network, arguments):
    """A network that no layer leaves as it is."""
    model = build_model(network, **arguments)
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            shape = layer.gamma.shape
            layer.set_weights(
                [
                    rng.uniform(0.7, 1.3, shape),
                    rng.normal(0, 0.3, shape),
                    rng.normal(0, 0.3, shape),
                    rng.uniform(0.7, 1.5, shape),
                ]
            )
        elif layer.get_weights():
            kernel, bias = (array.shape for array in layer.get_weights())
            # Logits of a few units, as in the grey zone of a trained network:
            # what bf16 costs is in proportion to them.
            scale = 0.3 if layer.name == "logits" else 1
            spread = scale * np.sqrt(2 / np.prod(kernel[:-1]))
            layer.set_weights(
                [rng.normal(0, spread, kernel), rng.normal(0, 0.3, bias)]
            )
    return model


def save(folder, models, network="unet", arguments=(), **changes):
    info = ModelInfo(
        network=network,
        network_arguments=dict(arguments),
        preprocess=PreprocessConfig(side=32),
    )
    return artifacts.save_model(
        folder, models, dataclasses.replace(info, **changes)
    )


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_every_network_is_among_the_cases():
    assert {network for network, _, _ in CASES} == set(NETWORKS)


@pytest.mark.parametrize(("network", "arguments", "shape"), CASES)
def test_the_graph_gives_what_keras_gives(network, arguments, shape, tmp_path):
    model = trained(network, arguments)
    info = save(tmp_path / "model", [model], network, arguments)
    shape = shape or (*arguments["patch_shape"], 1)
    batch = np.random.default_rng(1).normal(size=(2, *shape))
    batch = batch.astype(np.float32)
    expected = keras_network(model)
    probability = expected.predict(batch)
    assert probability.std() > 0.005
    for precision in PRECISIONS:
        (received,) = openvino_network.load_networks(info, precision)
        assert received.input_shape == expected.input_shape
        assert received.precision == precision
        result = received.predict(batch)
        assert result.dtype == np.float32
        assert abs(result - probability).max() < TOLERANCE[precision]
        # Another shape, and back: compiled anew, with the same weights.
        np.testing.assert_allclose(
            received.predict(batch[:1]), result[:1], atol=TOLERANCE[precision]
        )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_masks_of_a_phantom_agree(precision, bright_model_dir):
    flair, _ = make_phantom(
        PhantomConfig(shape=(32, 32, 16), spacing_mm=(5.5, 6.3, 8.0), seed=3)
    )
    infos = [artifacts.read_model_info(bright_model_dir)]
    expected = load_segmenter(infos).segment([flair])
    segmenter = load_segmenter(infos, engine=Engine("openvino", precision))
    assert (segmenter.engine, segmenter.precision) == ("openvino", precision)
    result = segmenter.segment([flair])
    assert expected.mask.sum() > 300
    difference = abs(result.probability - expected.probability).max()
    assert difference < TOLERANCE[precision]
    is_clear = abs(expected.probability - 0.5) > TOLERANCE[precision]
    assert is_clear.mean() > 0.99
    assert (result.mask == expected.mask)[is_clear].all()
    if precision == "fp32":
        assert dice(result.mask, expected.mask) >= 0.999


def test_an_ensemble_with_flips_of_slices_and_patches(tmp_path, make_head):
    infos = []
    for network, arguments in (
        ("unet", {"side": 32, "filters": [4, 6]}),
        ("unet3d", {"patch_shape": [4, 16, 16], "filters": [4, 6]}),
    ):
        model = trained(network, arguments)
        infos.append(save(tmp_path / network, [model], network, arguments))
    head = make_head()
    expected, received = (
        load_segmenter(infos, flips="all", batch_size=3, engine=e).segment(
            [head]
        )
        for e in (None, FP32)
    )
    for name in ("probability", "disagreement"):
        np.testing.assert_allclose(
            getattr(received, name), getattr(expected, name), atol=1e-4
        )


def test_only_networks_with_company_give_back_their_memory(
    bright_model_dir, softer_model_dir, make_head
):
    """And compute on as before."""
    infos = [
        artifacts.read_model_info(folder)
        for folder in (bright_model_dir, softer_model_dir)
    ]
    head = make_head()
    for count in (1, 2):
        networks = [
            network
            for info in infos[:count]
            for network in openvino_network.load_networks(info, "fp32")
        ]
        released = []
        networks = [
            dataclasses.replace(
                network,
                release=lambda network=network: released.append(
                    network.release()
                ),
            )
            for network in networks
        ]
        segmenter = Segmenter(networks, PreprocessConfig(side=32))
        first = segmenter.segment([head]).probability
        assert len(released) == (2 if count == 2 else 0)
        again = segmenter.segment([head]).probability
        np.testing.assert_array_equal(again, first)
        expected = load_segmenter(infos[:count]).segment([head]).probability
        np.testing.assert_allclose(first, expected, atol=1e-4)


def test_weights_that_are_no_number_are_refused(tmp_path):
    """OpenVINO's ReLU makes 0 of NaN: the masks would be empty."""
    arguments = {"side": 32, "filters": [2]}
    model = build_model("unet", **arguments)
    kernel, bias = model.get_layer("bottom_1_conv").get_weights()
    bias[0] = np.nan
    model.get_layer("bottom_1_conv").set_weights([kernel, bias])
    info = save(tmp_path / "model", [model], arguments=arguments)
    with pytest.raises(UserError, match="no number"):
        load_segmenter([info], engine=FP32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"side": 32, "filters": [3]}, "shapes"),
        ({"side": 32, "filters": [2, 2]}, "no weights of the layer"),
        ({"side": 32, "filters": []}, "1 to 8 levels"),
        ({"side": 32, "filters": [2], "api": 1}, "received api"),
    ],
)
def test_weights_of_another_network(tmp_path, bright_model, arguments, words):
    info = save(tmp_path / "model", [bright_model])
    info = dataclasses.replace(info, network_arguments=arguments)
    with pytest.raises(UserError, match=words) as caught:
        load_segmenter([info], engine=FP32)
    assert str(tmp_path) in str(caught.value)


def test_weights_that_no_layer_takes(tmp_path, bright_model):
    info = save(tmp_path / "model", [bright_model])
    (weights,) = artifacts.read_weights(info)
    more = OpenVinoApi({**weights, "extra": [np.zeros(2)]})
    with pytest.raises(ValueError, match="no layers of the names extra"):
        build_model("unet", more, side=32, filters=[2])


def test_a_file_that_is_no_hdf5(tmp_path, bright_model):
    info = save(tmp_path / "model", [bright_model])
    file = info.folder / info.members[0].file
    file.write_bytes(b"no weights")
    with pytest.raises(UserError, match="SHA-256"):
        load_segmenter([info], engine=FP32)
    info = dataclasses.replace(info, files={file.name: sha256_of(file)})
    with pytest.raises(UserError, match=re.escape(f"{file}: not usable")):
        load_segmenter([info], engine=FP32)


def test_a_layer_that_is_not_written_is_named():
    with pytest.raises(NotImplementedError, match="LayerNormalization"):
        OpenVinoApi({}).layers.LayerNormalization
    with pytest.raises(TypeError, match="dilation_rate"):
        OpenVinoApi({}).layers.Conv2D(1, 3, dilation_rate=2, name="a")


def test_openvino_does_not_call_home(run_python):
    """Nor may it import what would."""
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): print('called', flush=True)\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from wmh_keras.inference.openvino_network import has_bf16_units\n"
        "has_bf16_units()\n"
        "loaded = [n for n in sys.modules if n.startswith('openvino_tele')]\n"
        "print([name for name in loaded if sys.modules[name]])"
    )
    assert run_python(code) == "[]\n"


def test_an_image_is_the_sum_of_two_that_bf16_can_hold():
    values = np.array([2.0078125 + 2**-15, -1e-3, 0, 255.4], np.float32)
    batch = values.reshape(1, 2, 2, 1)
    upper, rest = np.moveaxis(split_image(batch), -1, 0)
    np.testing.assert_array_equal(upper + rest, batch[..., 0])
    assert upper[0, 0, 0] == 2.0
    assert (abs(rest) <= abs(batch[..., 0]) * 2**-7).all()
