"""The tables of a comparison: what came of each recipe, and of each fold."""

import dataclasses
import statistics
from collections.abc import Iterator, Sequence

from data_prep.files import write_csv
from wmh_keras.comparison.plan import Plan, RecipePlan
from wmh_keras.comparison.request import Places
from wmh_keras.evaluation.out_of_fold import fold_settings
from wmh_keras.evaluation.read_results import read_evaluation

DONE, FAILED = "done", "failed"


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of one recipe.

    Attributes:
        recipe: its name.
        status: "done" or "failed".
        epochs: trained, of all folds together.
        best_epoch: of the model that is kept; None with folds.
        validation_dice: of that model, over folds their mean.
        test_dice: mean over the subjects of the evaluation.
        lesion_f1: likewise.
        training_seconds: of all folds together.
        error: why it failed.
    """

    recipe: str
    status: str
    epochs: int
    best_epoch: int | None
    validation_dice: float | None
    test_dice: float | None
    lesion_f1: float | None
    training_seconds: int
    error: str = ""


@dataclasses.dataclass(frozen=True)
class FoldRow:
    """What came of one fold of a recipe that is done.

    Attributes:
        recipe: its name.
        fold: "fold_1" and so on.
        site: which was left out; "" where folds are not sites.
        n: subjects that its model predicts, less those that the evaluation
            had to leave out (--skip_invalid).
        best_epoch: of the model that is kept.
        validation_dice: of that model.
        out_of_fold_dice: mean over the n subjects; None without any.
        threshold: with which they were evaluated.
        min_lesion_mm3: likewise.
    """

    recipe: str
    fold: str
    site: str
    n: int
    best_epoch: int
    validation_dice: float | None
    out_of_fold_dice: float | None
    threshold: float
    min_lesion_mm3: float


def make_row(plan: RecipePlan, places: Places, error: str) -> Row:
    """Reads what came of a recipe from its folders.

    Args:
        plan: of the recipe.
        places: where things are.
        error: why it failed; "" where it did not, and its evaluation counts.
    """
    work = [training.read_work_done() for training in plan.trainings]
    dice = [w.best_dice for w in work if w.best_dice is not None]
    single = plan.trainings[0].fold is None
    scores = {}
    if not error:
        folder = places.evaluation(plan.recipe.name)
        scores = read_evaluation(folder).summary["scores"]
    return Row(
        recipe=plan.recipe.name,
        status=FAILED if error else DONE,
        epochs=sum(w.epochs for w in work),
        best_epoch=(work[0].best_epoch or None) if single else None,
        # Of some folds alone it would be no number of the recipe.
        validation_dice=(
            statistics.fmean(dice) if len(dice) == len(work) else None
        ),
        test_dice=scores["dice"]["mean"] if scores else None,
        lesion_f1=scores["lesion_dice"]["mean"] if scores else None,
        training_seconds=round(sum(w.seconds for w in work)),
        error=error,
    )


def make_fold_rows(plan: RecipePlan, places: Places) -> Iterator[FoldRow]:
    """Reads what came of the folds of a recipe that is done."""
    evaluation = read_evaluation(places.evaluation(plan.recipe.name))
    dice = evaluation.by_subject("dice")
    settings = fold_settings(evaluation.summary["evaluated"])
    for training in plan.trainings:
        fold, work = training.fold, training.read_work_done()
        scored = [dice[subject] for subject in fold.test if subject in dice]
        yield FoldRow(
            recipe=plan.recipe.name,
            fold=fold.name,
            site=fold.site,
            n=len(scored),
            best_epoch=work.best_epoch,
            validation_dice=work.best_dice,
            out_of_fold_dice=statistics.fmean(scored) if scored else None,
            **dataclasses.asdict(settings[fold.name]),
        )


def write_tables(
    plan: Plan, rows: Sequence[Row], fold_rows: Sequence[FoldRow]
) -> None:
    """Writes compare.csv, and with folds cross_validation.csv."""
    _write(plan.places.table, Row, rows)
    if plan.folds:
        _write(plan.places.fold_table, FoldRow, fold_rows)


def format_rows(rows: Sequence[Row | FoldRow]) -> list[str]:
    """Lines of a table of fixed width; what failed says why below it."""
    columns = [f.name for f in dataclasses.fields(rows[0]) if f.name != "error"]
    cells = [[name.replace("_", " ") for name in columns]]
    cells += [[_text(getattr(row, name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in cells
    ]


def _write(path, kind: type, rows: Sequence[Row | FoldRow]) -> None:  # noqa: ANN001
    columns = [field.name for field in dataclasses.fields(kind)]
    write_csv(path, columns, map(dataclasses.asdict, rows))


def _text(value: object) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
