"""3-D U-Net: Çiçek et al., MICCAI 2016, doi 10.1007/978-3-319-46723-8_49."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmh_keras.models import blocks

if TYPE_CHECKING:
    import keras


def build_unet3d(
    api: blocks.LayerApi,
    patch_shape: Sequence[int] = (16, 128, 128),
    channels: int = 1,
    filters: Sequence[int] = (64, 128, 256, 512),
    in_plane_poolings: int = 0,
    *,
    dtype: str = "float32",
) -> "keras.Model":
    """Builds the 3-D U-Net, on patches of one shape.

    Pairs of (3×3×3 convolution, batch normalisation, ReLU). Going down, the
    first of a pair has half the channels of the second, so that they double
    before the pooling; going up, both have those of the level. With
    c(a, b) = 27ab + 3b for a convolution with its normalisation and
    u(a) = 8a² + a for a 2×2×2 transposed convolution, the default has

        down    c(1, 32) c(32, 64)                                      56,448
                c(64, 64) c(64, 128)                                   332,352
                c(128, 128) c(128, 256)                              1,328,256
        bottom  c(256, 256) c(256, 512)                              5,310,720
        up      u(512) c(512 + 256, 256) c(256, 256)                 9,177,088
                u(256) c(256 + 128, 128) c(128, 128)                 2,294,784
                u(128) c(128 + 64, 64) c(64, 64)                       573,952
                1×1×1 convolution                                           65

    together 19,073,665 trainable parameters. The paper's 19,069,955 are the
    same network with three channels in and three classes out (1,858 more),
    less what it does not count: two parameters a channel of each normalisation
    (4,672) and the biases of the transposed convolutions (896). "Same" padding
    keeps the shape of a patch; the paper crops.

    Args:
      api: What offers the layers, see `blocks.LayerApi`.
      patch_shape: Depth, height and width of a patch in voxels, each a
        multiple of what the poolings divide it by.
      channels: Image channels.
      filters: Channels at each level, the finest first.
      in_plane_poolings: So many of the first poolings, and the transposed
        convolutions opposite, leave the depth alone. Slices that are several
        times as thick as their pixels are wide come nearer to cubes by it
        before anything is pooled across them. With 1 there are 19,008,129
        parameters: the last transposed convolution is 1×2×2.
      dtype: Keras dtype policy, "float32" or "mixed_bfloat16". The logits are
        float32 in either.

    Returns:
      A model from (b, d, h, w, channels) images to (b, d, h, w, 1) float32
      logits.

    Raises:
      ValueError: An argument of another type or out of range.
    """
    filters = blocks.check_filters(filters, blocks.MAX_FILTERS_3D)
    channels = blocks.check_whole_number(
        "channels", channels, blocks.MAX_CHANNELS
    )
    strides = _strides(len(filters) - 1, in_plane_poolings)
    patch_shape = blocks.check_patch_shape(
        patch_shape, pooling_factors(len(filters), in_plane_poolings)
    )

    image = api.Input((*patch_shape, channels), name="image")

    # Encoder
    x = image
    skips = []
    for level, number in enumerate(filters[:-1], start=1):
        x = _pair(
            api, x, _half(number), number, name=f"encoder_{level}", dtype=dtype
        )
        skips.append(x)
        x = api.layers.MaxPooling3D(
            strides[level - 1], dtype=dtype, name=f"encoder_{level}_pool"
        )(x)

    # Bottom
    x = _pair(
        api, x, _half(filters[-1]), filters[-1], name="bottom", dtype=dtype
    )

    # Decoder
    for level in range(len(filters) - 1, 0, -1):
        name = f"decoder_{level}"
        stride = strides[level - 1]
        x = api.layers.Conv3DTranspose(
            filters[level],
            stride,
            strides=stride,
            dtype=dtype,
            name=f"{name}_upsample",
        )(x)
        x = api.layers.Concatenate(dtype=dtype, name=f"{name}_skip")(
            [skips[level - 1], x]
        )
        number = filters[level - 1]
        x = _pair(api, x, number, number, name=name, dtype=dtype)

    # float32 under every policy, see the U-Net.
    logits = api.layers.Conv3D(1, 1, dtype="float32", name="logits")(x)
    return api.Model(image, logits, name="unet3d")


def pooling_factors(
    levels: int, in_plane_poolings: int
) -> tuple[int, int, int]:
    """Returns what depth, height and width of a patch are divided by."""
    in_plane = 2 ** (levels - 1)
    return in_plane // 2**in_plane_poolings, in_plane, in_plane


def _strides(
    poolings: int, in_plane_poolings: object
) -> list[tuple[int, int, int]]:
    if in_plane_poolings != 0 or isinstance(in_plane_poolings, bool):
        blocks.check_whole_number(
            "in_plane_poolings", in_plane_poolings, poolings
        )
    return [
        (1 if index < in_plane_poolings else 2, 2, 2)
        for index in range(poolings)
    ]


def _half(number: int) -> int:
    return max(1, number // 2)


def _pair(
    api: blocks.LayerApi,
    x: "keras.KerasTensor",
    first: int,
    second: int,
    *,
    name: str,
    dtype: str,
) -> "keras.KerasTensor":
    for index, filters in ((1, first), (2, second)):
        prefix = f"{name}_{index}"
        x = api.layers.Conv3D(
            filters, 3, padding="same", dtype=dtype, name=f"{prefix}_conv"
        )(x)
        x = blocks.norm_relu(api, x, name=prefix, dtype=dtype)
    return x
