"""The parts of a training, each from its config."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from data_prep.errors import UsageError, UserError
from data_prep.subject_digest import subject_digest
from wmh_keras import distribution
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.model_info import ModelInfo
from wmh_keras.models import blocks, build_model, default_arguments
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.lesion_masks import LesionMasks
from wmh_keras.training.losses import (
    PixelAccuracy,
    PixelDice,
    make_loss,
)
from wmh_keras.training.patch_store import PatchStore
from wmh_keras.training.patch_stream import PatchStream
from wmh_keras.training.streams import Stream
from wmh_keras.training.tensorflow_layers import tensorflow_api

# Flags that are arguments of one network and unknown to the others.
_OF_ONE_NETWORK = ("figure_variant", "in_plane_poolings")


def network_arguments(
    data: PreparedData, config: TrainingConfig
) -> dict[str, Any]:
    """Returns the arguments of the network, which follow from data and flags.

    Raises:
      UserError: No such network, `--side` is not the side of the slices, or
        flags that the network cannot use.
    """
    try:
        defaults = default_arguments(config.network)
    except ValueError as error:
        raise UserError(str(error)) from error
    side = data.preprocess_config.side
    if config.side not in (0, side):
        raise UserError(
            f"--side={config.side}: the slices in {config.data_dir} have side "
            f"{side}; leave --side out, or prepare the data with "
            f"--side={config.side}"
        )
    arguments: dict[str, Any] = {
        "channels": len(data.preprocess_config.channels),
        "filters": list(config.filters or defaults["filters"]),
    }
    for name in _OF_ONE_NETWORK:
        value = getattr(config, name)
        if name in defaults:
            arguments[name] = value
        elif value:
            raise UsageError(
                f"--{name}={value}: {config.network} has no such option; "
                "leave it out, or take another --network"
            )
    _check_patch_size(config, side, is_3d="patch_shape" in defaults)
    if "patch_shape" in defaults:
        return {"patch_shape": list(config.patch_size), **arguments}
    _check_sides(config, side, len(arguments["filters"]))
    # Fitted on patches it has to take whole slices all the same.
    takes_any = bool(config.patch_size) or defaults["side"] is None
    return {"side": None if takes_any else side, **arguments}


def _check_patch_size(config: TrainingConfig, side: int, is_3d: bool) -> None:
    given = ",".join(map(str, config.patch_size))
    if is_3d and len(config.patch_size) != 3:
        raise UsageError(
            f"--patch_size={given}: {config.network} is fitted on 3-D "
            "patches; expected depth,height,width, such as 16,128,128"
        )
    if not is_3d and len(config.patch_size) == 3:
        raise UsageError(
            f"--patch_size={given}: {config.network} works slice by slice; "
            "expected height,width, such as 64,64, or nothing for whole slices"
        )
    if config.patch_size and max(config.patch_size[-2:]) > side:
        raise UsageError(
            f"--patch_size={given}: expected height and width of at most "
            f"{side}, the side of the slices in {config.data_dir}"
        )


def _check_sides(config: TrainingConfig, side: int, levels: int) -> None:
    """Checks that poolings divide what is fitted and what is predicted."""
    for length in (side, *config.patch_size):
        try:
            blocks.check_side(length, 2 ** (levels - 1))
        except ValueError as error:
            flag = "" if length == side else "--patch_size: "
            raise UserError(f"{flag}{error}") from error


def model_info(
    config: TrainingConfig,
    data: PreparedData,
    arguments: Mapping[str, Any],
    training: Sequence[VolumeRecord],
    validation: Sequence[VolumeRecord],
    lesion_masks: LesionMasks | None = None,
) -> ModelInfo:
    """Returns what belongs to a model of this training, but its scores.

    Patients whose lesions are painted have been seen, where they are known.
    """
    painted = lesion_masks.subjects if lesion_masks else ()
    return ModelInfo(
        network=config.network,
        network_arguments=arguments,
        preprocess=data.preprocess_config,
        threshold=config.threshold,
        min_lesion_mm3=config.min_lesion_mm3,
        data_identity=data.identity,
        seen_subjects=_digests(
            *(r.subject_id for r in (*training, *validation)), *painted
        ),
        fitted_subjects=_digests(*(r.subject_id for r in training)),
    )


def _digests(*subjects: str) -> tuple[str, ...]:
    return tuple(sorted(map(subject_digest, set(subjects))))


def compile_model(
    config: TrainingConfig, arguments: Mapping[str, Any]
) -> keras.Model:
    """Builds and compiles the network.

    Raises:
      UserError: no such network, or arguments that it cannot have.
    """
    api = tensorflow_api() if config.backend == "tensorflow" else None
    try:
        model = build_model(
            config.network, api, dtype=config.dtype, **arguments
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    bias = math.log(config.lesion_prior / (1 - config.lesion_prior))
    model.layers[-1].bias.assign([bias])
    model.compile(
        # Named: Keras would count the optimizers of a process in the names
        # of their variables, by which a checkpoint finds them.
        optimizer=keras.optimizers.Adam(config.learning_rate, name="adam"),
        loss=make_loss(config.loss, config.other_pathology),
        metrics=[PixelAccuracy(), PixelDice()],
        # On TensorFlow, XLA halves the speed of convolutions on a CPU.
        jit_compile=config.backend == "jax",
    )
    _build_loss_and_metrics(model, arguments)
    return model


def _build_loss_and_metrics(
    model: keras.Model, arguments: Mapping[str, Any]
) -> None:
    """Does what Keras would do with the first batch of the stream.

    It would open the stream for that alone, and could not read a batch that
    is still to be augmented.
    """
    rank = 5 if "patch_shape" in arguments else 4
    labels = np.zeros((1,) * rank, np.float32)
    model.compute_loss(y=labels, y_pred=labels)
    model.compute_metrics(x=None, y=labels, y_pred=labels)
    model.reset_metrics()


def describe(
    model: keras.Model,
    data: PreparedData,
    devices: distribution.Devices,
    stream: Stream,
    validation: Sequence[VolumeRecord],
) -> str:
    """Says in two lines what is trained, on what; then what else there is."""
    fitted, validated = (
        f"{len({r.subject_id for r in records})} subjects "
        f"({data.count_slices(records)} slices)"
        for records in (stream.records, validation)
    )
    unit, painted = "slices", ""
    if isinstance(stream, PatchStream):
        unit = f"patches of {' × '.join(map(str, stream.patch_size))}"
        painted = _lesion_masks(stream.store)
    spread = (
        f" in {devices.processes} processes" if devices.processes > 1 else ""
    )
    weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return (
        f"{model.name}, {weights:,} trainable weights, on {devices.count} "
        f"{devices.kind}{spread} ({devices.backend}), batches of "
        f"{stream.global_batch_size} {unit}\nfitting {fitted}, validating on "
        f"{validated}{painted}{_how_to_be_faster(devices)}"
    )


def _lesion_masks(store: PatchStore) -> str:
    if not store.num_masks:
        return ""
    count = sum(place.is_on_mask_grid for place in store.places)
    return (
        f"\npainting lesions by {store.num_masks} masks of other patients, on "
        f"the grid of {count} of {len(store.places)} volumes"
    )


def _how_to_be_faster(devices: distribution.Devices) -> str:
    if (devices.backend, devices.kind) != ("jax", "cpu"):
        return ""
    return (
        "\nno accelerator here: a training with --backend=tensorflow takes "
        "about half the time on a CPU"
    )
