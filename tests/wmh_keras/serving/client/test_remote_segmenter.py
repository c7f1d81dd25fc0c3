"""Both routes against prediction itself, with the exported model."""

import types

import numpy as np
import pytest

from wmh_keras import artifacts
from wmh_keras.inference.loading import load_segmenter
from wmh_keras.serving.client.connection import Connection, connect
from wmh_keras.serving.client.errors import ServingError
from wmh_keras.serving.client.remote_segmenter import RemoteSegmenter
from wmh_keras.serving.client.route import Route
from wmh_keras.serving.client.served_model import open_model
from wmh_keras.serving.description import Description

# Shape and spacing: as prepared; enlarged; of oblong pixels; cropped.
GRIDS = {
    "padded": ((32, 28, 6), (2.0, 2.0, 6.0)),
    "enlarged": ((22, 19, 5), (2.0, 2.0, 6.0)),
    "oblong": ((28, 20, 4), (1.0, 1.4, 5.0)),
    "cropped": ((41, 36, 4), (1.0, 1.0, 5.0)),
}


@pytest.fixture
def open_server(serve_grpc):
    """Opens the model of a backend: (backend) -> ServedModel."""
    opened = []

    def open_it(backend):
        transport = connect(Connection(serve_grpc(backend)))
        opened.append(transport)
        return open_model(transport, "wmh")

    yield open_it
    for transport in opened:
        transport.close()


@pytest.mark.parametrize("route", ["volume", "slices"])
@pytest.mark.parametrize("grid", GRIDS)
def test_the_same_as_prediction(
    grid, route, open_server, backend, bright_model_dir, make_head
):
    shape, spacing = GRIDS[grid]
    x, y, z = (length // 2 for length in shape)
    # A LPS file, so that axes have to be turned there and back.
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    head = make_head(
        blobs=[(x + 3, y - 4, z), (x - 5, y, 1)], affine=affine, shape=shape
    )
    remote = RemoteSegmenter(
        open_server(backend), route=Route(name=route, batch_size=3)
    )
    result = remote.segment([head])
    local = load_segmenter([artifacts.read_model_info(bright_model_dir)])
    expected = local.segment([head])
    assert result.probability.max() > 0.9
    np.testing.assert_allclose(
        result.probability, expected.probability, atol=1e-4
    )
    np.testing.assert_array_equal(result.mask, expected.mask)
    assert result.mask.any()
    assert result.warnings == expected.warnings
    assert ("centre crop" in str(result.warnings)) == (grid == "cropped")


def test_description_is_the_model_s(
    open_server, backend, bright_model_dir, identity
):
    served = open_server(backend)
    info = artifacts.read_model_info(bright_model_dir)
    assert served.description == Description(
        identity, info.preprocess, info.threshold, info.min_lesion_mm3
    )
    assert not served.is_trusted
    assert served.segments_volumes


@pytest.fixture
def saved(tmp_path):
    """Saves functions as signatures and loads them, as a server does."""

    def save(**functions):
        import tensorflow as tf

        folder = str(tmp_path / "saved")
        tf.saved_model.save(tf.Module(), folder, functions)
        return tf.saved_model.load(folder)

    return save


def test_a_network_of_patches_goes_in_tiles(
    open_server, backend, saved, make_head
):
    import tensorflow as tf

    from data_prep.preprocess_config import PreprocessConfig
    from wmh_keras.serving.describe import describe_function

    patches = tf.TensorSpec((None, 4, 16, 16, 1), tf.float32, "patches")
    network = tf.function(
        lambda patches: {"probability": tf.sigmoid(8 * (patches - 2))},
        autograph=False,
    )
    description = Description("p-1", PreprocessConfig(side=32), 0.5, 0.0)
    backend.loaded = saved(
        serving_default=network.get_concrete_function(patches),
        describe=describe_function(description),
    )
    remote = RemoteSegmenter(open_server(backend))
    head = make_head(blobs=[(20, 14, 5)])
    result = remote.segment([head])
    np.testing.assert_array_equal(result.mask, head.data > 300)
    assert set(backend.predictions()) == {"serving_default"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "description of format"),
        ("no JSON", "does not describe itself"),
        (
            '{"format": "wmh-keras served model 1", "identity": "a", '
            '"preprocess": {"side": 32}, "threshold": 0, "min_lesion_mm3": 0}',
            "threshold above 0",
        ),
        (
            '{"format": "wmh-keras served model 1", "identity": "a", '
            '"preprocess": {"sides": 32}, "threshold": 1, "min_lesion_mm3": 0}',
            "unknown preprocessing fields",
        ),
        (
            '{"format": "wmh-keras served model 1", "identity": "a", '
            '"preprocess": {"side": 64}, "threshold": 1, "min_lesion_mm3": 0}',
            r"expected slices of \(64, 64, 1\)",
        ),
    ],
)
def test_descriptions_that_cannot_be_used(
    text, message, open_server, backend, saved
):
    import tensorflow as tf

    function = tf.function(
        lambda which: {"description": tf.fill(tf.shape(which), text)},
        autograph=False,
    ).get_concrete_function(tf.TensorSpec((None,), tf.int32, "which"))
    described = saved(describe=function).signatures["describe"]
    backend.loaded = types.SimpleNamespace(
        signatures={**backend.loaded.signatures, "describe": described}
    )
    with pytest.raises(ServingError, match=message):
        open_server(backend)
