"""Which flags of a training go together."""

import dataclasses
from typing import TYPE_CHECKING

from data_prep.errors import UsageError
from wmh_keras.training.flag_fields import format_value

if TYPE_CHECKING:
    from wmh_keras.training.config import TrainingConfig

# What says how patches are drawn, and means nothing for whole slices.
_FOR_PATCHES = (
    "sample_evenly",
    "lesion_patches",
    "patch_shift",
    "thick_slices",
    "thick_from_mm",
    "thick_to_mm",
    "thick_label_share",
    "synthetic_head",
    "painted_lesions",
    "lesion_masks",
)
# Augmentations that are there for 2-D slices and patches.
_APPEARANCE = ("gamma", "bias_field", "blur_px", "motion_ghosts")


def check_together(config: "TrainingConfig") -> None:
    """Checks flags that each are in their range against one another.

    Raises:
      UsageError: Some do not go together; names one of them.
    """
    if config.learning_rate == 0:
        raise UsageError("--learning_rate: expected above 0, received 0")
    if config.validation_every > config.epochs:
        raise UsageError(
            f"--validation_every: expected at most the {config.epochs} "
            f"epochs, received {config.validation_every}; the model that is "
            "kept is chosen by validation"
        )
    _check_patches(config)


def _check_patches(config: "TrainingConfig") -> None:
    if len(config.patch_size) not in (0, 2, 3):
        raise UsageError(
            "--patch_size: expected height,width or depth,height,width, "
            f"received {format_value(config.patch_size)}"
        )
    if len(config.patch_size) == 3 and config.augment_on == "device":
        raise UsageError(
            "--augment_on: expected host for 3-D patches, which are "
            "augmented there only, received device"
        )
    _check_what_is_for_2d(config)
    for field in dataclasses.fields(config):
        is_set = getattr(config, field.name) != field.default
        if field.name in _FOR_PATCHES and is_set and not config.patch_size:
            raise UsageError(
                f"--{field.name}: expected only with --patch_size, which "
                "is empty: whole slices are fitted"
            )
    if config.lesion_masks and not config.painted_lesions:
        raise UsageError(
            "--lesion_masks: expected only with --painted_lesions, which "
            "says how many patches are painted"
        )


def _check_what_is_for_2d(config: "TrainingConfig") -> None:
    if config.thick_from_mm > config.thick_to_mm:
        raise UsageError(
            f"--thick_from_mm: expected at most --thick_to_mm "
            f"({config.thick_to_mm}), received {config.thick_from_mm}"
        )
    if len(config.patch_size) == 3 and config.thick_slices:
        raise UsageError(
            "--thick_slices: expected 0 for 3-D patches, received "
            f"{config.thick_slices}; only 2-D patches can be thickened"
        )
    if len(config.patch_size) == 3 and config.synthetic_head:
        raise UsageError(
            "--synthetic_head: expected 0 for 3-D patches, received "
            f"{config.synthetic_head}; heads are drawn in 2-D patches only"
        )
    if len(config.patch_size) == 3 and config.lesion_masks:
        raise UsageError(
            "--lesion_masks: expected only with 2-D patches, since lesions "
            f"are painted into those alone, received "
            f"--patch_size={format_value(config.patch_size)}"
        )
    if len(config.patch_size) == 3 and config.painted_lesions:
        raise UsageError(
            "--painted_lesions: expected 0 for 3-D patches, received "
            f"{config.painted_lesions}; lesions are painted into 2-D ones only"
        )
    if config.sharpening and not config.blur_px:
        raise UsageError(
            "--sharpening: expected only with --blur_px, which is the scale "
            "of the edges that are sharpened"
        )
    for name in _APPEARANCE:
        if getattr(config, name) and len(config.patch_size) == 3:
            raise UsageError(
                f"--{name}: expected 0 for 3-D patches, received "
                f"{getattr(config, name)}"
            )
