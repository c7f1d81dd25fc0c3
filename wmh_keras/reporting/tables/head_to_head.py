"""Table 4: the models side by side."""

from typing import Any

from wmh_keras.evaluation.head_to_head import HeadToHead, ScoreComparison
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    UNKNOWN,
    mean_sd_interval,
    number,
    p_value,
    summary_from,
)
from wmh_keras.reporting.tables.score_names import score_name
from wmh_keras.reporting.tables.table import BEST, Part, Table
from wmh_keras.statistics.summary import Summary

_SHOWN = (
    "dice",
    "precision",
    "recall",
    "accuracy",
    "auc",
    "average_precision",
    "lesion_recall",
    "lesion_precision",
    "lesion_dice",
    "lesion_accuracy",
    "dice_small",
    "dice_medium",
    "dice_large",
    "lesion_recall_small",
    "lesion_recall_medium",
    "lesion_recall_large",
    "challenge_dsc",
    "challenge_h95_mm",
    "challenge_avd_percent",
    "challenge_lesion_recall",
    "challenge_lesion_f1",
    "absolute_volume_error_ml",
)
_SUMMARY = ("mean", "sd", "median", "q1", "q3", "ci_low", "ci_high", "n")
_NAME = "table_4_head_to_head"
_TITLE = "Table 4. Models head to head"
_CELLS = "Mean ± SD [95 % bootstrap interval of the mean] over patients."


def head_to_head_table(study: Study) -> Table:
    """Every score of every model with the tests between them."""
    if study.comparison is None:
        return _one_model(study)
    comparison = study.comparison
    shown = [comparison.scores[s] for s in _SHOWN if s in comparison.scores]
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=[
            Part(
                (
                    "Score",
                    *comparison.models,
                    "n",
                    # With one pair there is nothing to adjust.
                    "Wilcoxon p"
                    if len(comparison.models) == 2
                    else "Wilcoxon-Holm p",
                    "ANOVA p",
                ),
                [_row(score, comparison.models) for score in shown],
            )
        ],
        notes=_notes(comparison),
        columns=_columns(comparison.models),
        records=[
            _record(score, comparison.models)
            for score in comparison.scores.values()
        ],
    )


def _notes(comparison: HeadToHead) -> list[str]:
    pairs = (
        "of the two models"
        if len(comparison.models) == 2
        else "of the best model against each other one (every pair is in "
        "Table S3)"
    )
    return [
        f"{_CELLS} Bold: the best mean over the patients on which every model "
        "has a value; their number is n. A cell that is over more patients "
        "says how many, and its mean over those n. Undefined: volumes without "
        "a value.",
        f"Primary test: Wilcoxon's signed-rank test {pairs}, adjusted by Holm "
        "over the pairs within a score. Every model is measured on the same "
        "patients, so the test has to be a paired one.",
        "ANOVA: one-way, as in the paper (Tukey's HSD is in Table S3). It "
        "takes the models for independent groups, which they are not, and is "
        "here to compare with the paper.",
        "Lower is better for H95, AVD and the volume error. H95 is not "
        "defined where one mask alone is empty, such as for a model that finds "
        "nothing: mind the volumes that it counts as undefined.",
        "Scores within a size class are over the patients whose reference has "
        "lesions of the class, as in Table 3.",
        "p values are adjusted within a score, not over the scores.",
    ]


def _row(score: ScoreComparison, models: tuple[str, ...]) -> list[str]:
    name = score_name(score.score)
    tests = score.comparison
    n = 0 if tests is None else tests.n
    cells = []
    for model in models:
        summary = score.summaries[model]
        text = mean_sd_interval(summary, name.decimals)
        if without := score.missing_volumes[model]:
            text += f"\n{without:,} undefined"
        if tests is not None and summary.n != n:
            common = number(tests.means[model], name.decimals)
            text += f"\nn = {summary.n:,}; {common} over n = {n:,}"
        is_best = model in score.best and len(score.best) < len(models)
        cells.append(f"{BEST}{text}" if is_best else text)
    return [
        name.text,
        *cells,
        f"{n:,}",
        _against_best(score, models),
        UNKNOWN if tests is None else p_value(tests.anova_p),
    ]


def _against_best(score: ScoreComparison, models: tuple[str, ...]) -> str:
    if score.comparison is None or not score.best:
        return UNKNOWN
    best = score.best[0]
    lines = []
    for pair in score.comparison.pairs:
        if best in (pair.first, pair.second):
            other = pair.second if pair.first == best else pair.first
            text = p_value(pair.holm_p)
            lines.append(text if len(models) == 2 else f"{other}: {text}")
    return "\n".join(lines)


def _columns(models: tuple[str, ...]) -> tuple[str, ...]:
    return (
        "score",
        "higher_is_better",
        *(f"{model}.{field}" for model in models for field in _SUMMARY),
        *(f"{model}.common_mean" for model in models),
        "best",
        "n_common",
        "anova_f",
        "anova_p",
        "eta_squared",
        *(f"{model}.volumes_without" for model in models),
    )


def _record(score: ScoreComparison, models: tuple[str, ...]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "score": score.score,
        "higher_is_better": score.higher_is_better,
        "best": " ".join(score.best),
    }
    for model in models:
        for field in _SUMMARY:
            record[f"{model}.{field}"] = getattr(score.summaries[model], field)
        record[f"{model}.volumes_without"] = score.missing_volumes[model]
    tests = score.comparison
    if tests is None:
        return record | {"n_common": 0}
    return record | {
        "n_common": tests.n,
        "anova_f": tests.anova_f,
        "anova_p": tests.anova_p,
        "eta_squared": tests.eta_squared,
        **{f"{model}.common_mean": tests.means[model] for model in models},
    }


def _one_model(study: Study) -> Table:
    (evaluation,) = study.evaluations
    shown = {
        score: summary
        for score, summary in _all_summaries(evaluation.summary).items()
        if score in _SHOWN
    }
    return Table(
        name=_NAME,
        title=_TITLE,
        parts=[
            Part(
                ("Score", evaluation.name, "n"),
                [
                    [
                        score_name(score).text,
                        mean_sd_interval(summary, score_name(score).decimals),
                        f"{summary.n:,}",
                    ]
                    for score, summary in shown.items()
                ],
            )
        ],
        notes=[
            f"{_CELLS} One model, so that there is nothing to test it "
            "against: --evaluations=A,B,C compares several.",
        ],
        columns=(
            "score",
            *(f"{evaluation.name}.{field}" for field in _SUMMARY),
        ),
        records=[
            {
                "score": score,
                **{
                    f"{evaluation.name}.{field}": getattr(summary, field)
                    for field in _SUMMARY
                },
            }
            for score, summary in shown.items()
        ],
    )


def _all_summaries(summary: Any) -> dict[str, Summary]:  # noqa: ANN401
    """Every score of one evaluation, those of the size classes too."""
    found = {s: summary_from(b) for s, b in summary["scores"].items()}
    for size, block in summary["size_classes"].items():
        for score, row in block["scores_with"].items():
            found[f"{score}_{size}"] = summary_from(row)
    return {
        score: found[score] for score in (*_SHOWN, *found) if score in found
    }
