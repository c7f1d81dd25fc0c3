"""Packs trainings into one model folder. Imports no framework."""

import dataclasses
import shutil
from pathlib import Path

from data_prep import files
from data_prep.errors import UserError
from data_prep.program import progress
from wmh_keras import artifacts
from wmh_keras.artifacts import LICENCE_FILE
from wmh_keras.inference.ensemble import as_ensemble, common_settings
from wmh_keras.inference.model_text import describe_model
from wmh_keras.model_info import Member, ModelInfo, warn_of_no_licence
from wmh_keras.packing.merging import check_alike, merge_infos


@dataclasses.dataclass(frozen=True)
class PackRequest:
    """What the user asked for.

    Attributes:
      model_paths: work folders or model folders, at least one.
      output_dir: the model folder to be made.
      name: what people will call the model.
      version: of the model of this name, or "".
      threshold: None takes the models'.
      min_lesion_mm3: None takes the models'.
      licence: a text file with the licence of the weights, or None.
      weights_dtype: one of `weight_files.DTYPES`.
      overwrite: replace another model that is there.
    """

    model_paths: tuple[Path, ...]
    output_dir: Path
    name: str
    version: str = ""
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    licence: Path | None = None
    weights_dtype: str = "float16"
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class Packed:
    """What was made.

    Attributes:
      info: what the model is.
      is_new: False where just this model was there already.
    """

    info: ModelInfo
    is_new: bool

    def describe(self) -> list[str]:
        """Returns lines for the user."""
        info = self.info
        names = (artifacts.INFO_FILE, *info.files)
        size = sum((info.folder / name).stat().st_size for name in names)
        lines = [
            describe_model(info),
            f"threshold {info.threshold:g}, min_lesion_mm3 "
            f"{info.min_lesion_mm3:g}; {len(info.seen_subjects)} subjects seen "
            "in training or validation",
            f"{info.folder}: {size / 1e6:.1f} MB"
            + ("" if self.is_new else ", which was there already"),
        ]
        if LICENCE_FILE not in info.files:
            lines += warn_of_no_licence([info])
        return lines


def pack(request: PackRequest) -> Packed:
    """Makes one model folder of several trainings.

    The members are in the order of the models' identities, whatever order
    they are given in; the same weights give the same bytes.

    Raises:
      UserError: a model that cannot be read, models that do not go together,
        weights that do not fit the type, a licence that cannot be read or is
        missing, or another model in the output folder. Nothing is written.
    """
    infos = as_ensemble(
        [artifacts.read_model_info(path) for path in request.model_paths]
    )
    check_alike(infos)
    settings = common_settings(
        infos,
        threshold=request.threshold,
        min_lesion_mm3=request.min_lesion_mm3,
    )
    info = dataclasses.replace(
        merge_infos(infos, settings),
        name=request.name,
        version=request.version,
    )
    licence = _read_licence(request, infos)
    output = request.output_dir
    _check_output(output, infos)

    def write(folder: Path) -> list[Member]:
        if licence is not None:
            (folder / LICENCE_FILE).write_bytes(licence)
        return _copy_members(infos, folder, request.weights_dtype)

    output.parent.mkdir(parents=True, exist_ok=True)
    files.remove_temporaries(output.parent, output.name)
    temporary = files.temporary_beside(output)
    try:
        artifacts.write_model(temporary, info, write)
        # As every reader will see it.
        made = artifacts.read_model_info(temporary)
        is_new = not _holds(output, made, request.overwrite)
        if is_new:
            artifacts.swap_in(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Packed(dataclasses.replace(made, folder=output), is_new)


def _copy_members(
    infos: tuple[ModelInfo, ...], folder: Path, dtype: str
) -> list[Member]:
    # Takes a while to import, and --help does without.
    from wmh_keras.weight_files import copy_weights

    members = []
    sources = [(info, member) for info in infos for member in info.members]
    for info, member in progress(sources, "pack", unit="network"):
        source = info.folder / member.file
        name = artifacts.member_file(len(members))
        try:
            copy_weights(source, folder / name, dtype)
        except (OSError, TypeError, ValueError, KeyError) as error:
            raise UserError(
                f"{source}: cannot be stored as {dtype}: {error}; nothing was "
                "written. --weights_dtype=float32 keeps every digit"
            ) from error
        digest = member.source_sha256 or info.files[member.file]
        members.append(Member(name, dict(member.scores), digest))
    return members


def _read_licence(
    request: PackRequest, infos: tuple[ModelInfo, ...]
) -> bytes | None:
    if request.licence is None:
        for info in infos:
            if LICENCE_FILE in info.files:
                raise UserError(
                    f"{info.folder / LICENCE_FILE}: these weights have a "
                    "licence, which has to go with them; give --licence=FILE"
                )
        return None
    try:
        content = request.licence.read_bytes()
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--licence={request.licence}: not a text that can be read: {error}"
        ) from error
    if not content.strip():
        raise UserError(f"--licence={request.licence}: the file is empty")
    return content


def _check_output(output: Path, infos: tuple[ModelInfo, ...]) -> None:
    if any(output.resolve() == info.folder.resolve() for info in infos):
        raise UserError(
            f"--output_dir={output}: is one of the models that are packed; "
            "take another folder"
        )
    if not output.exists() or (output / artifacts.INFO_FILE).is_file():
        return
    if not output.is_dir() or any(output.iterdir()):
        raise UserError(
            f"--output_dir={output}: expected a folder that is empty, new or "
            "a model folder; take another one"
        )


def _holds(output: Path, made: ModelInfo, overwrite: bool) -> bool:
    """Whether a folder holds just this model, whole."""
    if not (output / artifacts.INFO_FILE).is_file():
        return False
    try:
        there = artifacts.read_model_info(output)
    except UserError:
        there = None
    if there is not None and there.checksum == made.checksum:
        return True
    if not overwrite:
        which = "a damaged one" if there is None else describe_model(there)
        raise UserError(
            f"--output_dir={output}: holds another model: {which}; take "
            "another folder, or --overwrite"
        )
    return False
