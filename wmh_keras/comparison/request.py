"""What the user asks a comparison for, and where things go."""

import dataclasses
from pathlib import Path

# Validation subjects of the paper among its 996 of training and validation.
VALIDATION_FRACTION = 0.1265


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """How subjects are shared out to folds.

    Attributes:
        num_folds: at least 2; 0 makes a fold of each site.
        splits: whose subjects take part, several joined by "+"; "" takes
            train, validation and test, those that are there.
        validation_fraction: share of the other folds' subjects that a model
            is validated on rather than fitted to.
        seed: of the folds, and of who is validated on.
        calibrate: chooses threshold and minimum lesion size of each fold's
            model on the fold's validation subjects.
        fit_only: ids of subjects that every fold fits and none validates on
            or leaves out, in whatever split they are; none by default.
    """

    num_folds: int
    splits: str = ""
    validation_fraction: float = VALIDATION_FRACTION
    seed: int = 0
    calibrate: bool = False
    fit_only: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ComparisonRequest:
    """Which recipes are compared, and on what.

    Attributes:
        recipes: flagfiles of wmh-train, as train finds them.
        workdir: the folder of the comparison.
        data_dir: prepared data of the recipes that name none; None where all
            of them do.
        test_split: what all are evaluated on; without folds.
        train_flags: for all trainings; they win over a recipe's.
        evaluate_flags: for all evaluations.
        cross_validation: None trains each recipe once.
    """

    recipes: tuple[str, ...]
    workdir: Path
    data_dir: Path | None = None
    test_split: str = "test"
    train_flags: tuple[str, ...] = ()
    evaluate_flags: tuple[str, ...] = ()
    cross_validation: CrossValidation | None = None


@dataclasses.dataclass(frozen=True)
class Places:
    """The layout of a comparison's folder.

    Attributes:
        workdir: the folder.
    """

    workdir: Path

    @property
    def table(self) -> Path:
        """A line for each recipe."""
        return self.workdir / "compare.csv"

    @property
    def fold_table(self) -> Path:
        """A line for each recipe and fold."""
        return self.workdir / "cross_validation.csv"

    @property
    def folds(self) -> Path:
        """Folder of the lists of subjects."""
        return self.workdir / "folds"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.workdir / "report"

    def run(self, recipe: str, fold: str = "") -> Path:
        """Work folder of a training."""
        return self.workdir / "runs" / recipe / fold

    def evaluation(self, recipe: str) -> Path:
        """Folder of a recipe's evaluation."""
        return self.workdir / "evaluations" / recipe

    def calibration(self, recipe: str, fold: str) -> Path:
        """Folder of the calibration of a fold's model."""
        return self.workdir / "calibrations" / recipe / fold

    def fold_models(self, recipe: str) -> Path:
        """Table of a recipe's subjects and their models."""
        return self.folds / f"{recipe}_models.csv"

    def log(self, *parts: str) -> Path:
        """What a program said."""
        return self.workdir / "logs" / f"{'_'.join(filter(None, parts))}.log"
