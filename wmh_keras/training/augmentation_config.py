"""What is changed at random in training slices, and the draw of who gets it."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """How strong each augmentation is; 0 turns one off.

    The first seven are the paper's.

    Attributes:
      vertical_flip: Probability, 0 to 1.
      horizontal_flip: Probability, 0 to 1; swaps left and right.
      rotation_degrees: Largest angle, either way.
      contrast: Largest share by which intensities grow or shrink.
      scaling: Largest share by which the content grows or shrinks.
      translation: Largest shift, as a share of the side, in y and in x.
      noise_std: Standard deviation of the noise, in those of the volume.
      probability: Probability that a slice gets one of those that are no
        flip, each drawn by itself.
      padding: Padding rule of the prepared slices, "zero" or "background":
        what comes in from outside the slice looks like its padding.
      translation_z: Of 3-D patches: largest shift along z, as a share of the
        depth; None takes that of the other axes.
      gamma: Of 2-D slices: largest natural logarithm, either way, of the
        power that bends the contrast curve.
      bias_field: Of 2-D slices: largest share by which a smooth field
        changes the intensity.
      blur_px: Of 2-D slices: standard deviation of the strongest blur, in
        pixels.
      sharpening: Of 2-D slices: largest share of what that blur takes away
        that is added instead.
      motion_ghosts: Of 2-D slices: largest weight of the ghosts, 0 to 1.
    """

    vertical_flip: float = 0.0
    horizontal_flip: float = 0.0
    rotation_degrees: float = 0.0
    contrast: float = 0.0
    scaling: float = 0.0
    translation: float = 0.0
    noise_std: float = 0.0
    probability: float = 1.0
    padding: str = "zero"
    translation_z: float | None = None
    gamma: float = 0.0
    bias_field: float = 0.0
    blur_px: float = 0.0
    sharpening: float = 0.0
    motion_ghosts: float = 0.0

    @property
    def changes_appearance(self) -> bool:
        """Whether there is more than the paper's seven."""
        return any(
            (self.gamma, self.bias_field, self.blur_px, self.motion_ghosts)
        )

    @property
    def moves(self) -> bool:
        """Whether anything changes the geometry."""
        return any(
            (
                self.vertical_flip,
                self.horizontal_flip,
                self.rotation_degrees and self.probability,
                self.scaling and self.probability,
                self.translation and self.probability,
            )
        )


def random_choice(
    count: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tf.Tensor:
    """Draws which of `count` slices get a change: (count,) bool."""
    chances = tf.random.stateless_uniform((count,), tf.random.fold_in(seed, 1))
    return chances < config.probability
