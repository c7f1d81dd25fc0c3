"""The end of every evaluation: what came of it, summed up and written."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmh_keras.evaluation import layout, results_folder
from wmh_keras.evaluation.cohort import CohortSummary, summarize_cohort
from wmh_keras.evaluation.problems import Outcome, raise_problems
from wmh_keras.evaluation.request import Output
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.table import format_summary

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmenter


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What came of a request.

    Attributes:
        output_dir: where they were written.
        outcome: results, what was left out by `skip_invalid`, warnings.
        summary: of the results.
        rules: how they were scored.
    """

    output_dir: Path
    outcome: Outcome
    summary: CohortSummary
    rules: Rules

    def describe(self) -> list[str]:
        """Lines for the user: the table, what was left out, the files."""
        lines = ["", format_summary(self.summary, self.rules), ""]
        lines += [f"warning: {warning}" for warning in self.outcome.warnings]
        lines += [f"skipped: {problem}" for problem in self.outcome.problems]
        return [
            *lines,
            f"tables and {layout.SUMMARY_FILE} are in {self.output_dir}",
        ]


def finish(
    outcome: Outcome,
    output: Output,
    stage: Path,
    rules: Rules,
    *,
    evaluated: Mapping[str, Any],
    paths: Mapping[str, str],
    computing: Mapping[str, str] | None = None,
    history: Path | None = None,
    model_of: Mapping[str, str] | None = None,
) -> Evaluation:
    """Sums up what came of an evaluation, and writes it.

    Args:
        outcome: of all volumes.
        output: where the results go.
        stage: from `results_folder.staging_folder`.
        rules: how the volumes were scored.
        evaluated: what decides the numbers.
        paths: where it was read from.
        computing: what `describe_engine` returned, where there are networks.
        history: of the model's training, where it is known.
        model_of: name of the model by subject, where several took part.

    Raises:
        UserError: volumes that could not be evaluated, all of them named.
    """
    if not output.skip_invalid or not outcome.results:
        raise_problems(outcome.problems, skipping=output.skip_invalid)
    # One order, wherever the volumes come from: tables can then be compared.
    rows = sorted(outcome.results, key=lambda result: result.key.identity)
    outcome = dataclasses.replace(outcome, results=tuple(rows))
    summary = summarize_cohort(outcome.results, seed=output.seed)
    results_folder.write_results(
        output.output_dir,
        stage,
        outcome,
        summary,
        evaluated=evaluated,
        paths=paths,
        computing=computing or {},
        history=history,
        keep_predictions=not output.overwrite,
        model_of=model_of,
    )
    return Evaluation(output.output_dir, outcome, summary, rules)


def describe_engine(segmenter: "Segmenter") -> dict[str, str]:
    """Names what the networks ran on, as JSON types."""
    return {"engine": segmenter.engine, "precision": segmenter.precision}


def pictures_folder(stage: Path, output: Output) -> Path | None:
    """Where pictures are drawn; None where none are wanted."""
    return stage / layout.PICTURES_FOLDER if output.pictures else None
