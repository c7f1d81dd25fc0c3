import itertools
import tracemalloc

import keras
import numpy as np
import pytest

from wmh_keras.inference.compiled import keras_network
from wmh_keras.inference.network import Network
from wmh_keras.inference.tiles import TilePredictor, gaussian, tile_starts

PATCH = (4, 8, 8)
# Voxel (0, 0, 0) looks at its neighbours in all three directions.
KERNEL = np.random.default_rng(2).normal(size=(3, 3, 3, 1)) / 3


def volume(*shape, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*shape, channels)).astype(np.float32)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.fixture(scope="module")
def model(make_patch_model):
    return make_patch_model(PATCH, KERNEL)


def predict(model, slices, batch_tiles=3, padding="zero", on_progress=None):
    predictor = TilePredictor(
        keras_network(model),
        batch_voxels=batch_tiles * int(np.prod(PATCH)),
        padding=padding,
    )
    assert predictor.batch_size == batch_tiles
    return predictor(slices, on_progress)


SHAPES = [(4, 8, 8), (11, 20, 17), (5, 9, 8), (1, 20, 20), (3, 8, 30)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_stays_exactly_that_constant(make_patch_model, shape):
    constant = make_patch_model(PATCH, np.zeros((1, 1, 1, 1)), bias=-0.7)
    probability = predict(constant, volume(*shape))
    assert probability.shape == shape
    assert probability.dtype == np.float32
    one = np.asarray(keras.ops.sigmoid(np.float32(-0.7)))
    assert (probability == probability.flat[0]).all()
    assert probability.flat[0] == pytest.approx(one, rel=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_of_one_voxel_is_as_if_applied_directly(
    make_patch_model, shape
):
    weights = np.array([1.5, -0.5])
    pointwise = make_patch_model(PATCH, weights.reshape(1, 1, 1, 2), 0.3)
    slices = volume(*shape, channels=2)
    np.testing.assert_allclose(
        predict(pointwise, slices), sigmoid(slices @ weights + 0.3), atol=1e-6
    )


def straightforward(model, slices, patch=PATCH):
    """The weighted mean over tiles, one by one and in full 3-D arrays."""
    total = np.zeros(slices.shape[:3])
    weight_sum = np.zeros(slices.shape[:3])
    window = np.einsum("i,j,k->ijk", *map(gaussian, patch))
    starts = [tile_starts(*a) for a in zip(slices.shape, patch, strict=False)]
    for start in itertools.product(*starts):
        place = tuple(
            slice(s, s + n) for s, n in zip(start, patch, strict=True)
        )
        logits = np.asarray(model(slices[place][None], training=False))
        total[place] += window * sigmoid(logits[0, ..., 0].astype(np.float64))
        weight_sum[place] += window
    return total / weight_sum


def test_tiles_are_blended_by_their_weights(model):
    slices = volume(11, 20, 17)
    np.testing.assert_allclose(
        predict(model, slices), straightforward(model, slices), atol=1e-6
    )


def test_the_batch_does_not_matter(model):
    slices = volume(9, 20, 12)
    expected = predict(model, slices, batch_tiles=1)
    assert expected.std() > 0.1
    for batch_tiles in (2, 7, 100):
        np.testing.assert_allclose(
            predict(model, slices, batch_tiles), expected, atol=1e-6
        )


def test_far_from_the_rim_of_a_large_patch_the_network_is_unchanged(
    make_patch_model,
):
    """Tile borders are felt one voxel deep, where weights are small."""
    patch = (16, 16, 16)
    model = make_patch_model(patch, KERNEL)
    whole = make_patch_model((24, 24, 24), KERNEL)
    slices = volume(24, 24, 24)
    predictor = TilePredictor(
        keras_network(model), batch_voxels=1, padding="zero"
    )
    direct = sigmoid(np.asarray(whole(slices[None], training=False)))
    difference = abs(predictor(slices) - direct[0, ..., 0])
    assert difference.max() < 0.01


def test_one_shape_is_compiled_for_all_volumes(make_patch_model):
    traces = []

    @keras.saving.register_keras_serializable()
    class Trace(keras.layers.Layer):
        def call(self, x):
            traces.append(tuple(x.shape))
            return x

    image = keras.Input((*PATCH, 1))
    traced = keras.Model(image, Trace()(image))
    predictor = TilePredictor(
        keras_network(traced),
        batch_voxels=2 * int(np.prod(PATCH)),
        padding="zero",
    )
    traces.clear()
    for shape in ((1, 5, 30), (40, 8, 8), (6, 20, 20)):
        predictor(volume(*shape))
    assert traces == [(2, *PATCH, 1)]


@pytest.mark.parametrize(
    ("padding", "outside"), [("zero", 0), ("background", 5)]
)
def test_what_lies_outside_follows_the_padding(
    make_patch_model, padding, outside
):
    below = np.zeros((3, 1, 1, 1))
    below[0] = 1  # the voxel of the slice below decides
    model = make_patch_model(PATCH, below)
    slices = volume(2, 12, 12)
    slices[:, [0, -1]] = slices[:, :, [0, -1]] = 5
    probability = predict(model, slices, padding=padding)
    np.testing.assert_allclose(
        probability[1], sigmoid(slices[0, ..., 0]), atol=1e-6
    )
    np.testing.assert_allclose(probability[0], sigmoid(outside), atol=1e-6)


def test_weights_never_reach_0():
    for size in (1, 2, 5, 16, 128):
        weights = gaussian(size)
        assert weights.min() > np.exp(-8)
        np.testing.assert_array_equal(weights, weights[::-1])
    assert gaussian(17)[8] == 1


@pytest.mark.parametrize("size", [1, 2, 5, 16])
def test_starts_cover_every_voxel_and_overlap_by_half(size):
    for length in range(1, 60):
        starts = tile_starts(length, size)
        covered = {s + i for s in starts for i in range(size)}
        assert set(range(length)) <= covered
        assert all(
            0 < b - a <= max(-(-size // 2), 1)
            for a, b in itertools.pairwise(starts)
        )
        if length >= size:
            assert (starts[0], starts[-1]) == (0, length - size)


def test_starts_by_hand():
    assert tile_starts(8, 4) == [0, 2, 4]
    assert tile_starts(9, 4) == [0, 2, 3, 5]
    assert tile_starts(4, 4) == [0]
    assert tile_starts(1, 4) == [-1]
    assert tile_starts(3, 8) == [-2]


def test_thousands_of_slices_need_no_more_memory():
    network = Network(
        (None, *PATCH, 1),
        lambda batch: np.full(batch.shape[:-1], 0.25, np.float32),
        engine="none",
    )
    predictor = TilePredictor(
        network, batch_voxels=4 * int(np.prod(PATCH)), padding="zero"
    )
    beyond = []
    for depth in (50, 3000):
        slices = np.zeros((depth, 16, 16, 1), np.float32)
        tracemalloc.start()
        probability = predictor(slices)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (probability == 0.25).all()
        beyond.append(peak - probability.nbytes)
    # The list of tiles grows, by some 100 bytes each.
    tile_list = 3000 / 2 * 9 * 200
    assert beyond[1] < beyond[0] + tile_list < 0.9 * probability.nbytes + 1e6


def test_progress_ends_at_one(model):
    shares = []
    predict(model, volume(4, 12, 8), batch_tiles=1, on_progress=shares.append)
    assert shares == [0.5, 1]


def test_no_slice_gives_no_slice(model):
    assert predict(model, volume(0, 8, 8)).shape == (0, 8, 8)


def test_a_voxel_that_is_no_number_stays_one(model):
    slices = volume(8, 8, 8)
    slices[6, 4, 4] = np.nan
    probability = predict(model, slices)
    assert np.isnan(probability[6, 4, 4])
    assert np.isfinite(probability[:3]).all()


def test_bad_input(model, make_patch_model):
    with pytest.raises(ValueError, match="fixed shape"):
        TilePredictor(
            keras_network(make_patch_model((None, 8, 8), KERNEL)),
            batch_voxels=1,
            padding="zero",
        )
    with pytest.raises(ValueError, match=r"\(n, h, w, 1\)"):
        predict(model, volume(4, 8, 8, channels=2))
