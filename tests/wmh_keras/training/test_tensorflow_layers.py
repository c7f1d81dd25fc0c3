"""The layers for TensorFlow against those of Keras, in one process for all."""

import json
import os
import subprocess
import sys

import pytest

# Fits a batch with either kind of layers, from the same weights; prints the
# largest differences.
CODE = """
import json
import numpy as np, keras, tensorflow as tf
from wmh_keras.models import build_model
from wmh_keras.training.tensorflow_layers import TensorflowApi

# A weight that puts a value next to the corner of a ReLU or beside its equal
# in a maximum makes rounding, which differs between runs, a finite difference
# of the gradients; by chance, of other weights in every run, that happens.
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
small = {
    "unet": ({"side": 32, "filters": [4, 8, 8]}, (3, 32, 32, 1)),
    "u_resnet": ({"filters": [4, 8, 8]}, (3, 32, 32, 1)),
    "unet3d": (
        {"patch_shape": [4, 16, 16], "filters": [4, 8]}, (2, 4, 16, 16, 1)
    ),
}
found = {}
for network, (arguments, shape) in small.items():
    image = rng.normal(1.0, 2.0, size=shape).astype(np.float32)
    target = (image > 2.0).astype(np.float32)
    for dtype in ("float32", "mixed_bfloat16"):
        plain = build_model(network, dtype=dtype, **arguments)
        fast = build_model(network, TensorflowApi(), dtype=dtype, **arguments)
        assert [w.path for w in plain.weights] == [w.path for w in fast.weights]
        for weight in plain.weights:
            if not weight.path.endswith("variance"):
                weight.assign_add(0.1 * rng.normal(size=weight.shape))
        plain.save_weights("plain.weights.h5")
        fast.load_weights("plain.weights.h5")
        logits, gradients = [], []
        for model in (plain, fast):
            with tf.GradientTape() as tape:
                result = model(image, training=True)
                loss = tf.reduce_mean(
                    tf.nn.sigmoid_cross_entropy_with_logits(target, result)
                )
            logits.append(result.numpy())
            gradients.append(
                [
                    g.numpy()
                    for g in tape.gradient(
                        loss, [w.value for w in model.trainable_variables]
                    )
                ]
            )
        moving = [
            [w.numpy() for w in model.non_trainable_variables]
            for model in (plain, fast)
        ]
        fast.save_weights("fast.weights.h5")
        plain.load_weights("fast.weights.h5")
        after = [
            model(image, training=False).numpy() for model in (plain, fast)
        ]

        def furthest(pairs):
            return max(
                float(np.abs(a - b).max() / max(1e-2, np.abs(a).max()))
                for a, b in pairs
            )

        found[f"{network} {dtype}"] = {
            "logits": furthest([logits]),
            "gradients": furthest(zip(*gradients)),
            "moving": furthest(zip(*moving)),
            "inference": furthest([after]),
        }
        assert logits[0].std() > 1e-2
        assert all(np.abs(m).max() > 0 for m in moving[0])
print("found" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def differences(tmp_path_factory, repository):
    result = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path_factory.mktemp("layers"),
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": str(repository),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.rpartition("found")[2])


@pytest.mark.parametrize("network", ["unet", "u_resnet", "unet3d"])
def test_a_step_is_that_of_keras_s_layers(differences, network):
    found = differences[f"{network} float32"]
    assert found["logits"] < 1e-4
    assert found["gradients"] < 1e-3
    assert found["moving"] < 1e-5
    assert found["inference"] == 0  # Keras's own there


@pytest.mark.parametrize("network", ["unet", "u_resnet", "unet3d"])
def test_half_precision_differs_by_its_rounding_alone(differences, network):
    found = differences[f"{network} mixed_bfloat16"]
    # bfloat16 has 8 bits: 0.4 % a rounding, over a dozen layers.
    assert found["logits"] < 0.1
    assert found["moving"] < 0.02
    assert found["inference"] < 0.1
