"""The augmentation of slices on the device, within the compiled step.

What changes is drawn on the host, by the functions of `augmentation`, and
comes with the batch: a few numbers a slice. The device moves the pixels and
draws the noise. So a batch is changed as on the host, to rounding errors, but
for the values of the noise, which come from the slice's own seed; several
devices change their share of the batch each.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from wmh_keras.training.augmentation import (
    random_factors,
    random_matrices,
)
from wmh_keras.training.augmentation_appearance import draw_appearance
from wmh_keras.training.augmentation_config import (
    AugmentationConfig,
    random_choice,
)
from wmh_keras.training.device_appearance import change_appearance

Tensor = keras.KerasTensor  # or that of the backend


@dataclasses.dataclass(frozen=True)
class DeviceAugmentation:
    """What the device does to a batch.

    Attributes:
      config: The augmentation.
      size: (h, w) of what is fitted; what was read beyond it on every side,
        so that no corner stays empty, is cut off in the end.
    """

    config: AugmentationConfig
    size: tuple[int, int]

    def apply(
        self,
        image: Tensor,
        mask: Tensor,
        changes: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Changes a batch, in operations of the backend.

        Args:
          image: (b, h, w, c) float16 or float32, z-scored.
          mask: (b, h, w, 1) uint8 with the labels 0, 1, 2.
          changes: From draw_changes.

        Returns:
          Image (b, *size, c) and mask (b, *size, 1), float32.
        """
        config = self.config
        image, mask = ops.cast(image, "float32"), ops.cast(mask, "float32")
        if config.moves:
            matrices = changes["matrix"]
            fill = rim_median(image) if config.padding == "background" else 0.0
            image = _project(image - fill, matrices, "bilinear") + fill
            mask = _project(mask, matrices, "nearest")
        if config.contrast and config.probability:
            image = image * changes["contrast"][:, None, None, None]
        if config.changes_appearance and config.probability:
            image = change_appearance(image, changes, config)
        if config.noise_std and config.probability:
            noise = _standard_normal(image.shape, changes["noise_seed"])
            image = image + noise * changes["noise_std"][:, None, None, None]
        y, x = (
            slice((read - kept) // 2, (read + kept) // 2)
            for read, kept in zip(image.shape[1:3], self.size, strict=True)
        )
        return image[:, y, x], mask[:, y, x]


def draw_changes(
    count: tf.Tensor,
    size: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
) -> dict[str, tf.Tensor]:
    """Draws the changes that `augment` makes for the same seed.

    Args:
      count: Slices.
      size: (2,) height and width of what is moved.
      seed: (2,) integer.
      config: What to draw.

    Returns:
      Float32 but for the seeds: matrix (b, 8), contrast (b,) factors,
      noise_std (b,), 0 for slices without, and noise_seed (b, 2) int32;
      and what `draw_appearance` gives.
    """
    moving, contrast, noise = tf.unstack(tf.random.split(seed, 3))
    return {
        "matrix": random_matrices(count, size, moving, config),
        "contrast": random_factors(count, contrast, config),
        "noise_std": tf.where(
            random_choice(count, noise, config), config.noise_std, 0.0
        ),
        "noise_seed": tf.random.stateless_uniform(
            (count, 2), tf.random.fold_in(noise, 2), None, None, tf.int32
        ),
        **draw_appearance(count, tf.random.fold_in(seed, 1), config),
    }


def augment_in_step(
    model: keras.Model, augmentation: DeviceAugmentation
) -> None:
    """Makes the training step of a compiled model augment its batch first.

    The batches are (image, mask, changes) then. The model stays what it is:
    no layer, no weight and no name is added, and nothing of it is saved.
    """
    step = model.train_step

    # On JAX a step takes the state of the training as well.
    def train_step(*arguments: Any) -> Any:  # noqa: ANN401
        *state, batch = arguments
        return step(*state, augmentation.apply(*batch))

    # Keras compiles what it finds under this name. A subclass could not wrap
    # a finished model without renaming its variables.
    model.train_step = train_step


def rim_median(image: Tensor) -> Tensor:
    """Returns (b, 1, 1, c): the median of each slice's outermost pixels."""
    rim = ops.concatenate(
        [image[:, 0], image[:, -1], image[:, 1:-1, 0], image[:, 1:-1, -1]],
        axis=1,
    )
    return ops.sort(rim, axis=1)[:, rim.shape[1] // 2][:, None, None, :]


def _project(array: Tensor, matrices: Tensor, interpolation: str) -> Tensor:
    return ops.image.affine_transform(
        array,
        matrices,
        interpolation=interpolation,
        fill_mode="constant",
        fill_value=0.0,
        data_format="channels_last",
    )


def _standard_normal(shape: tuple[int, ...], seeds: Tensor) -> Tensor:
    """Draws noise of a shape (b, …) from the seeds (b, 2) int32."""
    draw = _draw_jax if keras.backend.backend() == "jax" else _draw_tensorflow
    return draw(shape, seeds)


def _draw_jax(shape: tuple[int, ...], seeds: Tensor) -> Tensor:
    import jax

    # A seed a slice: each device draws for its own slices, without the others.
    keys = jax.random.wrap_key_data(seeds.astype("uint32"), impl="threefry2x32")
    return jax.vmap(lambda key: jax.random.normal(key, shape[1:]))(keys)


def _draw_tensorflow(shape: tuple[int, ...], seeds: Tensor) -> Tensor:
    return tf.random.stateless_normal(shape, seeds[0])
