"""What the user asked the export program for, checked. Imports no framework."""

import dataclasses
import importlib.util
import re
from pathlib import Path

from data_prep.errors import UsageError, UserError
from wmh_keras import artifacts
from wmh_keras.inference.ensemble import (
    MaskSettings,
    as_ensemble,
    common_settings,
    ensemble_identity,
)
from wmh_keras.model_info import ModelInfo, warn_of_no_licence

SAVED_MODEL, ONNX, OPENVINO = "tf_saved_model", "onnx", "openvino"
# How many axes has what networks take: slices (h, w, c), patches (d, h, w, c).
SLICE_RANK, PATCH_RANK = 3, 4
FORMATS = (SAVED_MODEL, ONNX, OPENVINO)
# TensorFlow Serving and others look for <name>/<version>; a folder of one
# name holds one format.
_NAME_ENDINGS = {SAVED_MODEL: "", ONNX: "-onnx", OPENVINO: "-openvino"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclasses.dataclass(frozen=True)
class ExportRequest:
    """What the user asked for.

    Attributes:
      model_paths: work folders or model folders; several are an ensemble.
      output_dir: where `<name>/<version>/` goes.
      formats: some of FORMATS.
      name: of the model, as a server will know it.
      version: a positive integer; None takes the next free one.
      threshold: None takes the models'; written beside the model.
      min_lesion_mm3: likewise.
      test_time_flips: one of `flips.FLIPS`.
      batch_size: slices that go through the network together.
      licence: a text file with the licence of the model; None takes those
        of the model folders.
    """

    model_paths: tuple[Path, ...]
    output_dir: Path
    formats: tuple[str, ...] = (SAVED_MODEL,)
    name: str = "wmh"
    version: int | None = None
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    test_time_flips: str = "none"
    batch_size: int = 8
    licence: Path | None = None


@dataclasses.dataclass(frozen=True)
class ExportPlan:
    """What will be exported, known before Keras is loaded.

    Attributes:
      request: what the user asked for.
      infos: the models, all prepared in one way.
      mask: threshold and minimum lesion size.
      version: the version that will be written.
      identity: names what decides the probabilities.
      licence: the text of the licence; None where none is known.
    """

    request: ExportRequest
    infos: tuple[ModelInfo, ...]
    mask: MaskSettings
    version: int
    identity: str
    licence: str | None = None

    @property
    def licence_warnings(self) -> tuple[str, ...]:
        """What is to be known of the weights that have no licence."""
        if self.request.licence is not None:
            return ()
        infos = [i for i in self.infos if artifacts.LICENCE_FILE not in i.files]
        return warn_of_no_licence(infos) if infos else ()

    def model_name(self, format_name: str) -> str:
        """Names the folder of a format, and so the model."""
        return self.request.name + _NAME_ENDINGS[format_name]

    def folder(self, format_name: str) -> Path:
        """Returns where a format goes."""
        name = self.model_name(format_name)
        return self.request.output_dir / name / str(self.version)


def plan_export(request: ExportRequest) -> ExportPlan:
    """Checks what was asked for. Writes nothing.

    Raises:
      UsageError: an unknown format, name or version, flips that a format
        does not have.
      UserError: no usable model; models that are not prepared in one way; a
        version that is there already; a licence that cannot be read.
    """
    _check_words(request)
    infos = as_ensemble(
        [artifacts.read_model_info(path) for path in request.model_paths]
    )
    _check_alike(infos)
    _check_packages(request)
    return ExportPlan(
        request=request,
        infos=infos,
        mask=common_settings(
            infos,
            threshold=request.threshold,
            min_lesion_mm3=request.min_lesion_mm3,
        ),
        version=_choose_version(request),
        identity=ensemble_identity(infos, request.test_time_flips),
        licence=_read_licence(request.licence, infos),
    )


def _check_words(request: ExportRequest) -> None:
    unknown = [f for f in request.formats if f not in FORMATS]
    if unknown or not request.formats:
        raise UsageError(
            f"--format: expected some of {', '.join(FORMATS)}, with commas, "
            f"received {', '.join(unknown) or 'none'}"
        )
    if not _NAME.fullmatch(request.name):
        raise UsageError(
            "--model_name: expected letters, digits, '-', '_' and '.', "
            f"received {request.name!r}"
        )
    others = [f for f in request.formats if f != SAVED_MODEL]
    if request.test_time_flips != "none" and others:
        raise UsageError(
            f"--test_time_flips: {', '.join(others)} holds the network alone; "
            f"flips are for --format={SAVED_MODEL}"
        )


def _check_packages(request: ExportRequest) -> None:
    needed = {
        ONNX: ("onnx", "onnxruntime", "'.[onnx]'"),
        OPENVINO: ("openvino", "openvino"),
    }
    for name in request.formats:
        *packages, source = needed.get(name, ("",))
        for package in packages:
            if importlib.util.find_spec(package) is None:
                raise UserError(
                    f"--format={name}: the package {package} is not "
                    f"installed; pip install {source}, or leave the format out"
                )


def _check_alike(infos: tuple[ModelInfo, ...]) -> None:
    first = infos[0]
    for info in infos[1:]:
        if info.preprocess != first.preprocess:
            raise UserError(
                f"{info.folder}: prepared in another way than {first.folder}; "
                "one exported model prepares volumes in one way: export them "
                "one by one"
            )


def _read_licence(
    path: Path | None, infos: tuple[ModelInfo, ...]
) -> str | None:
    if path is None:
        texts = [
            (info.folder / artifacts.LICENCE_FILE).read_text(encoding="utf-8")
            for info in infos
            if artifacts.LICENCE_FILE in info.files
        ]
        return "\n".join(dict.fromkeys(texts)) or None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--licence={path}: not a text that can be read: {error}"
        ) from error


def _choose_version(request: ExportRequest) -> int:
    taken = {
        int(path.name)
        for name in {request.name + _NAME_ENDINGS[f] for f in request.formats}
        for path in (request.output_dir / name).glob("*")
        if path.name.isascii() and path.name.isdigit()
    }
    if request.version is None:
        return max(taken, default=0) + 1
    if request.version in taken:
        raise UserError(
            f"{request.output_dir / request.name}: has a version "
            f"{request.version} already; take another --model_version, or "
            "leave it out for the next"
        )
    return request.version
