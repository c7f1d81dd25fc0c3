"""The model folder: what a training hands to everything that comes after.

    model/
      model.json              what the model is, the SHA-256 of each file, and
                              a checksum of itself
      member_0.weights.h5     weights of the network, one file a member
      LICENSE.txt             of a packed model

A network is rebuilt by `build_model` from checked arguments and gets weights
only: nothing in the folder is code, and nothing is unpickled. Several members
are an ensemble, whose probabilities are averaged.
"""

import dataclasses
import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep import files
from data_prep.errors import UserError
from data_prep.version import installed_versions
from wmh_keras.model_info import Member, ModelInfo
from wmh_keras.model_json import parse_model_info

if TYPE_CHECKING:
    import keras
    import numpy as np

MODEL_FOLDER = "model"
INFO_FILE = "model.json"
LICENCE_FILE = "LICENSE.txt"

_PREVIOUS_SUFFIX = ".previous"


def save_model(
    folder: str | os.PathLike,
    models: Sequence["keras.Model"],
    info: ModelInfo,
    member_scores: Sequence[Mapping[str, float]] | None = None,
) -> ModelInfo:
    """Writes a model folder, replacing one that is there already.

    Everything is written to a folder beside it, which then takes its place: a
    reader finds the old model or the new one, never a mixture.

    Args:
      folder: The model folder, usually WORKDIR/model.
      models: Networks that build_model(info.network,
        **info.network_arguments) makes, one a member.
      info: What the model is; versions, members, files and folder are filled
        in here.
      member_scores: Scores of each member; by default those of the model.

    Returns:
      The info as it was written.
    """
    if not models:
        raise ValueError("models: expected at least one, received none")
    scores = member_scores or [info.scores] * len(models)

    def write(temporary: Path) -> list[Member]:
        members = []
        for index, (model, score) in enumerate(
            zip(models, scores, strict=True)
        ):
            name = member_file(index)
            model.save_weights(temporary / name)
            members.append(Member(name, dict(score)))
        return members

    versions = installed_versions()
    return write_model(
        folder, dataclasses.replace(info, versions=versions), write
    )


def write_model(
    folder: str | os.PathLike,
    info: ModelInfo,
    write: Callable[[Path], Sequence[Member]],
) -> ModelInfo:
    """Writes a model folder of any files, as `save_model` does.

    Args:
      folder: The model folder.
      info: What the model is; members, files and folder are filled in here.
      write: Writes all files but model.json into the folder that it is given,
        and returns the members.

    Returns:
      The info as it was written.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = files.temporary_beside(folder)
    temporary.mkdir()
    try:
        members = tuple(write(temporary))
        info = dataclasses.replace(
            info,
            members=members,
            files={
                path.name: files.sha256_of(path)
                for path in sorted(temporary.iterdir())
            },
            folder=folder,
        )
        files.write_json(temporary / INFO_FILE, info.to_json())
        swap_in(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return info


def member_file(index: int) -> str:
    """Names the file of a member's weights."""
    return f"member_{index}.weights.h5"


def read_model_info(path: str | os.PathLike) -> ModelInfo:
    """Reads and checks what a model is, without loading its weights.

    Imports neither Keras nor a backend.

    Args:
      path: A model folder, or the work folder of a training.

    Returns:
      The info, with `folder` set.

    Raises:
      UserError: No model there, or a damaged one; names the file.
    """
    folder = _find_model_folder(Path(path))
    file = folder / INFO_FILE
    content = files.read_json(file)
    try:
        info = parse_model_info(content, folder)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not a usable model: {error}") from error
    for name, expected in info.files.items():
        _check_file(folder / name, expected)
    return info


