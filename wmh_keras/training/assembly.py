"""The parts of a training, each from its config."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from data_prep.errors import UserError
from wmh_keras import distribution
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.model_info import ModelInfo, subject_digest
from wmh_keras.models import build_model
from wmh_keras.training.augmentation import AugmentationConfig
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.input_pipeline import TrainingStream
from wmh_keras.training.losses import (
    PixelAccuracy,
    PixelDice,
    VoxelCrossEntropy,
)


def training_stream(
    data: PreparedData, records: Sequence[VolumeRecord], config: TrainingConfig
) -> TrainingStream:
    """Returns the batches to fit, augmented as the config says."""
    augmentation = AugmentationConfig(
        vertical_flip=config.vertical_flip,
        horizontal_flip=config.horizontal_flip,
        rotation_degrees=config.rotation_degrees,
        contrast=config.contrast,
        scaling=config.scaling,
        translation=config.translation,
        noise_std=config.noise_std,
        probability=config.augmentation_probability,
        padding=data.preprocess_config.padding,
    )
    return TrainingStream(
        data, records, config.global_batch_size, config.seed, augmentation
    )


def network_arguments(
    data: PreparedData, config: TrainingConfig
) -> dict[str, Any]:
    """Returns the arguments of the network, which follow from the data.

    Raises:
      UserError: `--side` is not the side of the slices.
    """
    side = data.preprocess_config.side
    if config.side not in (0, side):
        raise UserError(
            f"--side={config.side}: the slices in {config.data_dir} have side "
            f"{side}; leave --side out, or prepare the data with "
            f"--side={config.side}"
        )
    return {
        "side": side,
        "channels": len(data.preprocess_config.channels),
        "filters": list(config.filters),
    }


def model_info(
    config: TrainingConfig,
    data: PreparedData,
    arguments: Mapping[str, Any],
    records: Sequence[VolumeRecord],
) -> ModelInfo:
    """Returns what belongs to a model of this training, but its scores."""
    subjects = {record.subject_id for record in records}
    return ModelInfo(
        network=config.network,
        network_arguments=arguments,
        preprocess=data.preprocess_config,
        threshold=config.threshold,
        min_lesion_mm3=config.min_lesion_mm3,
        data_identity=data.identity,
        seen_subjects=tuple(sorted(map(subject_digest, subjects))),
    )


def compile_model(
    config: TrainingConfig, arguments: Mapping[str, Any]
) -> keras.Model:
    """Builds and compiles the network.

    Raises:
      UserError: no such network, or arguments that it cannot have.
    """
    try:
        model = build_model(config.network, dtype=config.dtype, **arguments)
    except ValueError as error:
        raise UserError(str(error)) from error
    bias = math.log(config.lesion_prior / (1 - config.lesion_prior))
    model.layers[-1].bias.assign([bias])
    model.compile(
        # Named: Keras would count the optimizers of a process in the names
        # of their variables, by which a checkpoint finds them.
        optimizer=keras.optimizers.Adam(config.learning_rate, name="adam"),
        loss=VoxelCrossEntropy(config.other_pathology),
        metrics=[PixelAccuracy(), PixelDice()],
        # On TensorFlow, XLA halves the speed of convolutions on a CPU.
        jit_compile=config.backend == "jax",
    )
    return model


def describe(
    model: keras.Model,
    data: PreparedData,
    devices: distribution.Devices,
    stream: TrainingStream,
    validation: Sequence[VolumeRecord],
) -> str:
    """Says in two lines what is trained, on what."""
    fitted, validated = (
        f"{len({r.subject_id for r in records})} subjects "
        f"({data.count_slices(records)} slices)"
        for records in (stream.records, validation)
    )
    weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return (
        f"{model.name}, {weights:,} trainable weights, on {devices.count} "
        f"{devices.kind} ({devices.backend}), batches of "
        f"{stream.global_batch_size}\nfitting {fitted}, validating on "
        f"{validated}"
    )
