import math

import keras
import pytest

from wmh_keras.models import build_model

SMALL = {"patch_shape": [4, 8, 8], "filters": [2, 4, 4]}


def count_trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def convolution(a, b):
    return 27 * a * b + b + 2 * b


def upsampling(a, volume=8):
    return volume * a * a + a


REST = (
    convolution(1, 32)
    + convolution(32, 64)
    + convolution(64, 64)
    + convolution(64, 128)
    + convolution(128, 128)
    + convolution(128, 256)
    + convolution(256, 256)
    + convolution(256, 512)
    + upsampling(512)
    + convolution(768, 256)
    + convolution(256, 256)
    + upsampling(256)
    + convolution(384, 128)
    + convolution(128, 128)
    + convolution(192, 64)
    + convolution(64, 64)
    + 65
)


def test_the_default_has_the_published_parameters():
    model = build_model("unet3d")
    assert count_trainable(model) == REST + upsampling(128) == 19_073_665
    assert model.input_shape == (None, 16, 128, 128, 1)
    assert model.output_shape == (None, 16, 128, 128, 1)
    bottom = model.get_layer("bottom_2_relu").output.shape
    assert tuple(bottom) == (None, 2, 16, 16, 512)


def test_the_number_in_its_paper_is_of_the_same_network():
    channels = (32, 64, 64, 128, 128, 256, 256, 512)
    channels += (256, 256, 128, 128, 64, 64)
    three_in_and_out = 27 * 2 * 32 + 2 * 65
    normalisations = 2 * sum(channels)
    biases = 512 + 256 + 128
    ours = REST + upsampling(128)
    assert ours + three_in_and_out - normalisations - biases == 19_069_955


def test_pooling_in_the_plane_leaves_the_depth_alone():
    model = build_model("unet3d", filters=(4, 4, 8, 8), in_plane_poolings=1)
    expected = (
        (convolution(1, 2) + convolution(2, 4))
        + (convolution(4, 2) + convolution(2, 4))
        + (convolution(4, 4) + convolution(4, 8))
        + (convolution(8, 4) + convolution(4, 8))
        + (upsampling(8) + convolution(16, 8) + convolution(8, 8))
        + (upsampling(8) + convolution(12, 4) + convolution(4, 4))
        + (upsampling(4, 4) + convolution(8, 4) + convolution(4, 4))
        + 5
    )
    assert count_trainable(model) == expected
    # With the published filters only this convolution differs.
    assert REST + upsampling(128, 4) == 19_008_129
    shapes = [
        tuple(model.get_layer(name).output.shape[1:4])
        for name in ("encoder_1_pool", "bottom_2_relu", "decoder_1_upsample")
    ]
    assert shapes == [(16, 64, 64), (4, 16, 16), (16, 128, 128)]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_logits_are_float32_and_of_the_shape_of_the_patch(dtype):
    model = build_model(
        "unet3d", **SMALL, channels=2, in_plane_poolings=2, dtype=dtype
    )
    assert model.output.dtype == "float32"
    assert {v.dtype for v in model.variables} == {"float32"}
    batch = keras.KerasTensor((2, 4, 8, 8, 2))
    assert model(batch).shape == (2, 4, 8, 8, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patch_shape": [16, 100, 128]}, "multiples of 8, 8, 8"),
        ({"patch_shape": [4, 128, 128]}, "multiples of 8, 8, 8"),
        (
            {"patch_shape": [2, 64, 64], "in_plane_poolings": 1},
            "multiples of 4, 8, 8",
        ),
        ({"patch_shape": [64, 64]}, "expected depth, height and width"),
        ({"patch_shape": "16,8"}, "expected depth, height and width"),
        ({"patch_shape": 16}, "expected depth, height and width"),
        ({"patch_shape": [16, 64, 64.0]}, "expected a whole number"),
        ({"patch_shape": [16, 64, True]}, "expected a whole number"),
        ({"patch_shape": [8, 4096, 4096]}, "at most 16,777,216 voxels"),
        ({"patch_shape": [8, 10**6, 8]}, "from 1 to 4096"),
        ({"in_plane_poolings": 4}, "in_plane_poolings"),
        ({"in_plane_poolings": True}, "in_plane_poolings"),
        ({"in_plane_poolings": -1}, "in_plane_poolings"),
        ({"in_plane_poolings": None}, "in_plane_poolings"),
        ({"filters": [2048]}, "filters: expected a number from 1 to 1024"),
        ({"side": 384}, "received side"),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_model("unet3d", **arguments)
