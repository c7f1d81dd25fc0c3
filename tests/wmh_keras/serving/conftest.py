"""Models that are exported once, in a process of their own."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from data_prep.preprocess_config import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.model_info import ModelInfo

SIDE = 32
# onnx is an extra, and not every machine has a wheel of openvino.
FORMATS = [
    "tf_saved_model",
    *(n for n in ("onnx", "openvino") if importlib.util.find_spec(n)),
]
PLAIN = PreprocessConfig(side=SIDE)
OTHER = PreprocessConfig(
    side=SIDE,
    channels=("flair", "t1"),
    normalization="clipped_zscore",
    padding="background",
    oversize="resize",
)


@pytest.fixture(scope="session")
def random_model():
    """Makes a network of random weights: (network, seed, **arguments)."""
    return _random_model


def _random_model(network, seed, **arguments):
    """A network that no layer leaves as it is."""
    from wmh_keras.models import build_model

    model = build_model(network, **arguments)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        if layer.name.endswith("_norm"):
            spread = (0.7, 1.3), (-0.3, 0.3), (-0.3, 0.3), (0.7, 1.5)
            layer.set_weights(
                [
                    rng.uniform(*ends, shape)
                    for ends, shape in zip(spread, shapes, strict=True)
                ]
            )
        elif shapes:
            scale = np.sqrt(2 / np.prod(shapes[0][:-1]))
            layer.set_weights(
                [rng.normal(0, scale, shapes[0]), rng.normal(0, 0.3, shapes[1])]
            )
    return model


def _save(folder, network, preprocess, seeds, **arguments):
    models = [_random_model(network, seed, **arguments) for seed in seeds]
    info = ModelInfo(
        network=network,
        network_arguments=arguments,
        preprocess=preprocess,
        min_lesion_mm3=3.0,
        seen_subjects=("0123456789abcdef",),
        scores={"val_dice": 0.625},
    )
    artifacts.save_model(folder / "model", models, info)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Work folders: one plain U-Net, two of another kind, one of patches."""
    folder = tmp_path_factory.mktemp("runs")
    slices = {"side": SIDE, "filters": [4, 8]}
    _save(folder / "plain", "unet", PLAIN, [3], channels=1, **slices)
    _save(folder / "other", "unet", OTHER, [1, 2], channels=2, **slices)
    patch = {"patch_shape": [4, 16, 16], "filters": [2, 4]}
    _save(folder / "patches", "unet3d", PLAIN, [4], **patch)
    return folder


@pytest.fixture(scope="session")
def run_exports(repository):
    """Runs wmh-export several times in one process; returns its results.

    Keras is on JAX in this one, and can be exported from TensorFlow alone.
    """

    def run(*commands, prelude=""):
        code = (
            f"{prelude}\n"
            "from wmh_keras.export import cli\n"
            f"for command in {[list(map(str, c)) for c in commands]!r}:\n"
            "    print('exit', cli(['wmh-export', *command]), flush=True)"
        )
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=repository,
            env={**os.environ, "KERAS_BACKEND": "jax"},
            capture_output=True,
            text=True,
            check=True,
        )

    return run


@pytest.fixture(scope="session")
def formats():
    """The formats in which the model wmh was exported."""
    return FORMATS


@pytest.fixture(scope="session")
def exports(tmp_path_factory, runs, run_exports):
    """The folder with wmh, other and patches, version 1 of each."""
    folder = tmp_path_factory.mktemp("exports")
    output_dir = f"--output_dir={folder}"
    done = run_exports(
        [
            f"--model={runs / 'plain'}",
            output_dir,
            "--batch_size=3",
            f"--format={','.join(FORMATS)}",
        ],
        [
            f"--model={runs / 'other'}",
            output_dir,
            "--model_name=other",
            "--test_time_flips=all",
        ],
        [f"--model={runs / 'patches'}", output_dir, "--model_name=patches"],
    )
    assert done.stdout.count("exit 0") == 3, done.stderr
    (folder / "output.txt").write_text(done.stdout, encoding="utf-8")
    return folder


# tensorflow/serving: message -> (field, number, type or message, repeated).
MESSAGES = {
    "ModelSpec": [("name", 1, None), ("signature_name", 3, None)],
    "Input": [("key", 1, None), ("value", 2, "Bytes")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "Input")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
    "PredictResponse": [("outputs", 1, "Input")],
}


@pytest.fixture(scope="session")
def serving_message():
    """Messages of TensorFlow Serving, described apart from what writes them."""
    return _serving_message


def _serving_message(wanted):
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", syntax="proto3")
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            added = message.field.add(name=field, number=number)
            many = kind == "Input"
            added.label = (
                field_type.LABEL_REPEATED if many else field_type.LABEL_OPTIONAL
            )
            added.type = {
                None: field_type.TYPE_STRING,
                "Bytes": field_type.TYPE_BYTES,
            }.get(kind, field_type.TYPE_MESSAGE)
            if added.type == field_type.TYPE_MESSAGE:
                added.type_name = f".{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(wanted)
    return message_factory.GetMessageClass(found)
