"""Graphs of several architectures, each counted by hand."""

import pytest

from wmh_keras.reporting.figures.network_layout import channel_label


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture(scope="module")
def convolution(keras):
    """Makes convolution layers; drawing weights at random takes seconds."""

    def make(kind, *args, **kwargs):
        layer = getattr(keras.layers, kind)
        return layer(*args, kernel_initializer="zeros", **kwargs)

    return make


def read(model):
    from wmh_keras.reporting.figures.network_reading import read_network

    return read_network(model)


def blocks(graph):
    return [node for node in graph.nodes if node.kind == "block"]


def kinds(graph):
    return [link.kind for link in graph.links]


def test_the_paper_s_network():
    from wmh_keras.models import build_model

    graph = read(build_model("unet"))
    assert graph.num_parameters == 1_965_281
    assert graph.num_convolutions == 19
    assert graph.num_transposed == 0
    # Nine blocks of two convolutions, and the last one.
    assert [channel_label(node) for node in blocks(graph)] == [
        *("16", "32", "64", "128", "256", "128", "64", "32", "16"),
        "1",
    ]
    assert [len(node.columns) for node in blocks(graph)] == [2] * 9 + [1]
    assert [node.level for node in blocks(graph)] == [
        *(0, 1, 2, 3, 4, 3, 2, 1, 0),
        0,
    ]
    assert graph.levels == tuple(
        f"{side} × {side}" for side in (384, 192, 96, 48, 24)
    )
    assert kinds(graph).count("down") == kinds(graph).count("up") == 4
    skips = [link for link in graph.links if link.kind == "skip"]
    for link in skips:
        source, target = graph.nodes[link.source], graph.nodes[link.target]
        assert source.level == target.level
        assert target.merge == "concatenate"
    assert len(skips) == 4
    assert {link.label for link in graph.links} == {
        "",
        "max pooling 2×2",
        "bilinear upsampling 2×2",
    }
    assert graph.follows == ("batch normalisation", "ReLU")


def test_free_sides():
    from wmh_keras.models import build_model

    fixed = read(build_model("unet", side=32, filters=(2, 4, 8)))
    free = read(build_model("unet", side=None, filters=(2, 4, 8)))
    assert free.levels == ("full size", "1/2", "1/4")
    assert free.nodes == fixed.nodes
    assert free.links == fixed.links


def test_one_level():
    from wmh_keras.models import build_model

    graph = read(build_model("unet", side=32, filters=(2,)))
    assert [node.kind for node in graph.nodes] == ["input", "block", "block"]
    assert kinds(graph) == ["forward", "forward"]


def test_residual_elements_that_are_added(keras, convolution):
    """As Guerrero et al. (2018): conv 3×3 + conv 1×1, skips added."""
    layers = keras.layers

    def element(x, channels):
        sides = [
            convolution("Conv2D", channels, size, padding="same")(x)
            for size in (3, 1)
        ]
        return layers.ReLU()(layers.Add()(sides))

    image = keras.Input((16, 16, 1))
    skip = element(image, 4)
    x = element(layers.MaxPooling2D()(skip), 8)
    x = convolution("Conv2DTranspose", 4, 3, strides=2, padding="same")(x)
    x = element(x, 4)
    x = element(layers.Add()([x, skip]), 4)
    model = keras.Model(image, convolution("Conv2D", 1, 1)(x))
    graph = read(model)
    names = [node.merge or node.kind for node in graph.nodes]
    assert names == [
        *("input", "block", "block", "block", "add", "block", "block"),
    ]
    first = graph.nodes[1]
    assert [[c.kernel for c in column] for column in first.columns] == [
        ["3×3", "1×1"]
    ]
    assert [n.residual for n in blocks(graph)] == [True] * 4 + [False]
    assert (graph.num_convolutions, graph.num_transposed) == (10, 1)
    (skipping,) = [link for link in graph.links if link.kind == "skip"]
    assert (skipping.source, skipping.target) == (1, 4)
    (up,) = [link for link in graph.links if link.kind == "up"]
    assert (up.source, up.target) == (2, 3)
    assert up.label == "transposed convolution 3×3, stride 2×2"


def test_three_dimensions_with_an_anisotropic_pooling(keras, convolution):
    layers = keras.layers
    image = keras.Input((32, 32, 8, 2))
    skips, x = [], image
    for channels, pool in ((4, (2, 2, 1)), (8, (2, 2, 2))):
        x = convolution("Conv3D", channels, 3, padding="same")(x)
        x = convolution("Conv3D", 2 * channels, 3, padding="same")(x)
        skips.append(x)
        x = layers.MaxPooling3D(pool)(x)
    x = convolution("Conv3D", 16, 3, padding="same", activation="relu")(x)
    for skip, size in zip(skips[::-1], ((2, 2, 2), (2, 2, 1)), strict=True):
        x = convolution("Conv3DTranspose", 8, size, strides=size)(x)
        x = layers.Concatenate()([skip, x])
        x = convolution("Conv3D", 8, 3, padding="same")(x)
    graph = read(keras.Model(image, convolution("Conv3D", 1, 1)(x)))
    assert graph.levels == ("32 × 32 × 8", "16 × 16 × 8", "8 × 8 × 4")
    labels = [channel_label(node) for node in blocks(graph)]
    assert labels == ["4→8", "8→16", "16", "8", "8", "1"]
    assert graph.nodes[0].channels == 2
    assert kinds(graph).count("skip") == 2
    assert graph.follows == ("ReLU",)


def test_strided_convolutions_with_shortcuts(keras, convolution):
    layers, ops = keras.layers, keras.ops
    image = keras.Input((None, None, 1))
    top = convolution("Conv2D", 4, 3, padding="same")(image)
    main = convolution("Conv2D", 8, 3, strides=2, padding="same")(top)
    x = ops.add(main, convolution("Conv2D", 8, 1, strides=2)(top))
    x = x + convolution("Conv2D", 8, 3, padding="same")(x)
    x = layers.UpSampling2D()(x)
    x = convolution("Conv2D", 4, 3, padding="same")(
        layers.Concatenate()([x, top])
    )
    model = keras.Model(image, ops.sigmoid(convolution("Conv2D", 1, 1)(x)))
    graph = read(model)
    assert kinds(graph).count("down") == kinds(graph).count("up") == 1
    assert [node.residual for node in blocks(graph)] == [
        *(False, True, False, False),
    ]
    assert graph.num_convolutions == 6
    assert graph.num_parameters == model.count_params()
