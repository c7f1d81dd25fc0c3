"""Random changes to 3-D patches: those of the slices, and along z.

Rotation is about z alone, so one affine a patch splits into a plane's and an
axis's: bilinear in the plane times linear along z is trilinear, exactly, and
nearest times nearest is nearest. The plane's part is that of the slices.

There is no rotation out of the plane. Between thick slices it would have to
make up what was never measured: at a slice spacing ten times the width of a
pixel, a tilt of 10 degrees moves the rim of a head by several slices, and
interpolating there smears lesions that are one slice thin.
"""

import tensorflow as tf

from wmh_keras.training.augmentation import (
    add_noise,
    change_contrast,
    project,
    random_matrices,
    rim_median,
)
from wmh_keras.training.augmentation_config import AugmentationConfig


def augment_3d(
    image: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augments a batch of 3-D patches, every patch in its own way.

    Flips along y and x, rotation about z, the same scaling of all three axes
    in voxels, translation along all three (a share of each side), contrast,
    noise.

    Args:
      image: (b, d, h, w, c) float32, z-scored.
      mask: (b, d, h, w) uint8 with the labels 0, 1, 2, which it keeps.
      seed: (2,) integer; the same seed gives the same result.
      config: What to do. With everything at 0 the result is the input, bit
        for bit.

    Returns:
      Image and mask, of the same shapes and types.
    """
    shape = tf.shape(image)
    count, depth, height, width, channels = tf.unstack(shape)
    seeds = tf.unstack(tf.random.split(seed, 3))
    # A patch as one picture whose channels are its slices.
    planes = tf.reshape(
        tf.transpose(image, (0, 2, 3, 1, 4)),
        (count, height, width, depth * channels),
    )
    labels = tf.transpose(mask, (0, 2, 3, 1))
    if config.moves:
        matrices = random_matrices(count, shape[2:4], seeds[0], config)
        positions = random_positions(depth, matrices, seeds[0], config)
        fill = rim_median(planes) if config.padding == "background" else 0.0
        planes = project(planes - fill, matrices, "BILINEAR")
        planes = _move_along_z(planes, positions, channels) + fill
        labels = project(labels, matrices, "NEAREST")
        labels = _move_labels_along_z(labels, positions)
    if config.contrast and config.probability:
        planes = change_contrast(planes, seeds[1], config)
    if config.noise_std and config.probability:
        planes = add_noise(planes, seeds[2], config)
    planes = tf.reshape(planes, (count, height, width, depth, channels))
    return (
        tf.transpose(planes, (0, 3, 1, 2, 4)),
        tf.transpose(labels, (0, 3, 1, 2)),
    )


def random_positions(
    depth: tf.Tensor,
    matrices: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
) -> tf.Tensor:
    """Draws which depth of the input each output slice shows.

    Args:
      depth: Slices of a patch.
      matrices: (b, 8), from random_matrices; they hold the zoom.
      seed: That of the matrices.
      config: What to draw.

    Returns:
      (b, depth) float32 positions along z, in slices.
    """
    count = tf.shape(matrices)[0]
    # Rotation and flips keep lengths, so what is left is the zoom.
    step = tf.sqrt(matrices[:, 0] ** 2 + matrices[:, 1] ** 2)
    if not config.scaling:
        step = tf.ones_like(step)  # not but for a rounding error
    draws = tf.random.stateless_uniform(
        (count, 2), tf.random.fold_in(seed, 2), -1.0, 1.0
    )
    applied = (draws[:, 1] + 1) / 2 < config.probability
    length = tf.cast(depth, tf.float32)
    share = config.translation_z
    if share is None:
        share = config.translation
    shift = draws[:, 0] * share * length
    shift = tf.where(applied, shift, 0.0)
    centre = (length - 1) / 2
    places = tf.range(length)[None] - centre - shift[:, None]
    return places * step[:, None] + centre


def _move_along_z(
    planes: tf.Tensor, positions: tf.Tensor, channels: tf.Tensor
) -> tf.Tensor:
    """Interpolates (b, h, w, depth · c) linearly; 0 outside."""
    shape = tf.shape(planes)
    depth = tf.shape(positions)[1]
    slices = tf.reshape(planes, (shape[0], -1, depth, channels))
    sources = tf.range(tf.cast(depth, tf.float32))
    distance = tf.abs(positions[:, :, None] - sources[None, None])
    weights = tf.maximum(1.0 - distance, 0.0)
    return tf.reshape(tf.einsum("bks,bnsc->bnkc", weights, slices), shape)


def _move_labels_along_z(labels: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Takes the nearest slice of (b, h, w, depth); 0 outside."""
    depth = tf.shape(positions)[1]
    nearest = tf.cast(tf.round(positions), tf.int32)
    inside = (nearest >= 0) & (nearest < depth)
    sources = tf.clip_by_value(nearest, 0, depth - 1)
    # One list of sources a patch, so the slices come to the front.
    moved = tf.gather(
        tf.transpose(labels, (0, 3, 1, 2)), sources, axis=1, batch_dims=1
    )
    moved = tf.where(inside[:, :, None, None], moved, 0)
    return tf.transpose(moved, (0, 2, 3, 1))
