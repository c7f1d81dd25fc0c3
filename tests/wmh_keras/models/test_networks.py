"""What holds for every network."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from wmh_keras.models import NETWORKS, build_model

# Small ones, and the shape of a batch.
SMALL = {
    "unet": ({"side": 16, "filters": [2, 4, 4]}, (2, 16, 16, 1)),
    "u_resnet": ({"filters": [2, 4, 4]}, (2, 16, 16, 1)),
    "unet3d": (
        {
            "patch_shape": [4, 8, 8],
            "filters": [2, 4, 4],
            "in_plane_poolings": 1,
        },
        (1, 4, 8, 8, 1),
    ),
}
# What Keras calls a layer that was given no name.
GENERATED = re.compile(
    r"(conv[23]d|conv[23]d_transpose|batch_normalization|re_lu|"
    r"max_pooling[23]d|up_sampling2d|concatenate|add|input_layer|functional)"
    r"(_\d+)?"
)


def test_all_of_them_are_here():
    assert set(SMALL) == set(NETWORKS)


def test_an_unknown_network_is_answered_with_the_names():
    with pytest.raises(ValueError, match=r"expected one of unet, .*'vnet'"):
        build_model("vnet")


@pytest.mark.parametrize("network", SMALL)
def test_every_layer_has_a_name_of_its_own_choosing(network):
    arguments, _ = SMALL[network]
    model, again = (build_model(network, **arguments) for _ in range(2))
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if GENERATED.fullmatch(name)]
    assert [w.path for w in model.weights] == [w.path for w in again.weights]


@pytest.mark.parametrize("network", SMALL)
def test_the_last_layer_has_the_bias_that_training_sets(network):
    arguments, _ = SMALL[network]
    model = build_model(network, **arguments)
    assert model.layers[-1].name == "logits"
    assert model.layers[-1].bias.shape == (1,)


def test_the_same_weights_give_the_same_logits_on_tensorflow(
    tmp_path, repository
):
    models = {
        network: build_model(network, **arguments)
        for network, (arguments, _) in SMALL.items()
    }
    rng = np.random.default_rng(0)
    batches = {
        network: rng.normal(size=shape).astype(np.float32)
        for network, (_, shape) in SMALL.items()
    }
    for network, model in models.items():
        model.save_weights(tmp_path / f"{network}.weights.h5")
    np.savez(tmp_path / "batches.npz", **batches)
    arguments = {network: few for network, (few, _) in SMALL.items()}
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    code = (
        "import json, numpy as np, keras\n"
        "from wmh_keras.models import build_model\n"
        "assert keras.backend.backend() == 'tensorflow'\n"
        "batches, logits = np.load('batches.npz'), {}\n"
        "for name, few in json.load(open('arguments.json')).items():\n"
        "    model = build_model(name, **few)\n"
        "    model.load_weights(f'{name}.weights.h5')\n"
        "    logits[name] = model.predict_on_batch(batches[name])\n"
        "np.savez('logits.npz', **logits)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": str(repository),
        },
        check=True,
    )
    with np.load(tmp_path / "logits.npz") as found:
        for network, model in models.items():
            expected = model.predict_on_batch(batches[network])
            np.testing.assert_allclose(found[network], expected, atol=1e-5)
            assert expected.std() > 1e-3  # the weights matter
