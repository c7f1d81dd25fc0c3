"""Threshold and minimum lesion size of each fold's own, chosen by a program.

They stand in the table of a recipe's folds, never in the models: a training
that goes on would write its model anew, and a choice for an ensemble of the
folds is made by subjects that these have to predict.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.program import parse_flags
from wmh_keras.calibration import calibrate_flags
from wmh_keras.calibration.results import Calibration
from wmh_keras.calibration.run import find_calibration
from wmh_keras.comparison.fold_lists import Fold, list_of
from wmh_keras.comparison.recipes import Recipe
from wmh_keras.comparison.request import ComparisonRequest, Places
from wmh_keras.comparison.step import Step
from wmh_keras.evaluation import evaluate_flags
from wmh_keras.evaluation.fold_models import FoldModel, read_fold_models

_CHOSEN = ("threshold", "min_lesion_mm3")


def check_settings_are_free(arguments: Sequence[str]) -> None:
    """Checks that flags of wmh-evaluate do not say what is to be chosen.

    Raises:
        UsageError: they do.
    """
    given = parse_flags(evaluate_flags.define_flags, arguments)
    for name in _CHOSEN:
        if given[name].present:
            raise UsageError(
                f"--evaluate_flags: --{name} is what --calibrate chooses; "
                "leave one of them out"
            )


def calibration_step(
    recipe: Recipe, fold: Fold, request: ComparisonRequest, places: Places
) -> Step:
    """The choice for a fold's model, on the subjects it was validated on."""
    given = parse_flags(evaluate_flags.define_flags, request.evaluate_flags)
    # The evaluation's own: other flips give other probabilities.
    computing = tuple(
        f"--{name}={given[name].value}"
        for name in calibrate_flags.COMPUTING_FLAGS
        if given[name].present
    )
    return Step(
        label=f"calibrate {recipe.name} {fold.name}",
        module="wmh_keras.calibrate",
        arguments=(
            *computing,
            f"--data_dir={recipe.data_dir}",
            f"--model={places.run(recipe.name, fold.name)}",
            f"--subjects={list_of(places.folds, fold, 'validation')}",
            f"--output_dir={places.calibration(recipe.name, fold.name)}",
            "--overwrite",
        ),
        log=places.log(recipe.name, fold.name, "calibrate"),
    )


def read_choice(step: Step) -> Calibration | None:
    """What a calibration chose; None where it has to be done (again)."""
    try:
        given = parse_flags(calibrate_flags.define_flags, step.arguments)
        return find_calibration(calibrate_flags.request_from(given))
    except (flags.Error, UserError):
        return None  # the lists are not written yet


def is_current(table: Path, models: Sequence[FoldModel]) -> bool:
    """Whether a table of models and their subjects says just this."""
    try:
        written = read_fold_models(table)
    except UserError:
        return False
    return _facts(written) == _facts(models)


def _facts(models: Sequence[FoldModel]) -> list[tuple]:
    return [(m.model.resolve(), m.subjects, m.settings) for m in models]
