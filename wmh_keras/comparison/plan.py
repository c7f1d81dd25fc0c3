"""What a comparison consists of, and how far it is."""

import dataclasses

from data_prep.errors import UserError
from wmh_keras.comparison.fold_lists import Fold
from wmh_keras.comparison.fold_settings import is_current, read_choice
from wmh_keras.comparison.recipes import Recipe
from wmh_keras.comparison.request import Places
from wmh_keras.comparison.step import Step
from wmh_keras.comparison.steps import (
    Training,
    is_evaluated,
    is_reported,
    report_step,
)
from wmh_keras.evaluation.fold_models import FoldModel


@dataclasses.dataclass(frozen=True)
class RecipePlan:
    """Everything that is done with one recipe.

    Attributes:
        recipe: the recipe.
        trainings: one, or one for each fold.
        evaluation: of its models.
        calibrations: one for each training, where they are asked for.
    """

    recipe: Recipe
    trainings: tuple[Training, ...]
    evaluation: Step
    calibrations: tuple[Step, ...] = ()

    @property
    def num_steps(self) -> int:
        """Programs that are run."""
        return len(self.trainings) + len(self.calibrations) + 1

    def fold_models(self, places: Places) -> list[FoldModel]:
        """The models of the folds, with their own settings where chosen."""
        choices = list(map(read_choice, self.calibrations))
        choices = choices or [None] * len(self.trainings)
        return [
            FoldModel(
                training.fold.name,
                places.run(self.recipe.name, training.fold.name),
                training.fold.test,
                choice and choice.settings,
            )
            for training, choice in zip(self.trainings, choices, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A whole comparison.

    Attributes:
        places: where things go.
        recipes: in the order of the user.
        folds: empty without a cross-validation.
    """

    places: Places
    recipes: tuple[RecipePlan, ...]
    folds: tuple[Fold, ...] = ()

    @property
    def num_steps(self) -> int:
        """Programs that are run, the report among them."""
        return sum(recipe.num_steps for recipe in self.recipes) + 1

    def describe(self) -> list[str]:
        """A line for each program: what it does, and whether it is done."""
        lines = []
        is_done = True  # what comes after something to do is to do as well
        for plan in self.recipes:
            ready = True
            for number, training in enumerate(plan.trainings):
                lines.append(_line(training.step, _state_of(training)))
                ready = ready and training.is_done()
                for step in plan.calibrations[number : number + 1]:
                    calibrated = read_choice(step) is not None
                    lines.append(_line(step, _state(calibrated)))
                    ready = ready and calibrated
            if ready and self.folds:
                table = self.places.fold_models(plan.recipe.name)
                ready = is_current(table, plan.fold_models(self.places))
            evaluated = ready and is_evaluated(plan.evaluation)
            lines.append(_line(plan.evaluation, _state(evaluated)))
            is_done = is_done and evaluated
        report = report_step(
            [plan.recipe for plan in self.recipes], self.places
        )
        is_done = is_done and is_reported(report)
        return [*lines, _line(report, _state(is_done))]


def check_begun(plan: Plan) -> None:
    """Checks that trainings which were begun can go on.

    Raises:
        UserError: some were begun with other flags; all are named.
    """
    # Those of a recipe's folds are the same.
    changed = dict.fromkeys(
        f"  {recipe.recipe.name}: {text}"
        for recipe in plan.recipes
        for training in recipe.trainings
        for text in training.changed_flags()
    )
    if changed:
        raise UserError(
            f"{plan.places.workdir}: holds trainings with other flags, which "
            "cannot be changed on the way:\n"
            + "\n".join(changed)
            + "\nNothing was done. Take another --workdir, or give the recipes "
            "and --train_flags as they were; only --epochs may be raised"
        )


def _line(step: Step, state: str) -> str:
    return f"{state:<22} {step.label}"


def _state_of(training: Training) -> str:
    if training.is_done():
        return "done"
    if training.changed_flags():
        return "refused: other flags"
    epochs = training.read_work_done().epochs
    return f"begun, {epochs} epochs done" if epochs else "to do"


def _state(done: bool) -> str:
    return "done" if done else "to do"
