"""uResNet: Guerrero et al., NeuroImage: Clinical 2018, 17:918-934.

doi 10.1016/j.nicl.2017.12.022. One logit here instead of their three classes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmh_keras.models import blocks

if TYPE_CHECKING:
    import keras


def build_u_resnet(
    api: blocks.LayerApi,
    side: int | None = None,
    channels: int = 1,
    filters: Sequence[int] = (32, 64, 128, 256),
    figure_variant: bool = False,
    *,
    dtype: str = "float32",
) -> "keras.Model":
    """Builds the network: residual elements, pooled down and brought back up.

    An element is ReLU(BN(3×3 convolution(x) + 1×1 convolution(x))), so that
    element(a, b) has 10ab + 4b trainable parameters; a 3×3 transposed
    convolution from a to b has 9ab + b. The default has

        elements down  (1, 32) (32, 64) (64, 128) (128, 256)       432,320
        lowest level   up(256, 128), element (128, 128)            459,392
        then           element (128, 128), up(128, 64)             238,144
                       element (64, 64), up(64, 32)                 59,680
                       element (32, 32), 1×1 convolution            10,401

    together 1,199,937. A skip connection is added before each element of the
    last three lines.

    The figure of the paper draws other numbers than its text gives: the
    element below the second transposed convolution already narrows to 64, and
    this convolution keeps 64: 1,080,897 parameters. Two public
    reimplementations differ in just this (`uResNet_guerrero` follows the
    figure, `uResNet_unofficial` the text, and calls the figure wrong); they
    are our source for it.

    Args:
      api: What offers the layers, see `blocks.LayerApi`.
      side: Side of the slices in pixels, a multiple of 2**(levels - 1), or
        None to take any such side: it is trained on patches and applied to
        whole slices.
      channels: Image channels of a slice.
      filters: Channels at each level, the finest first.
      figure_variant: Whether the decoder narrows as in the paper's figure.
      dtype: Keras dtype policy, "float32" or "mixed_bfloat16". The logits are
        float32 in either.

    Returns:
      A model from (b, side, side, channels) images to (b, side, side, 1)
      float32 logits.

    Raises:
      ValueError: An argument of another type or out of range.
    """
    filters = blocks.check_filters(filters)
    side = blocks.check_side(side, 2 ** (len(filters) - 1))
    channels = blocks.check_whole_number(
        "channels", channels, blocks.MAX_CHANNELS
    )
    figure_variant = blocks.check_boolean("figure_variant", figure_variant)

    image = api.Input((side, side, channels), name="image")

    # Encoder
    x = image
    skips = []
    for level, number in enumerate(filters[:-1], start=1):
        x = _element(api, x, number, name=f"encoder_{level}", dtype=dtype)
        skips.append(x)
        x = api.layers.MaxPooling2D(dtype=dtype, name=f"encoder_{level}_pool")(
            x
        )

    # Bottom
    x = _element(api, x, filters[-1], name="bottom", dtype=dtype)

    # Decoder
    for level in range(len(filters) - 1, 0, -1):
        name = f"decoder_{level}"
        number = filters[level - 1]
        x = api.layers.Conv2DTranspose(
            number,
            3,
            strides=2,
            padding="same",
            dtype=dtype,
            name=f"{name}_upsample",
        )(x)
        is_lowest = level == len(filters) - 1
        if is_lowest:
            x = _element(api, x, number, name=f"{name}_1", dtype=dtype)
        x = api.layers.Add(dtype=dtype, name=f"{name}_skip")(
            [skips[level - 1], x]
        )
        narrows = figure_variant and is_lowest and level > 1
        x = _element(
            api,
            x,
            filters[level - 2] if narrows else number,
            name=f"{name}_2" if is_lowest else name,
            dtype=dtype,
        )

    # float32 under every policy, see the U-Net.
    logits = api.layers.Conv2D(1, 1, dtype="float32", name="logits")(x)
    return api.Model(image, logits, name="u_resnet")


def _element(
    api: blocks.LayerApi,
    x: "keras.KerasTensor",
    filters: int,
    *,
    name: str,
    dtype: str,
) -> "keras.KerasTensor":
    wide = api.layers.Conv2D(
        filters, 3, padding="same", dtype=dtype, name=f"{name}_conv"
    )(x)
    direct = api.layers.Conv2D(
        filters, 1, dtype=dtype, name=f"{name}_shortcut"
    )(x)
    x = api.layers.Add(dtype=dtype, name=f"{name}_sum")([wide, direct])
    return blocks.norm_relu(api, x, name=name, dtype=dtype)
