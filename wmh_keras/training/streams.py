"""The stream of batches that a config asks for."""

from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import UsageError
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import patch_store
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.batch_share import share_of
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.input_pipeline import TrainingStream
from wmh_keras.training.lesion_masks import LesionMasks
from wmh_keras.training.patch_changes import PatchChanges
from wmh_keras.training.patch_store import open_patch_store
from wmh_keras.training.patch_stream import PatchStream
from wmh_keras.training.thick_slices import ThickSlices

Stream = TrainingStream | PatchStream


def training_stream(
    data: PreparedData,
    records: Sequence[VolumeRecord],
    config: TrainingConfig,
    fingerprint: str,
    group: ProcessGroup,
    lesion_masks: LesionMasks | None = None,
) -> Stream:
    """Returns the batches to fit, augmented as the config says.

    Where patches are fitted, their volumes are prepared first, in the work
    folder: by the first of several processes, while the others wait.

    Args:
      data: The prepared data.
      records: Volumes to fit.
      config: The training.
      fingerprint: Stands for the volumes, their preparation and the masks.
      group: The processes that train together; each makes its part.
      lesion_masks: Of other patients, to be painted.

    Raises:
      UserError: No room for the volumes, or no use for the masks.
      UsageError: Heads are asked for that cannot be drawn on this data.
      UsageError: Lesions cannot be painted into such data.
    """
    if config.synthetic_head and data.preprocess_config.padding != "background":
        raise UsageError(
            "--synthetic_head: expected data prepared with "
            "--padding=background, where what lies outside a stripped brain "
            f"is the same everywhere, received {config.data_dir} with "
            f"--padding={data.preprocess_config.padding}"
        )
    augmentation = augmentation_of(config, data.preprocess_config.padding)
    share = share_of(config.global_batch_size, group)
    if not config.patch_size:
        return TrainingStream(
            data,
            records,
            config.global_batch_size,
            config.seed,
            augmentation,
            share,
            config.augment_on,
        )
    channels = data.preprocess_config.channels
    if config.painted_lesions and len(channels) > 1:
        raise UsageError(
            "--painted_lesions: expected 0 for data of several channels, "
            f"received {config.painted_lesions} for {', '.join(channels)}; "
            "lesions are painted as FLAIR alone shows them"
        )
    folder = Path(config.workdir) / patch_store.FOLDER
    if not group.is_first:
        group.gather()
    store = open_patch_store(folder, data, records, fingerprint, lesion_masks)
    if group.is_first:
        group.gather()
    return PatchStream(
        store=store,
        records=records,
        patch_size=config.patch_size,
        global_batch_size=config.global_batch_size,
        seed=config.seed,
        lesion_patches=config.lesion_patches,
        patch_shift=config.patch_shift,
        augmentation=augmentation,
        changes=PatchChanges(
            ThickSlices(
                config.thick_slices,
                config.thick_from_mm,
                config.thick_to_mm,
                config.thick_label_share,
            ),
            config.synthetic_head,
            config.painted_lesions,
        ),
        share=share,
        augment_on=config.augment_on,
        evenly=config.sample_evenly,
    )


def augmentation_of(config: TrainingConfig, padding: str) -> AugmentationConfig:
    """Returns what a training changes at random in its slices.

    Args:
      config: The training.
      padding: Padding rule of the prepared slices.
    """
    return AugmentationConfig(
        vertical_flip=config.vertical_flip,
        horizontal_flip=config.horizontal_flip,
        rotation_degrees=config.rotation_degrees,
        contrast=config.contrast,
        scaling=config.scaling,
        translation=config.translation,
        noise_std=config.noise_std,
        probability=config.augmentation_probability,
        padding=padding,
        gamma=config.gamma,
        bias_field=config.bias_field,
        blur_px=config.blur_px,
        sharpening=config.sharpening,
        motion_ghosts=config.motion_ghosts,
    )
