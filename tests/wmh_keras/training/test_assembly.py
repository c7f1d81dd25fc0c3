import dataclasses

import numpy as np
import pytest

from data_prep.errors import UsageError, UserError
from wmh_keras.distribution import Devices
from wmh_keras.training.assembly import (
    compile_model,
    describe,
    network_arguments,
)
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.input_pipeline import TrainingStream

ARGUMENTS = {"side": 16, "channels": 1, "filters": [2, 4]}
CONFIG = TrainingConfig(backend="jax")


@pytest.mark.parametrize("prior", [0.01, 0.2, 0.5])
def test_the_untrained_network_gives_the_prior(prior):
    model = compile_model(
        dataclasses.replace(CONFIG, lesion_prior=prior), ARGUMENTS
    )
    # Without contrast in the image only the bias of the last layer is left.
    logits = np.asarray(model(np.zeros((1, 16, 16, 1), np.float32)))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), prior, rtol=1e-4)


def test_bad_arguments_are_the_user_s_to_put_right():
    with pytest.raises(UserError, match="side"):
        compile_model(CONFIG, {**ARGUMENTS, "side": 17})
    with pytest.raises(UserError, match="unett"):
        compile_model(dataclasses.replace(CONFIG, network="unett"), ARGUMENTS)


def test_filters_are_the_network_s_own_by_default(small_data):
    for network, filters in (
        ("unet", [16, 32, 64, 128, 256]),
        ("u_resnet", [32, 64, 128, 256]),
    ):
        config = TrainingConfig(network=network)
        assert network_arguments(small_data, config)["filters"] == filters
    config = TrainingConfig(network="unet3d", patch_size=(8, 16, 32))
    assert network_arguments(small_data, config) == {
        "patch_shape": [8, 16, 32],
        "channels": 1,
        "filters": [64, 128, 256, 512],
        "in_plane_poolings": 0,
    }


@pytest.mark.parametrize(
    ("flags", "error", "words"),
    [
        ({"network": "unett"}, UserError, "unett"),
        ({"network": "unet3d"}, UsageError, "fitted on 3-D patches"),
        (
            {"network": "unet3d", "patch_size": (16, 16)},
            UsageError,
            "--patch_size=16,16: unet3d is fitted on 3-D patches",
        ),
        (
            {"network": "u_resnet", "patch_size": (8, 16, 16)},
            UsageError,
            "--patch_size=8,16,16: u_resnet works slice by slice",
        ),
        (
            {"network": "u_resnet", "patch_size": (64, 64)},
            UsageError,
            "at most 32, the side of the slices",
        ),
        (
            {"network": "u_resnet", "patch_size": (16, 12)},
            UserError,
            "--patch_size: side: expected a multiple of 8",
        ),
        (
            {"network": "u_resnet", "filters": (2,) * 7},
            UserError,
            "side: expected a multiple of 64",
        ),
        (
            {"figure_variant": True},
            UsageError,
            "--figure_variant=True: unet has no such option",
        ),
        (
            {"network": "u_resnet", "in_plane_poolings": 1},
            UsageError,
            "--in_plane_poolings=1: u_resnet has no such option",
        ),
    ],
)
def test_flags_that_a_network_cannot_use_are_refused(
    small_data, flags, error, words
):
    with pytest.raises(error, match=words):
        network_arguments(small_data, TrainingConfig(**flags))


def test_patches_that_3d_poolings_do_not_divide_are_refused(small_data):
    config = TrainingConfig(network="unet3d", patch_size=(4, 16, 16))
    arguments = network_arguments(small_data, config)
    with pytest.raises(UserError, match="multiples of 8, 8, 8"):
        compile_model(config, arguments)


def test_a_training_on_the_slow_backend_of_a_cpu_says_so(small_data):
    records = small_data.select("train")
    stream = TrainingStream(small_data, records, 6, 0, AugmentationConfig())
    model = compile_model(CONFIG, ARGUMENTS)
    for devices, is_slow in (
        (Devices("jax", "cpu", 1), True),
        (Devices("jax", "gpu", 1), False),
        (Devices("tensorflow", "cpu", 1), False),
    ):
        text = describe(model, small_data, devices, stream, records)
        assert ("--backend=tensorflow" in text) == is_slow
        assert f"on 1 {devices.kind} ({devices.backend})" in text
