"""A cohort's summary as text."""

import math

from wmh_keras.evaluation.cohort import CohortSummary

_HEADER = ("score", "mean", "SD", "median", "95 % interval", "n", "NaN")


def format_summary(summary: CohortSummary) -> str:
    """The summary as a table of fixed width.

    Args:
        summary: of one evaluation.

    Returns:
        One line a score, then the pooled scores and the numbers of subjects
        and volumes. "-" stands for what is not defined.
    """
    rows = [_HEADER]
    for name, score in summary.scores.items():
        interval = f"{_text(score.ci_low)} to {_text(score.ci_high)}"
        rows.append(
            (
                name,
                _text(score.mean),
                _text(score.sd),
                _text(score.median),
                "-" if math.isnan(score.ci_low) else interval,
                str(score.n),
                str(score.n_nan),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(
                zip(row, widths, strict=True)
            )
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(
        [
            *lines,
            "",
            f"subjects {summary.num_subjects}, volumes {summary.num_volumes}; "
            "n and NaN count subjects with and without a value",
            f"Dice of the pooled voxels {_text(summary.pooled_dice)}, "
            "Dice of the mean precision and recall "
            f"{_text(summary.dice_of_means)}",
        ]
    )


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
