"""Reads an evaluation folder back."""

import os

from wmh_keras.evaluation.results import EvaluationResults


def read_evaluation(
    folder: str | os.PathLike, name: str = ""
) -> EvaluationResults:
    """Reads what `wmh-evaluate` wrote.

    Args:
        folder: the --output_dir of an evaluation.
        name: what reports call it; by default the folder's name.

    Raises:
        UserError: no finished evaluation is there, or a table is damaged or
            of another format; names the file, and the line if there is one.
    """
    raise NotImplementedError
