"""What the user asks a report for, and what comes of it."""

import dataclasses
from pathlib import Path
from typing import Any

DEFAULT_TITLE = "White matter hyperintensity segmentation: evaluation"


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """What is reported, and where it goes.

    Attributes:
        evaluations: folders of finished evaluations, of the same patients.
        output_dir: the folder, made if need be.
        names: of the models, as many as evaluations; () takes those of the
            folders.
        ratings: table of clinical ratings, or None.
        rated: name of the model whose masks were rated; "" for the first.
        mismatch_by: what automatic grades take for the mismatch, "lesions"
            or "dice".
        data_dir: the prepared data set, or None.
        title: heading of the page.
        seed: of bootstrap intervals.
        skip_invalid: goes on without ratings that cannot be used.
        overwrite: replaces another report, or leaves other files beside it.
    """

    evaluations: tuple[Path, ...]
    output_dir: Path
    names: tuple[str, ...] = ()
    ratings: Path | None = None
    rated: str = ""
    mismatch_by: str = "lesions"
    data_dir: Path | None = None
    title: str = DEFAULT_TITLE
    seed: int = 0
    skip_invalid: bool = False
    overwrite: bool = False

    def inputs_as_json(self) -> dict[str, Any]:
        """The paths that are read; they decide whether reports are the same."""
        return {
            "evaluations": [str(path) for path in self.evaluations],
            "ratings": None if self.ratings is None else str(self.ratings),
            "data_dir": None if self.data_dir is None else str(self.data_dir),
        }

    def settings_as_json(self) -> dict[str, Any]:
        """What else decides the report."""
        return {
            "title": self.title,
            "names": list(self.names),
            "rated": self.rated,
            "mismatch": self.mismatch_by,
            "seed": self.seed,
            "skip_invalid": self.skip_invalid,
        }


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of a request.

    Attributes:
        page: report.html.
        tables: how many were made.
        figures: how many were made.
        missing: titles of tables and figures that could not be, with why.
        warnings: what the reader has to know.
    """

    page: Path
    tables: int
    figures: int
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    def describe(self) -> list[str]:
        """Lines for the user."""
        lines = [f"warning: {text}" for text in self.warnings]
        lines += [f"not made: {text}" for text in self.missing]
        return [
            *lines,
            f"{self.tables} tables and {self.figures} figures are in "
            f"{self.page.parent}",
            f"Page: {self.page}",
        ]
