"""Random changes to training slices, a batch at a time, in TensorFlow.

The two flips, rotation, scaling and translation become one matrix and one
interpolation, which is faster than five and blurs once. Image and mask get the
same matrix. All randomness comes from stateless operations, so that the
changes are a function of the seed alone.
"""

import math

import tensorflow as tf

from wmh_keras.training.augmentation_appearance import change_appearance
from wmh_keras.training.augmentation_config import (
    AugmentationConfig,
    random_choice,
)
from wmh_keras.training.normal_noise import standard_normal


def augment(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augments a batch, every slice in its own way.

    Args:
      image: (b, h, w, c) float32, z-scored.
      mask: (b, h, w) uint8 with the labels 0, 1, 2, which it keeps.
      seed: (2,) integer; the same seed gives the same result.
      config: What to do. With everything at 0 the result is the input, bit
        for bit.

    Returns:
      Image and mask, of the same shapes and types.
    """
    seeds = tf.unstack(tf.random.split(seed, 3))
    if config.moves:
        matrices = random_matrices(
            tf.shape(image)[0], tf.shape(image)[1:3], seeds[0], config
        )
        image, mask = transform(image, mask, matrices, config.padding)
    if config.contrast and config.probability:
        image = change_contrast(image, seeds[1], config)
    if config.changes_appearance:
        image = change_appearance(image, tf.random.fold_in(seed, 1), config)
    if config.noise_std and config.probability:
        image = add_noise(image, seeds[2], config)
    return image, mask


def random_matrices(
    count: tf.Tensor,
    size: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
) -> tf.Tensor:
    """Draws the geometric change of each slice.

    Args:
      count: Slices.
      size: (2,) height and width in pixels.
      seed: (2,) integer.
      config: What to draw.

    Returns:
      (count, 8) float32: a0, a1, a2, b0, b1, b2, 0, 0, as
      ImageProjectiveTransformV3 takes them: output pixel (x, y) shows input
      pixel (a0 x + a1 y + a2, b0 x + b1 y + b2). Flips, rotation and scaling
      leave the centre where it is; the translation comes last.
    """
    amounts = tf.random.stateless_uniform((count, 4), seed, -1.0, 1.0)
    chances = tf.random.stateless_uniform(
        (count, 5), tf.random.fold_in(seed, 1)
    )
    p = config.probability
    rotate, scale, shift = (
        tf.cast(chances[:, k] < p, tf.float32) for k in (0, 1, 2)
    )
    angle = amounts[:, 0] * rotate * math.radians(config.rotation_degrees)
    zoom = 1.0 + amounts[:, 1] * scale * config.scaling
    flip_y = _sign(chances[:, 3] < config.vertical_flip)
    flip_x = _sign(chances[:, 4] < config.horizontal_flip)
    height, width = tf.unstack(tf.cast(size, tf.float32))
    shift_y = amounts[:, 2] * shift * config.translation * height
    shift_x = amounts[:, 3] * shift * config.translation * width

    # Way back from output to input: undo the shift, the rotation and the
    # zoom about the centre, then the flips.
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    a0, a1 = flip_x * cos, -flip_x * sin
    b0, b1 = flip_y * sin, flip_y * cos
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x, from_y = centre_x + shift_x, centre_y + shift_y
    a2 = centre_x - a0 * from_x - a1 * from_y
    b2 = centre_y - b0 * from_x - b1 * from_y
    zero = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)


def transform(
    image: tf.Tensor,
    mask: tf.Tensor,
    matrices: tf.Tensor,
    padding: str = "zero",
) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves image (bilinear) and mask (nearest) by the same matrices.

    Args:
      image: (b, h, w, c) float32.
      mask: (b, h, w) uint8.
      matrices: (b, 8) float32, see random_matrices.
      padding: "zero" fills with 0, the volume's mean, as the preprocessing
        pads; "background" with the median of the slice's rim, channel by
        channel, where the preprocessing takes that of all slices. The mask is
        filled with 0.

    Returns:
      Image and mask, of the same shapes and types.
    """
    if padding == "background":
        fill = rim_median(image)
        moved = project(image - fill, matrices, "BILINEAR") + fill
    else:  # two passes over the batch less
        moved = project(image, matrices, "BILINEAR")
    return moved, _move_labels(mask, matrices)


def _move_labels(mask: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Moves the masks that have a label; of others nothing can move."""
    labelled = tf.where(tf.reduce_max(mask, axis=(1, 2)) > 0)
    moved = project(
        tf.gather_nd(mask, labelled)[..., None],
        tf.gather_nd(matrices, labelled),
        "NEAREST",
    )[..., 0]
    return tf.scatter_nd(labelled, moved, tf.shape(mask, tf.int64))


def project(
    array: tf.Tensor, matrices: tf.Tensor, interpolation: str
) -> tf.Tensor:
    """Moves (b, h, w, c), all channels alike; see random_matrices.

    What comes in from outside is 0.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=array,
        transforms=matrices,
        output_shape=tf.shape(array)[1:3],
        interpolation=interpolation,
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def rim_median(image: tf.Tensor) -> tf.Tensor:
    """Returns (b, 1, 1, c): the median of each slice's outermost pixels."""
    rim = tf.concat(
        [image[:, 0], image[:, -1], image[:, 1:-1, 0], image[:, 1:-1, -1]],
        axis=1,
    )
    ordered = tf.sort(rim, axis=1)
    return ordered[:, tf.shape(ordered)[1] // 2][:, None, None, :]


def change_contrast(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Multiplies each of (b, h, w, c) by a factor of its own."""
    factors = random_factors(tf.shape(image)[0], seed, config)
    return image * factors[:, None, None, None]


def random_factors(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Draws (count,) factors of intensity; 1 for slices that go without."""
    # 0 is the mean of the z-scored volume, so a factor is a contrast.
    amounts = tf.random.stateless_uniform((count,), seed, -1.0, 1.0)
    gets_it = random_choice(count, seed, config)
    return 1.0 + config.contrast * tf.where(gets_it, amounts, 0.0)


def add_noise(
    image: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Adds Gaussian noise to (b, h, w, c)."""
    # Drawing it is much of the work: only for those that get it.
    noisy = tf.where(random_choice(tf.shape(image)[0], seed, config))
    shape = tf.concat([tf.shape(noisy)[:1], tf.shape(image)[1:]], axis=0)
    noise = config.noise_std * standard_normal(shape, seed)
    return tf.tensor_scatter_nd_add(image, noisy, noise)


def _sign(flipped: tf.Tensor) -> tf.Tensor:
    return tf.where(flipped, -1.0, 1.0)
