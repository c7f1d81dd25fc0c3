"""What a comparison consists of, and how far it is."""

import dataclasses

from data_prep.errors import UserError
from wmh_keras.comparison.fold_lists import Fold
from wmh_keras.comparison.recipes import Recipe
from wmh_keras.comparison.request import Places
from wmh_keras.comparison.step import Step
from wmh_keras.comparison.steps import (
    Training,
    is_evaluated,
    is_reported,
    report_step,
)


@dataclasses.dataclass(frozen=True)
class RecipePlan:
    """Everything that is done with one recipe.

    Attributes:
        recipe: the recipe.
        trainings: one, or one for each fold.
        evaluation: of its models.
    """

    recipe: Recipe
    trainings: tuple[Training, ...]
    evaluation: Step

    @property
    def num_steps(self) -> int:
        """Programs that are run."""
        return len(self.trainings) + 1


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
            trained = True
            for training in plan.trainings:
                lines.append(_line(training.step, _state_of(training)))
                trained = trained and training.is_done()
            evaluated = trained and is_evaluated(plan.evaluation)
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
