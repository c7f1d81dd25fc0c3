"""Starting a training from the weights of an earlier one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from data_prep.errors import UserError
from wmh_keras import artifacts
from wmh_keras.model_info import ModelInfo, Origin
from wmh_keras.models import default_arguments
from wmh_keras.training.checkpoint import Checkpoint
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.named_model import read_named_model

STATE = "origin"


def read_initial_model(config: TrainingConfig, info: ModelInfo) -> ModelInfo:
    """Reads what the training starts from, and checks that it fits.

    Args:
      config: The training, with an init_model.
      info: What is to be trained.

    Returns:
      The earlier model.

    Raises:
      UserError: No model, a damaged one, an ensemble, another network or
        another preprocessing.
    """
    earlier = read_named_model(config.init_model)
    place = f"--init_model={config.init_model}"
    different = [
        *_differences({"network": earlier.network}, {"network": info.network}),
        *_differences(earlier.preprocess.to_json(), info.preprocess.to_json()),
    ]
    if earlier.network == info.network:
        different += _differences(
            _arguments(info.network, earlier.network_arguments),
            _arguments(info.network, info.network_arguments),
        )
    if different:
        raise UserError(
            f"{place}: its weights fit only the same network and the same "
            "preparation of the data:\n  " + "\n  ".join(different)
        )
    return earlier


def check_initial_model(config: TrainingConfig, info: ModelInfo) -> None:
    """Checks what the training starts from, where that is a model.

    Raises:
      UserError: As `read_initial_model`.
    """
    if config.init_model:
        read_initial_model(config, info)


def with_origin(info: ModelInfo, earlier: ModelInfo) -> ModelInfo:
    """Adds what the weights had seen before to what is known of a model."""
    seen = {*info.seen_subjects, *earlier.seen_subjects}
    fitted = None  # not known of the one, so not of both together
    if None not in (info.fitted_subjects, earlier.fitted_subjects):
        fitted = {*info.fitted_subjects, *earlier.fitted_subjects}
        fitted = tuple(sorted(fitted))
    identities = (earlier.data_identity, *earlier.origin.data_identities)
    return dataclasses.replace(
        info,
        seen_subjects=tuple(sorted(seen)),
        fitted_subjects=fitted,
        origin=Origin(weights_digest(earlier), identities),
    )


def weights_digest(earlier: ModelInfo) -> str:
    """Returns the SHA-256 of the weights, which stands for the model."""
    return earlier.files[earlier.members[0].file]


def take_over_weights(model: keras.Model, earlier: ModelInfo) -> None:
    """Copies the weights, batch statistics included.

    Raises:
      UserError: They do not fit the network; names the file.
    """
    (source,) = artifacts.load_models(earlier)
    model.set_weights(source.get_weights())


def to_state(info: ModelInfo) -> dict[str, Any]:
    """Returns what a checkpoint notes, so that it alone is enough to go on."""
    return {
        "weights_sha256": info.origin.weights_sha256,
        "data_identities": list(info.origin.data_identities),
        "seen_subjects": list(info.seen_subjects),
        "fitted_subjects": info.fitted_subjects and list(info.fitted_subjects),
    }


def restore_origin(info: ModelInfo, checkpoint: Checkpoint) -> ModelInfo:
    """Takes over from a checkpoint what the weights had seen before."""
    state = checkpoint.state.get(STATE)
    if state is None:
        return info
    # Not in a checkpoint of an earlier version.
    fitted = state.get("fitted_subjects")
    return dataclasses.replace(
        info,
        seen_subjects=tuple(state["seen_subjects"]),
        fitted_subjects=None if fitted is None else tuple(fitted),
        origin=Origin(state["weights_sha256"], tuple(state["data_identities"])),
    )


def check_unchanged(
    checkpoint: Checkpoint, config: TrainingConfig, noted: Mapping[str, str]
) -> None:
    """Refuses to go on with a training that started from another model.

    The earlier model need not be there any more: its path as it was given at
    the start is enough.

    Args:
      checkpoint: What the training goes on from.
      config: The training as it is to go on.
      noted: Flags that were noted when it was last started.

    Raises:
      UserError: It started from other weights.
    """
    if config.init_model == noted.get("init_model", ""):
        return
    state = checkpoint.state.get(STATE, {})
    started_from = state.get("weights_sha256", "")
    received = ""
    if config.init_model:
        received = weights_digest(read_named_model(config.init_model))
    if received != started_from:
        raise UserError(
            f"{config.workdir}: holds a training that started from "
            f"{_describe(started_from)}, not from {_describe(received)}; leave "
            "--init_model as it was, or take another --workdir"
        )


def _arguments(network: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    # A model of an earlier version may not name arguments that came later.
    complete = {**default_arguments(network), **arguments}
    # Convolutions have the same weights for whole slices and for patches.
    complete.pop("side", None)
    return {name: _plain(complete[name]) for name in sorted(complete)}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: the model's is {old.get(name)!r}, this training's "
        f"{new.get(name)!r}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401
    return list(value) if isinstance(value, tuple) else value


def _describe(digest: str) -> str:
    return f"weights {digest[:12]}…" if digest else "random weights"
