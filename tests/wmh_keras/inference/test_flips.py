import keras
import numpy as np
import pytest

from data_prep.preprocess import PreprocessConfig
from wmh_keras.inference.compiled import keras_network
from wmh_keras.inference.flips import FLIPS, FlipPredictor
from wmh_keras.inference.predictor import make_predictor

CONFIG = PreprocessConfig(side=12)
SLICES = np.random.default_rng(1).normal(size=(3, 12, 12, 1)).astype(np.float32)


def right_neighbour(slices, on_progress=None):
    """A predictor that is anything but symmetric: of w, the value at w + 1."""
    shifted = np.zeros(slices.shape[:3], np.float32)
    shifted[:, :, :-1] = slices[:, :, 1:, 0]
    if on_progress is not None:
        on_progress(0.5)
        on_progress(1.0)
    return shifted


def upper_neighbour(slices, on_progress=None):
    return right_neighbour(slices.swapaxes(1, 2)).swapaxes(1, 2)


def neighbours(axis):
    """Values at +1 and at -1 along an axis of SLICES, 0 outside."""
    padded = np.pad(SLICES[..., 0], 1)
    middle = tuple(slice(1, -1) for _ in range(3))
    return [np.roll(padded, -step, axis)[middle] for step in (1, -1)]


def test_left_right_is_the_width():
    plus, minus = neighbours(2)
    result = FlipPredictor(right_neighbour, "left_right")(SLICES)
    np.testing.assert_array_equal(result, (plus + minus) / np.float32(2))
    # A flip along the width changes nothing for who looks along the height.
    upper = FlipPredictor(upper_neighbour, "left_right")(SLICES)
    np.testing.assert_array_equal(upper, upper_neighbour(SLICES))


@pytest.mark.parametrize(
    ("predictor", "axis"), [(right_neighbour, 2), (upper_neighbour, 1)]
)
def test_all_flips_both_axes(predictor, axis):
    plus, minus = neighbours(axis)
    result = FlipPredictor(predictor, "all")(SLICES)
    np.testing.assert_allclose(result, (plus + minus) / 2, atol=1e-6)


def test_progress_is_that_of_all_passes():
    shares = []
    FlipPredictor(right_neighbour, "all")(SLICES, shares.append)
    assert shares == [i / 8 for i in range(1, 9)]


def test_a_choice_that_is_none():
    assert FLIPS == ("none", "left_right", "all")
    with pytest.raises(ValueError, match="left_right, all, received 'up'"):
        FlipPredictor(right_neighbour, "up")


def edge_model(rank, make_patch_model):
    """Asymmetric: logits are the value one voxel to the right."""
    kernel = np.zeros((1, 1, 3, 1))
    kernel[0, 0, 2, 0] = 1
    if rank == 3:
        return make_patch_model((2, 8, 8), kernel)
    image = keras.Input((12, 12, 1))
    layer = keras.layers.Conv2D(1, (1, 3), padding="same")
    model = keras.Model(image, layer(image))
    layer.set_weights([kernel[0][..., None], np.zeros(1)])
    return model


@pytest.mark.parametrize("rank", [2, 3])
def test_networks_of_either_kind_are_flipped(rank, make_patch_model):
    network = keras_network(edge_model(rank, make_patch_model))
    plain, flipped = (
        make_predictor(network, CONFIG, batch_size=2, flips=flips)
        for flips in ("none", "left_right")
    )
    mirrored = plain(SLICES[:, :, ::-1])[:, :, ::-1]
    assert abs(mirrored - plain(SLICES)).max() > 0.5
    np.testing.assert_allclose(
        flipped(SLICES), (plain(SLICES) + mirrored) / 2, atol=1e-6
    )
    # The mirror image's result is the mirror image of the result.
    np.testing.assert_allclose(
        flipped(SLICES[:, :, ::-1]), flipped(SLICES)[:, :, ::-1], atol=1e-6
    )


def test_a_network_of_another_rank():
    image = keras.Input((12, 1))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    with pytest.raises(ValueError, match="slices"):
        make_predictor(keras_network(model), CONFIG, batch_size=1)
