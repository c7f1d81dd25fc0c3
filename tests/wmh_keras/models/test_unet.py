import math

import keras
import pytest

from wmh_keras.models import build_model


def count_trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_the_default_has_the_paper_s_parameters_and_layers():
    model = build_model("unet")
    assert count_trainable(model) == 1_965_281
    convolutions = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(convolutions) == 19
    assert model.input_shape == (None, 384, 384, 1)
    assert model.output_shape == (None, 384, 384, 1)


def test_parameters_follow_the_filters_by_hand():
    # Two levels (2, 3), one channel: convolution weights and biases, and two
    # parameters a channel for each batch normalisation.
    def block(c_in, c_out):
        return (9 * c_in * c_out + c_out) + (9 * c_out**2 + c_out) + 4 * c_out

    model = build_model("unet", side=8, filters=(2, 3))
    expected = block(1, 2) + block(2, 3) + block(3 + 2, 2) + (2 + 1)
    assert count_trainable(model) == expected


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_logits_are_float32(dtype):
    model = build_model("unet", side=16, filters=(2, 4), dtype=dtype)
    assert model.output.dtype == "float32"
    assert {v.dtype for v in model.variables} == {"float32"}
    hidden = model.get_layer("encoder_1_1_conv").output.dtype
    assert hidden == ("float32" if dtype == "float32" else "bfloat16")


def test_any_side_and_more_channels():
    model = build_model("unet", side=None, channels=2, filters=(2, 4))
    for side in (8, 12):
        batch = keras.KerasTensor((1, side, side, 2))
        assert model(batch).shape == (1, side, side, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"side": 100}, "side: expected a multiple of 16"),
        ({"side": 0}, "side"),
        ({"side": 384.0}, "side: expected a whole number"),
        ({"side": 10**6}, "side"),
        ({"channels": 0}, "channels"),
        ({"channels": True}, "channels"),
        ({"filters": ()}, "filters"),
        ({"filters": "16,32"}, "filters: expected a sequence"),
        ({"filters": (16, -1)}, "filters"),
        ({"filters": (16, 10**9)}, "filters"),
        ({"filters": (2,) * 9, "side": 256}, "filters: expected 1 to 8"),
        ({"depth": 3}, "expected arguments among side, .* received depth"),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_model("unet", **arguments)
