"""Recipes: flagfiles of wmh-train, read as it reads them."""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.program import parse_flags
from wmh_keras.comparison.request import ComparisonRequest
from wmh_keras.training import training_flags
from wmh_keras.training.config import TrainingConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SUBJECTS = (
    "train_split",
    "validation_split",
    "train_subjects",
    "validation_subjects",
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: the flagfile's name without its ending; what the model is
            called.
        arguments: of wmh-train: all but those that a comparison decides.
        data_dir: the prepared data set that it is for.
    """

    name: str
    arguments: tuple[str, ...]
    data_dir: Path


def read_recipes(request: ComparisonRequest) -> tuple[Recipe, ...]:
    """Reads and checks all recipes.

    Raises:
        UserError: no such recipe, flags that training does not know, or what
            the comparison decides itself; two recipes of one name.
    """
    names = [Path(text).stem for text in request.recipes]
    _check_names(names)
    _check_train_flags(request)
    return tuple(
        _read(name, flagfile, request)
        for name, flagfile in zip(names, request.recipes, strict=True)
    )


def parse_training(arguments: Sequence[str]) -> TrainingConfig:
    """The training that wmh-train would do with these arguments."""
    return training_flags.config_from(_parse(arguments))


def _read(name: str, flagfile: str, request: ComparisonRequest) -> Recipe:
    own = (f"--flagfile={flagfile}",)
    try:
        given = _parse(own)
        training_flags.config_from(given)
        # Both together may be out of range, such as a validation every 5
        # epochs of 3.
        parse_training((*own, *request.train_flags))
    except (flags.Error, UserError) as error:
        raise UserError(f"recipe {flagfile}: {error}") from error
    _refuse(given, ("workdir",), f"recipe {flagfile}", "--workdir of wmh-train")
    if request.cross_validation is not None:
        _refuse(given, _SUBJECTS, f"recipe {flagfile}", "the folds")
    data_dir = given.data_dir or request.data_dir
    if not data_dir:
        raise UsageError(
            f"recipe {flagfile}: names no prepared data: give --data_dir, or "
            "put a line --data_dir=DATA into the recipe"
        )
    return Recipe(name, (*own, *request.train_flags), Path(data_dir))


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise UsageError(
                f"recipe {name!r}: expected a file name of letters, digits and "
                "._- , for folders are called after it; rename the file"
            )
    # Some file systems take upper and lower case for the same.
    counts = Counter(name.lower() for name in names)
    twice = [name for name in names if counts[name.lower()] > 1]
    if twice:
        raise UsageError(
            "expected another name for each recipe, received "
            f"{', '.join(twice)}: models are called after their recipe; copy "
            "one of the files to another name"
        )


def _check_train_flags(request: ComparisonRequest) -> None:
    try:
        given = _parse(request.train_flags)
    except (flags.Error, UserError) as error:
        raise UsageError(f"--train_flags: {error}") from error
    _refuse(given, ("workdir",), "--train_flags", "the comparison")
    _refuse(given, ("data_dir",), "--train_flags", "--data_dir or the recipe")
    if request.cross_validation is not None:
        _refuse(given, _SUBJECTS, "--train_flags", "the folds")


def _parse(arguments: Sequence[str]) -> flags.FlagValues:
    return parse_flags(
        training_flags.define_flags, arguments, training_flags.FLAGFILE_DIR
    )


def _refuse(
    given: flags.FlagValues, names: Sequence[str], place: str, decider: str
) -> None:
    for name in names:
        if given[name].present:
            raise UsageError(
                f"{place}: --{name} is there, which is decided by {decider} "
                "here; leave it out"
            )
