"""The programs that a comparison runs, and whether they have done their work.

What is done is read from the folders that the programs wrote, in the way in
which they read them; there is no second list of it that could disagree.
"""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.program import parse_flags
from wmh_keras import artifacts
from wmh_keras.comparison.fold_lists import Fold, list_of
from wmh_keras.comparison.recipes import Recipe, parse_training
from wmh_keras.comparison.request import ComparisonRequest, Places
from wmh_keras.comparison.step import Step
from wmh_keras.evaluation import (
    earlier_results,
    evaluate_flags,
    flag_requests,
    layout,
)
from wmh_keras.evaluation.evaluated_models import describe_model_evaluation
from wmh_keras.evaluation.out_of_fold import describe_out_of_fold
from wmh_keras.evaluation.read_results import read_evaluation
from wmh_keras.evaluation.training_overlap import seen_among
from wmh_keras.reporting import report_flags, report_folder
from wmh_keras.training import workdir as training_workdir
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.config_changes import differences
from wmh_keras.training.lesion_masks import LesionMasks
from wmh_keras.training.named_model import read_named_model

_DECIDED = (
    "data_dir",
    "model",
    "fold_models",
    "split",
    "subjects",
    "output_dir",
    "overwrite",
)


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a recipe.

    Attributes:
        step: the program.
        config: what it does, by its flags.
        fingerprint: stands for the volumes fitted and validated.
        fold: None without a cross-validation.
        lesion_masks: of other patients, which it paints; None without.
    """

    step: Step
    config: TrainingConfig
    fingerprint: str
    fold: Fold | None = None
    lesion_masks: LesionMasks | None = None

    def is_done(self) -> bool:
        """Whether this very training is finished."""
        return training_workdir.is_finished(self.config, self.fingerprint)

    def changed_flags(self) -> list[str]:
        """Names flags that it was begun with and that cannot be changed."""
        flags_file = Path(self.config.workdir) / training_workdir.FLAGS_FILE
        if not self.read_work_done().epochs or not flags_file.is_file():
            return []
        begun_with = training_workdir.read_flags(flags_file)
        return differences(begun_with, self.config.to_flags())

    def read_work_done(self) -> training_workdir.WorkDone:
        """How far it is; nothing where that cannot be read."""
        try:
            return training_workdir.read_work_done(Path(self.config.workdir))
        except UserError:  # the program itself says what is wrong
            return training_workdir.WorkDone()

    def seen_before(self, subjects: Collection[str]) -> list[str]:
        """Names the subjects that its initial model has seen.

        Raises:
            UserError: that model cannot be read, and the training needs it.
        """
        if not self.config.init_model:
            return []
        try:
            info = read_named_model(self.config.init_model)
        except UserError:
            if self.read_work_done().epochs:  # needed to begin alone
                return []
            raise
        return seen_among(info, subjects)


def training_step(recipe: Recipe, fold: Fold | None, places: Places) -> Step:
    """A training, all of its flags spelled out."""
    name = fold.name if fold else ""
    lists = ()
    if fold:
        lists = tuple(
            f"--{part}_subjects={list_of(places.folds, fold, part)}"
            for part in ("train", "validation")
        )
    return Step(
        label=" ".join(filter(None, ("train", recipe.name, name))),
        module="wmh_keras.train",
        arguments=(
            *recipe.arguments,
            *lists,
            f"--data_dir={recipe.data_dir}",
            f"--workdir={places.run(recipe.name, name)}",
        ),
        log=places.log(recipe.name, name, "train"),
    )


def training_config(step: Step) -> TrainingConfig:
    """What a training will do."""
    return parse_training(step.arguments)


def evaluation_step(
    recipe: Recipe, request: ComparisonRequest, places: Places
) -> Step:
    """The evaluation of a recipe's model, or of the models of its folds."""
    if request.cross_validation is None:
        what = (
            f"--split={request.test_split}",
            f"--model={places.run(recipe.name)}",
        )
    else:
        what = (f"--fold_models={places.fold_models(recipe.name)}",)
    return Step(
        label=f"evaluate {recipe.name}",
        module="wmh_keras.evaluate",
        arguments=(
            *request.evaluate_flags,
            f"--data_dir={recipe.data_dir}",
            *what,
            f"--output_dir={places.evaluation(recipe.name)}",
        ),
        log=places.log(recipe.name, "evaluate"),
    )


def check_evaluate_flags(arguments: Sequence[str]) -> None:
    """Checks what the user wants of all evaluations.

    Raises:
        UsageError: an unknown flag, or one that the comparison decides.
    """
    try:
        given = parse_flags(evaluate_flags.define_flags, arguments)
    except (flags.Error, UserError) as error:
        raise UsageError(f"--evaluate_flags: {error}") from error
    for name in _DECIDED:
        if given[name].present:
            raise UsageError(
                f"--evaluate_flags: --{name} is decided by the comparison; "
                "leave it out"
            )


def is_evaluated(step: Step) -> bool:
    """Whether just this evaluation is finished, of the models as they are.

    Raises:
        UsageError: flags that do not go together.
    """
    given = parse_flags(evaluate_flags.define_flags, step.arguments)
    flag_requests.wants_model(given)
    output = flag_requests.output_from(given)
    folder = output.output_dir
    wanted = [layout.PICTURES_FOLDER] if output.pictures else []
    if given.save_predictions:
        wanted.append(layout.PREDICTIONS_FOLDER)
    try:
        evaluated = _describe_evaluation(given, output.seed)
        if not earlier_results.holds(folder, evaluated):
            return False
        read_evaluation(folder)
    except UsageError:
        raise
    except UserError:
        # No model yet, or a damaged table; or the program itself says what.
        return False
    return all((folder / name).is_dir() for name in wanted)


def _describe_evaluation(given: flags.FlagValues, seed: int) -> dict[str, Any]:
    if given.fold_models:
        return describe_out_of_fold(
            flag_requests.out_of_fold_request_from(given),
            artifacts.read_model_info,
            seed=seed,
        )
    request = flag_requests.model_request_from(given, None)
    infos = [artifacts.read_model_info(path) for path in request.models]
    return describe_model_evaluation(request, infos, seed=seed)


def replacing(step: Step, folder: Path) -> Step:
    """The evaluation, which may replace that of an earlier model.

    An evaluation can be made again from the trainings at any time.
    """
    if not (folder / layout.SUMMARY_FILE).exists():
        return step
    arguments = (*step.arguments, "--overwrite")
    return dataclasses.replace(step, arguments=arguments)


def report_step(recipes: Sequence[Recipe], places: Places) -> Step:
    """The report on the recipes that have been evaluated."""
    evaluations = ",".join(str(places.evaluation(r.name)) for r in recipes)
    names = ",".join(recipe.name for recipe in recipes)
    data = {recipe.data_dir for recipe in recipes}
    return Step(
        label="report",
        module="wmh_keras.report",
        arguments=(
            f"--evaluations={evaluations}",
            f"--names={names}",
            # Of several data sets none is the one of all models.
            *(f"--data_dir={folder}" for folder in data if len(data) == 1),
            f"--output_dir={places.report}",
            "--overwrite",
        ),
        log=places.log("report"),
    )


def is_reported(step: Step) -> bool:
    """Whether the report is there, on the evaluations as they are."""
    given = parse_flags(report_flags.define_flags, step.arguments)
    request = report_flags.request_from(given)
    # Whether it may replace another one is no part of a report.
    return report_folder.is_current(
        request.output_dir, request.inputs_as_json(), request.settings_as_json()
    )
