import math

import keras
import numpy as np
import pytest

from wmh_keras.models import build_model


def count_trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def element(a, b):
    return (9 * a * b + b) + (a * b + b) + 2 * b


def upsampling(a, b):
    return 9 * a * b + b


ENCODER = (
    element(1, 32) + element(32, 64) + element(64, 128) + element(128, 256)
)


def test_the_default_has_the_parameters_of_the_text():
    expected = (
        ENCODER
        + upsampling(256, 128)
        + 2 * element(128, 128)
        + upsampling(128, 64)
        + element(64, 64)
        + upsampling(64, 32)
        + element(32, 32)
        + 33
    )
    model = build_model("u_resnet")
    assert count_trainable(model) == expected == 1_199_937
    assert model.input_shape == (None, None, None, 1)


def test_the_variant_of_the_figure_narrows_before_the_second_upsampling():
    expected = (
        ENCODER
        + upsampling(256, 128)
        + element(128, 128)
        + element(128, 64)
        + upsampling(64, 64)
        + element(64, 64)
        + upsampling(64, 32)
        + element(32, 32)
        + 33
    )
    model = build_model("u_resnet", figure_variant=True)
    assert count_trainable(model) == expected == 1_080_897


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_logits_are_float32_and_of_the_size_of_the_image(dtype):
    model = build_model("u_resnet", filters=(2, 4, 4), dtype=dtype)
    assert model.output.dtype == "float32"
    assert {v.dtype for v in model.variables} == {"float32"}
    for side in (8, 12):
        logits = model(keras.KerasTensor((2, side, side, 1)))
        assert logits.shape == (2, side, side, 1)


def test_an_element_adds_both_convolutions_before_normalising():
    """By hand, on a network of one level and one pixel-wise filter."""
    model = build_model("u_resnet", filters=(1,), side=4)
    assert not [la for la in model.layers if "decoder" in la.name]
    names = [la.name for la in model.layers]
    assert names.index("bottom_sum") < names.index("bottom_norm")
    wide, direct = (
        model.get_layer("bottom_conv"),
        model.get_layer("bottom_shortcut"),
    )
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 2] = 1  # the pixel to the right
    wide.set_weights([kernel, np.zeros(1)])
    direct.set_weights([np.full((1, 1, 1, 1), 10.0), np.zeros(1)])
    model.get_layer("logits").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    right = np.pad(image[:, :, 1:], ((0, 0), (0, 0), (0, 1), (0, 0)))
    expected = (10 * image + right) / math.sqrt(1 + 1e-3)
    np.testing.assert_allclose(model(image, training=False), expected, 1e-5)


def test_the_skip_is_added():
    model = build_model("u_resnet", filters=(2, 4, 8))
    assert isinstance(model.get_layer("decoder_1_skip"), keras.layers.Add)
    assert isinstance(model.get_layer("decoder_2_skip"), keras.layers.Add)
    assert model.get_layer("decoder_2_1_conv").filters == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"side": 12}, "side: expected a multiple of 8"),
        ({"filters": "32"}, "filters: expected a sequence"),
        ({"figure_variant": 1}, "figure_variant: expected true or false"),
        ({"patch_shape": [16, 64, 64]}, "received patch_shape"),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_model("u_resnet", **arguments)
