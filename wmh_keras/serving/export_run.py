"""An export: every format written, checked against the model, then shown."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep import files
from data_prep.errors import UserError
from data_prep.program import progress
from wmh_keras import artifacts, distribution
from wmh_keras.serving.description import PATCHES, SLICES, Description
from wmh_keras.serving.export_request import (
    ONNX,
    OPENVINO,
    PATCH_RANK,
    SAVED_MODEL,
    ExportPlan,
)
from wmh_keras.serving.model_card import write_card

if TYPE_CHECKING:
    import keras

    from wmh_keras.serving.checking import Checker, Predict
    from wmh_keras.serving.signatures import GraphSettings

_FOLDER = "export"


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
      folders: the folder of each format, by format.
      notes: what the user should know, as sentences.
    """

    folders: dict[str, Path]
    notes: tuple[str, ...]

    def describe(self) -> list[str]:
        """Returns lines for the user."""
        lines = [f"{name}: {path}" for name, path in self.folders.items()]
        return [*lines, *self.notes]


def export(plan: ExportPlan) -> Exported:
    """Writes a model in every format that was asked for.

    All are written to a temporary folder and checked there; only when every
    one computes what the model computes do they take their places.

    Raises:
      UserError: damaged weights; a package that is missing; a result that
        differs from the model's, a version that came meanwhile, or a full
        disk. Nothing is then written.
    """
    # Keras's operations have to be TensorFlow's: JAX's would be saved as one
    # that no server runs.
    distribution.select_backend("tensorflow")
    distribution.import_tensorflow()
    import tensorflow as tf

    output_dir = plan.request.output_dir
    with files.locked_folder(output_dir, "another process writes there"):
        files.remove_temporaries(output_dir, _FOLDER)
        temporary = files.temporary_beside(output_dir / _FOLDER)
        temporary.mkdir()
        try:
            notes = _write_all(plan, temporary)
            folders = _move(plan, temporary)
        # TensorFlow has errors of its own for a disk that is full.
        except (OSError, tf.errors.OpError) as error:
            raise UserError(
                f"{output_dir}: the export could not be written: {error}; "
                "make room, or take another --output_dir"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Exported(folders, (*notes, *plan.licence_warnings))


def _write_all(plan: ExportPlan, temporary: Path) -> list[str]:
    # After the backend is known.
    from wmh_keras.serving.checking import Checker
    from wmh_keras.serving.signatures import GraphSettings

    settings = GraphSettings(
        preprocess=plan.infos[0].preprocess,
        flips=plan.request.test_time_flips,
        batch_size=plan.request.batch_size,
    )
    models = [m for info in plan.infos for m in artifacts.load_models(info)]
    _check_inputs(plan, models)
    checker = Checker(models, settings, plan.mask.threshold)
    loaded = _Loaded(plan, models, settings, checker)
    notes = []
    for name in progress(plan.request.formats, "export", unit="format"):
        notes += _WRITERS[name](loaded, temporary / name)
    return notes


@dataclasses.dataclass(frozen=True, eq=False)
class _Loaded:
    """What every format is made of, and compared with."""

    plan: ExportPlan
    models: "Sequence[keras.Model]"
    settings: "GraphSettings"
    checker: "Checker"

    @property
    def image(self) -> tuple[str, *tuple[int, ...]]:
        """Name and shape (…, c) of what the networks take."""
        _, *shape = self.models[0].input_shape
        if len(shape) == PATCH_RANK:
            return (PATCHES, *shape)
        config = self.settings.preprocess
        return (SLICES, config.side, config.side, len(config.channels))


def _write_saved_model(loaded: _Loaded, folder: Path) -> list[str]:
    from wmh_keras.serving import saved_model
    from wmh_keras.serving.signatures import ServedModel

    plan, settings = loaded.plan, loaded.settings
    served = ServedModel(loaded.models, settings)
    name = plan.model_name(SAVED_MODEL)
    description = Description(
        identity=plan.identity,
        preprocess=settings.preprocess,
        threshold=plan.mask.threshold,
        min_lesion_mm3=plan.mask.min_lesion_mm3,
    )
    saved_model.write_saved_model(folder, name, served, settings, description)
    written = saved_model.LoadedModel(folder, settings.preprocess.channels)
    largest = loaded.checker.check_network(SAVED_MODEL, written.predict)
    notes = [_agreement("serving_default", largest)]
    if served.takes_slices:
        largest = loaded.checker.check_volumes(SAVED_MODEL, written.segment)
        notes += [_agreement("segment_volume", largest), *_about_masks(plan)]
    else:
        notes.append(
            "no segment_volume: this network takes patches, and tiles are not "
            "laid inside the graph; use wmh-predict for whole volumes"
        )
    write_card(folder / "assets", plan, notes)
    return notes


def _write_onnx(loaded: _Loaded, folder: Path) -> list[str]:
    from wmh_keras.serving.onnx_file import OnnxFile, write_onnx

    name, *shape = loaded.image
    write_onnx(folder, loaded.plan.infos, name, shape)
    return _check_file(loaded, ONNX, folder, OnnxFile(folder).predict)


def _write_openvino(loaded: _Loaded, folder: Path) -> list[str]:
    from wmh_keras.serving.openvino_file import OpenVinoFile, write_openvino

    write_openvino(folder, loaded.plan.infos, loaded.image[0])
    return _check_file(loaded, OPENVINO, folder, OpenVinoFile(folder).predict)


def _check_file(
    loaded: _Loaded, name: str, folder: Path, predict: "Predict"
) -> list[str]:
    largest = loaded.checker.check_network(name, predict)
    notes = [_agreement(name, largest)]
    write_card(folder, loaded.plan, notes)
    return notes


def _agreement(what: str, largest: float) -> str:
    return f"{what}: probabilities within {largest:.1e} of the model's own"


def _about_masks(plan: ExportPlan) -> list[str]:
    minimum = plan.mask.min_lesion_mm3
    if not minimum:
        return []
    return [
        "segment_volume: its mask keeps lesions below the model's "
        f"{minimum:g} mm³; who asks it has to remove them"
    ]


def _check_inputs(plan: ExportPlan, models: "Sequence[keras.Model]") -> None:
    shapes = {tuple(model.input_shape[1:]) for model in models}
    if len({len(shape) for shape in shapes}) > 1:
        raise UserError(
            "networks of slices and of patches do not go into one exported "
            "model; export them one by one"
        )
    takes_patches = len(next(iter(shapes))) == PATCH_RANK
    if takes_patches and len(shapes) > 1:
        raise UserError(
            f"networks of different patches ({sorted(shapes)}) do not go into "
            "one exported model; export them one by one"
        )
    if takes_patches and plan.request.test_time_flips != "none":
        raise UserError(
            "--test_time_flips: a network of patches is exported without; "
            "leave the flag out"
        )


def _move(plan: ExportPlan, temporary: Path) -> dict[str, Path]:
    folders = {name: plan.folder(name) for name in plan.request.formats}
    for folder in folders.values():
        if folder.exists():
            raise UserError(f"{folder}: came meanwhile; start again")
    for name, folder in folders.items():
        folder.parent.mkdir(exist_ok=True)
        os.rename(temporary / name, folder)
    return folders


_WRITERS: dict[str, Callable[[_Loaded, Path], list[str]]] = {
    SAVED_MODEL: _write_saved_model,
    ONNX: _write_onnx,
    OPENVINO: _write_openvino,
}
