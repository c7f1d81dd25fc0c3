"""Changes to how slices look that the paper does not make.

For scans from scanners that the training has not seen: another contrast curve
(gamma), an uneven coil (bias field), a coarser image (blur), a head that moved
(ghosts). Each slice gets each of them by itself, with the probability of the
others; strengths of 0 turn them off.
"""

import math

import tensorflow as tf

from wmh_keras.training.augmentation_config import (
    AugmentationConfig,
    random_choice,
)

# Sides of the coarse grid whose bicubic interpolation is the bias field.
FIELD = 4
# Ghosts lie so far apart where the motion is in step with the acquisition.
_IN_STEP = (1 / 2, 1 / 3, 1 / 4)


def change_appearance(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Changes a batch, every slice in its own way.

    Args:
      image: (b, h, w, c) float32, z-scored.
      seed: (2,) integer; the same seed gives the same result.
      config: What to do. With everything at 0 the result is the input.

    Returns:
      The same shape and type.
    """
    if not config.probability:
        return image
    seeds = _seeds(seed)
    if config.blur_px:
        image = blur(image, seeds["blur"], config)
    if config.motion_ghosts:
        image = add_ghosts(image, seeds["ghosts"], config)
    if config.bias_field:
        image = add_bias_field(image, seeds["bias"], config)
    if config.gamma:
        image = change_gamma(image, seeds["gamma"], config)
    return image


def draw_appearance(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> dict[str, tf.Tensor]:
    """Draws the changes that `change_appearance` makes for the same seed.

    Args:
      count: Slices.
      seed: (2,) integer.
      config: What to draw.

    Returns:
      Float32, of what the config asks for: blur_share (b,), ghosts (b, 4)
      with the real and the imaginary part of their weight and the shares of
      height and width that they are shifted by, bias_nodes (b, 4, 4, 1) and
      gamma_power (b,). Slices that go without a change have what changes
      nothing: 0, but for a power of 1.
    """
    if not config.probability:
        return {}
    seeds, drawn = _seeds(seed), {}
    if config.blur_px:
        drawn["blur_share"] = _blur_shares(count, seeds["blur"], config)
    if config.motion_ghosts:
        chosen, ghosts = _draw_ghosts(count, seeds["ghosts"], config)
        places = tf.stack([tf.cast(count, tf.int64), 4])
        drawn["ghosts"] = tf.scatter_nd(chosen, ghosts, places)
    if config.bias_field:
        drawn["bias_nodes"] = _bias_nodes(count, seeds["bias"], config)
    if config.gamma:
        drawn["gamma_power"] = _gamma_powers(count, seeds["gamma"], config)
    return drawn


def _seeds(seed: tf.Tensor) -> dict[str, tf.Tensor]:
    blur_seed, bias, gamma = tf.unstack(tf.random.split(seed, 3))
    ghosts = tf.random.fold_in(seed, 3)
    return {"blur": blur_seed, "bias": bias, "gamma": gamma, "ghosts": ghosts}


def change_gamma(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Bends the contrast curve; mean and deviation of each slice stay.

    With t the intensity as a share of the slice's range, t becomes
    t ** exp(u), u uniform within ± gamma.
    """
    powers = _gamma_powers(tf.shape(image)[0], seed, config)
    power = powers[:, None, None, None]
    low = tf.reduce_min(image, (1, 2), keepdims=True)
    span = tf.maximum(tf.reduce_max(image, (1, 2), keepdims=True) - low, 1e-6)
    bent = ((image - low) / span) ** power
    mean, variance = tf.nn.moments(image, (1, 2), keepdims=True)
    mean_2, variance_2 = tf.nn.moments(bent, (1, 2), keepdims=True)
    scale = tf.sqrt(variance / tf.maximum(variance_2, 1e-12))
    changed = (bent - mean_2) * scale + mean
    return tf.where(power != 1, changed, image)


def _gamma_powers(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Draws (count,) powers."""
    amounts = tf.random.stateless_uniform((count,), seed, -1.0, 1.0)
    amounts = tf.where(random_choice(count, seed, config), amounts, 0.0)
    return tf.exp(config.gamma * amounts)


def add_bias_field(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Multiplies by a smooth field of 1 ± bias_field, from the darkest pixel.

    The darkest pixel stands for no signal, which no coil changes.
    """
    count, height, width = tf.unstack(tf.shape(image)[:3])
    nodes = _bias_nodes(count, seed, config)
    field = tf.image.resize(nodes, (height, width), "bicubic")
    low = tf.reduce_min(image, (1, 2), keepdims=True)
    return image + (image - low) * field


def _bias_nodes(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Draws the nodes (count, FIELD, FIELD, 1) of each slice's field."""
    nodes = tf.random.stateless_uniform(
        (count, FIELD, FIELD, 1), seed, -1.0, 1.0
    )
    gets_it = random_choice(count, seed, config)[:, None, None, None]
    return config.bias_field * tf.where(gets_it, nodes, 0.0)


def blur(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Mixes each slice with its Gaussian blur of standard deviation blur_px.

    The share of the blurred one is uniform within -sharpening and 1; below 0
    it is an unsharp mask.
    """
    share = _blur_shares(tf.shape(image)[0], seed, config)
    channels = image.shape[-1]
    reach = blur_reach(config)
    offsets = tf.range(-reach, reach + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * (offsets / config.blur_px) ** 2)
    weights /= tf.reduce_sum(weights)
    blurred = tf.pad(
        image, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "SYMMETRIC"
    )
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = tf.tile(tf.reshape(weights, shape), (1, 1, channels, 1))
        blurred = tf.nn.depthwise_conv2d(blurred, kernel, (1, 1, 1, 1), "VALID")
    return image + share[:, None, None, None] * (blurred - image)


def blur_reach(config: AugmentationConfig) -> int:
    """Returns how many pixels to either side a blur mixes."""
    return math.ceil(3 * config.blur_px)


def _blur_shares(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Draws (count,) shares of the blurred slice."""
    low = -config.sharpening
    share = low + (1 - low) * tf.random.stateless_uniform((count,), seed)
    return tf.where(random_choice(count, seed, config), share, 0.0)


def add_ghosts(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Adds two ghosts, one on either side, as of a head that moved.

    They are copies of the slice, shifted along x or y, the axis of the phase
    encoding, by a half, a third, a quarter or any share of the side up to a
    half; what leaves at one end comes in at the other. The signal above the
    darkest pixel a becomes |a + w exp(i p) g|, with g the mean of the two
    copies, w uniform within 0 and motion_ghosts, and p any phase, so that
    ghosts darken the head as often as they brighten it. Then it is scaled:
    the mean of each slice stays.
    """
    # Only those that get it, as what is shifted is copied.
    chosen, ghosts = _draw_ghosts(tf.shape(image)[0], seed, config)
    picked = tf.gather_nd(image, chosen)
    real, imaginary, share_y, share_x = tf.unstack(ghosts, axis=1)
    real, imaginary = (part[:, None, None, None] for part in (real, imaginary))
    low = tf.reduce_min(picked, (1, 2), keepdims=True)
    signal = picked - low
    there, back = (
        _roll(signal, sign * share_y, sign * share_x) for sign in (1, -1)
    )
    ghost = (there + back) / 2
    moved = tf.sqrt((signal + real * ghost) ** 2 + (imaginary * ghost) ** 2)
    level, level_2 = (
        tf.reduce_mean(values, (1, 2), keepdims=True)
        for values in (signal, moved)
    )
    moved *= level / tf.maximum(level_2, 1e-6)
    return tf.tensor_scatter_nd_update(image, chosen, moved + low)


def _draw_ghosts(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws who gets ghosts, (n, 1) int64, and these, (n, 4) float32."""
    chosen = tf.where(random_choice(count, seed, config))
    draws = tf.random.stateless_uniform((5, tf.shape(chosen)[0]), seed)
    weight, phase = config.motion_ghosts * draws[0], 2 * math.pi * draws[1]
    kinds = (*_IN_STEP, 0.0)
    share = tf.gather(kinds, tf.cast(draws[2] * len(kinds), tf.int32))
    share = tf.where(share > 0, share, 0.5 * draws[3])
    along_y = tf.cast(draws[4] < 0.5, tf.float32)
    parts = [weight * turn(phase) for turn in (tf.cos, tf.sin)]
    shifts = [share * along_y, share * (1 - along_y)]
    return chosen, tf.stack([*parts, *shifts], axis=1)


def _roll(
    image: tf.Tensor, share_y: tf.Tensor, share_x: tf.Tensor
) -> tf.Tensor:
    """Rolls each of (b, h, w, c) by shares (b,) of its own height and width."""
    for axis, share in ((1, share_y), (2, share_x)):
        size = tf.shape(image)[axis]
        shift = tf.cast(tf.round(share * tf.cast(size, tf.float32)), tf.int32)
        places = (tf.range(size)[None] - shift[:, None]) % size
        image = tf.gather(image, places, axis=axis, batch_dims=1)
    return image
