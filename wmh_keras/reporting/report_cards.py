"""The few numbers at the top of a report."""

import html

from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    mean_sd,
    number,
    part_of,
    summary_from,
)
from wmh_keras.reporting.tables.score_names import score_name

_KEY_SCORES = ("dice", "precision", "recall", "lesion_dice", "auc")


def render_key_numbers(study: Study) -> str:
    """A card a model, as HTML, every text escaped.

    A mean over fewer patients than were evaluated says over how many.
    """
    cards = []
    for evaluation in study.evaluations:
        lines = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in _rows(study, evaluation)
        )
        cards.append(
            f'<div class="card"><h3>{html.escape(evaluation.name)}</h3>'
            f"<dl>{lines}</dl></div>"
        )
    tests = "" if study.comparison is None else " and tests"
    return (
        f'<div class="key">{"".join(cards)}</div>'
        f'<p class="soft">Mean ± SD over patients. Table 4 has intervals{tests}'
        ", Table S1 every score.</p>"
    )


def _rows(study: Study, evaluation: EvaluationResults) -> list[tuple[str, str]]:
    rows = []
    for score in _KEY_SCORES:
        summary = summary_from(evaluation.summary["scores"][score])
        name = score_name(score)
        text = mean_sd(summary, name.decimals)
        if 0 < summary.n < len(evaluation.subjects):
            text += f" (n = {summary.n:,})"
        rows.append((name.text, text))
    ratings = study.ratings
    if ratings is not None and ratings.model == evaluation.name:
        total = len(ratings.subjects)
        accepted = round(ratings.acceptance_rate() * total)
        rows.append(("Accepted by raters", part_of(accepted, total)))
        rows.append(("Kendall's W", number(ratings.agreement.kendall_w)))
    return rows
