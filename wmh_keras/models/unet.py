"""The 2-D U-Net of Shan et al. 2021 ("DLS", doi 10.3389/fmed.2021.681183)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmh_keras.models import blocks

if TYPE_CHECKING:
    import keras


def build_unet(
    api: blocks.LayerApi,
    side: int | None = 384,
    channels: int = 1,
    filters: Sequence[int] = (16, 32, 64, 128, 256),
    *,
    dtype: str = "float32",
) -> "keras.Model":
    """Builds the U-Net: double convolutions, pooled down and upsampled back.

    With the default arguments it has 1,965,281 trainable parameters: nine
    blocks of two convolutions, and one 1×1 convolution: the paper's 19 layers.

    Args:
      api: What offers the layers, see `blocks.LayerApi`.
      side: Side of the slices in pixels, a multiple of 2**(levels - 1), or
        None to take any such side.
      channels: Image channels of a slice.
      filters: Channels at each level, the finest first.
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

    image = api.Input((side, side, channels), name="image")

    # Encoder
    x = image
    skips = []
    for level, number in enumerate(filters[:-1], start=1):
        x = blocks.double_convolution(
            api, x, number, name=f"encoder_{level}", dtype=dtype
        )
        skips.append(x)
        x = api.layers.MaxPooling2D(dtype=dtype, name=f"encoder_{level}_pool")(
            x
        )

    # Bottom
    x = blocks.double_convolution(
        api, x, filters[-1], name="bottom", dtype=dtype
    )

    # Decoder
    for level in range(len(filters) - 1, 0, -1):
        name = f"decoder_{level}"
        x = api.layers.UpSampling2D(
            interpolation="bilinear", dtype=dtype, name=f"{name}_upsample"
        )(x)
        x = api.layers.Concatenate(dtype=dtype, name=f"{name}_skip")(
            [skips[level - 1], x]
        )
        x = blocks.double_convolution(
            api, x, filters[level - 1], name=name, dtype=dtype
        )

    # Half precision would round the probabilities that the loss and the
    # threshold see, so the last layer is float32 under every policy.
    logits = api.layers.Conv2D(1, 1, dtype="float32", name="logits")(x)
    return api.Model(image, logits, name="unet")