def update_settings(
    info: ModelInfo, *, threshold: float, min_lesion_mm3: float
) -> ModelInfo:
    """Writes another threshold and minimum lesion size into model.json.

    Args:
      info: What read_model_info returned.
      threshold: Probability from which a voxel counts as lesion.
      min_lesion_mm3: Smaller predicted lesions are removed; 0 keeps all.

    Returns:
      The info as it was written.

    Raises:
      UserError: The model in the folder is another one by now, or a training
        is at work beside it; nothing was written then.
    """
    with files.locked_folder(
        info.folder.parent, "a training or another program is at work here"
    ):
        present = read_model_info(info.folder)
        if present.files != info.files:
            raise UserError(
                f"{info.folder}: the model was replaced in the meantime, so "
                "its settings were left as they are; start again"
            )
        changed = dataclasses.replace(
            present, threshold=threshold, min_lesion_mm3=min_lesion_mm3
        )
        files.write_json(changed.folder / INFO_FILE, changed.to_json())
    return changed


def load_models(info: ModelInfo) -> list["keras.Model"]:
    """Rebuilds the networks in float32 and loads their weights.

    Args:
      info: What read_model_info returned.

    Returns:
      One network a member.

    Raises:
      UserError: The weights do not fit the network; names the file.
    """
    # Keras takes seconds to import; reading what a model is must not.
    from wmh_keras.models import build_model

    models = []
    for member in info.members:
        file = info.folder / member.file
        _check_file(file, info.files[member.file])
        try:
            model = build_model(info.network, **info.network_arguments)
        except ValueError as error:
            raise UserError(f"{info.folder / INFO_FILE}: {error}") from error
        try:
            _load_weights(model, file)
        except (OSError, ValueError, KeyError, UserWarning) as error:
            raise UserError(
                f"{file}: these weights do not fit the network "
                f"{info.network!r} of {INFO_FILE}: {error}"
            ) from error
        models.append(model)
    return models


def read_weights(info: ModelInfo) -> list[dict[str, list["np.ndarray"]]]:
    """Reads the weights as arrays, without Keras.

    Args:
      info: What read_model_info returned.

    Returns:
      For each member the float32 arrays by the names of the layers, in the
      order in which Keras keeps the variables of a layer.

    Raises:
      UserError: No file of named and finite weights; names it.
    """
    # Takes a while to import, and --help does without.
    from wmh_keras.weight_files import read_arrays

    members = []
    for member in info.members:
        file = info.folder / member.file
        _check_file(file, info.files[member.file])
        try:
            members.append(read_arrays(file))
        except (OSError, TypeError, ValueError, KeyError) as error:
            raise UserError(f"{file}: not usable weights: {error}") from error
    return members


def _load_weights(model: "keras.Model", file: Path) -> None:
    # Keras only warns of layers that it leaves with their fresh weights.
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.load_weights(file)


def swap_in(temporary: Path, folder: Path) -> None:
    """Puts a finished folder in the place of one that may be there."""
    previous = folder.with_name(folder.name + _PREVIOUS_SUFFIX)
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        # A kill between the two renames leaves only the previous model, which
        # _find_model_folder then takes.
        os.rename(folder, previous)
    os.rename(temporary, folder)
    shutil.rmtree(previous, ignore_errors=True)


def _find_model_folder(path: Path) -> Path:
    candidates = [path, path / MODEL_FOLDER]
    candidates += [p.with_name(p.name + _PREVIOUS_SUFFIX) for p in candidates]
    for candidate in candidates:
        if (candidate / INFO_FILE).is_file():
            return candidate
    raise UserError(
        f"{path}: no model there: expected {INFO_FILE} in it or in its folder "
        f"{MODEL_FOLDER}/; give the work folder of a training that has "
        "finished at least one validation, or a model folder"
    )


def _check_file(file: Path, expected: str) -> None:
    if not file.is_file():
        raise UserError(
            f"{file}: missing, though {INFO_FILE} lists it; copy the model "
            "folder again"
        )
    if files.sha256_of(file) != expected:
        raise UserError(
            f"{file}: its SHA-256 is not the one in {INFO_FILE}: the file is "
            "damaged or was changed; copy the model folder again"
        )
