"""A whole comparison: trains, evaluates and reports what is not done yet."""

import dataclasses
import sys
from collections.abc import Sequence

from data_prep.files import locked_folder, remove_temporaries
from wmh_keras.comparison.child import run_child
from wmh_keras.comparison.fold_lists import check_lists, write_lists
from wmh_keras.comparison.fold_settings import read_choice
from wmh_keras.comparison.plan import Plan, RecipePlan, check_begun
from wmh_keras.comparison.planning import make_plan
from wmh_keras.comparison.request import ComparisonRequest, Places
from wmh_keras.comparison.results_table import (
    FoldRow,
    Row,
    format_rows,
    make_fold_rows,
    make_row,
    write_tables,
)
from wmh_keras.comparison.step import RunStep, Step
from wmh_keras.comparison.steps import (
    is_evaluated,
    is_reported,
    replacing,
    report_step,
)
from wmh_keras.evaluation.fold_models import write_fold_models


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Attributes:
        places: where everything is.
        rows: one for each recipe.
        fold_rows: one for each fold of the recipes that are done.
        reported: names of the recipes that the report is about; () where
            there is none.
        report_error: why there is no report, where one was tried.
    """

    places: Places
    rows: tuple[Row, ...]
    fold_rows: tuple[FoldRow, ...] = ()
    reported: tuple[str, ...] = ()
    report_error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether everything was done."""
        return not self.report_error and not any(r.error for r in self.rows)

    def describe(self) -> list[str]:
        """Lines for the user: the tables, what failed, where the rest is."""
        lines = ["", *format_rows(self.rows)]
        if self.fold_rows:
            lines += ["", *format_rows(self.fold_rows)]
        lines.append("")
        failed = [row for row in self.rows if row.error]
        lines += [f"failed: {row.recipe}: {row.error}" for row in failed]
        if self.report_error:
            lines.append(f"no report: {self.report_error}")
        elif not self.reported:
            lines.append("no report: every recipe failed")
        else:
            only = ""
            if failed:
                only = f", of {', '.join(self.reported)} alone"
            lines.append(f"Report: {self.places.report / 'report.html'}{only}")
        return [*lines, f"Table:  {self.places.table}"]


def compare(
    request: ComparisonRequest, run_step: RunStep = run_child
) -> Comparison:
    """Runs what has not been run yet, recipe by recipe, then reports.

    A recipe that fails is noted, and the others go on.

    Args:
        request: what the user asks for.
        run_step: runs a program.

    Returns:
        What came of it, as it was written.

    Raises:
        UserError: something that cannot work, before anything is run; or
            another comparison runs in the folder.
        KeyboardInterrupt: as ever; the same call then goes on.
    """
    plan = make_plan(request)
    check_begun(plan)
    folder = request.workdir
    with locked_folder(folder, "another wmh-compare runs here"):
        remove_temporaries(folder)
        if plan.folds:
            # Once more: another one may have ended just now.
            check_lists(plan.places.folds, plan.folds)
            write_lists(plan.places.folds, plan.folds)
        run = _Run(plan, run_step)
        errors = {p.recipe.name: run.recipe(p) for p in plan.recipes}
        done = [p for p in plan.recipes if not errors[p.recipe.name]]
        report_error = run.report(done) if done else ""
        rows = tuple(
            make_row(p, plan.places, errors[p.recipe.name])
            for p in plan.recipes
        )
        fold_rows = tuple(
            row
            for p in done
            if plan.folds
            for row in make_fold_rows(p, plan.places)
        )
        write_tables(plan, rows, fold_rows)
    return Comparison(
        places=plan.places,
        rows=rows,
        fold_rows=fold_rows,
        reported=() if report_error else tuple(p.recipe.name for p in done),
        report_error=report_error,
    )


class _Run:
    """Goes through the programs one by one."""

    def __init__(self, plan: Plan, run_step: RunStep) -> None:
        self._plan = plan
        self._run_step = run_step
        self._number = 0

    def recipe(self, plan: RecipePlan) -> str:
        """Trains and evaluates a recipe; gives why it failed, or ""."""
        places, name = self._plan.places, plan.recipe.name
        last = self._number + plan.num_steps
        error = ""
        for number, training in enumerate(plan.trainings):
            error = error or self._step(training.step, training.is_done())
            for step in plan.calibrations[number : number + 1]:
                error = error or self._step(step, bool(read_choice(step)))
        if not error:
            if self._plan.folds:
                table = places.fold_models(name)
                write_fold_models(table, plan.fold_models(places))
            step = plan.evaluation
            done = is_evaluated(step)
            error = self._step(replacing(step, places.evaluation(name)), done)
        self._number = last
        return error

    def report(self, done: Sequence[RecipePlan]) -> str:
        """Reports on the recipes that are done; gives why not, or ""."""
        step = report_step([p.recipe for p in done], self._plan.places)
        return self._step(step, is_reported(step))

    def _step(self, step: Step, is_done: bool) -> str:
        self._number += 1
        head = f"[{self._number}/{self._plan.num_steps}] {step.label}"
        if is_done:
            _say(f"{head}: done already")
            return ""
        _say(f"{head}  (log: {step.log})")
        ending = self._run_step(step)
        if ending.code == 0:
            return ""
        error = f"{step.label}: {ending.message} (log: {step.log})"
        _say(f"{head}: failed; {ending.message}")
        return error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
