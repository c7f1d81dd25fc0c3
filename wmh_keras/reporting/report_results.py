"""The results of an evaluation in words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.head_to_head import ScoreComparison
from wmh_keras.evaluation.ratings import RatingStudy
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import (
    joined,
    known,
    number,
    p_equals,
    part_of,
    percent,
    plural,
    summary_from,
)
from wmh_keras.reporting.tables.lesions import lesion_count_text

_PIXEL = {"dice": "Dice", "precision": "precision", "recall": "recall"}
_LESION = {
    "lesion_dice": "Dice",
    "lesion_precision": "precision",
    "lesion_recall": "recall",
    "lesion_accuracy": "accuracy",
}
_COMPARED = {"dice": "voxel-wise Dice", "lesion_dice": "lesion-wise Dice"}
_GRADES = {
    4.0: "perfectly acceptable",
    3.0: "acceptable with minor revision",
    2.0: "acceptable with major revision",
    1.0: "not acceptable",
}


def results_paragraphs(study: Study) -> Iterator[str]:
    """Cohort, each model, comparison and rating, a paragraph each."""
    yield _cohort(study)
    for evaluation in study.evaluations:
        yield _model(evaluation)
    if study.comparison is not None:
        yield " ".join(
            _comparison(study.comparison.scores[score], text)
            for score, text in _COMPARED.items()
        )
    if study.ratings is not None:
        yield _rating(study.ratings)


def _cohort(study: Study) -> str:
    summary = study.evaluations[0].summary
    sites = [site for site in summary["sites"] if site]
    text = (
        f"{plural(summary['num_subjects'], 'patient')} "
        f"({plural(summary['num_volumes'], 'volume')}"
    )
    if sites:
        text += f" from {plural(len(sites), 'site')}"
    volume = summary_from(summary["scores"]["reference_volume_ml"])
    return (
        f"{text}) with {lesion_count_text(study)} were evaluated; the median "
        f"reference volume was {number(volume.median, 2)} ml (quartiles "
        f"{number(volume.q1, 2)} to {number(volume.q3, 2)} ml)."
    )


def _model(evaluation: EvaluationResults) -> str:
    summary = evaluation.summary
    sentences = [
        f"{evaluation.name} reached a voxel-wise "
        f"{_scores(summary['scores'], _PIXEL)}.",
        f"Lesion-wise, it reached a {_scores(summary['scores'], _LESION)}.",
    ]
    auc = summary_from(summary["scores"]["auc"])
    if auc.n:
        sentences.append(
            f"The mean AUC was {number(auc.mean, 4).replace('>', 'above')} "
            f"(SD {number(auc.sd, 4)}, n = {auc.n:,})."
        )
    found = [
        f"{part_of(block['found_lesions'], block['reference_lesions'])} {size}"
        for size in SIZE_CLASSES
        if (block := summary["size_classes"][size])["reference_lesions"]
    ]
    if found:
        sentences.append(f"It found {joined(found)} lesions.")
    within = [
        f"{number(dice.mean)} for {size} (n = {dice.n:,})"
        for size in SIZE_CLASSES
        if (
            dice := summary_from(
                summary["size_classes"][size]["scores_with"]["dice"]
            )
        ).n
    ]
    if within:
        sentences.append(
            "Over the patients who have lesions of a size class, the Dice of "
            f"the class, which counts its false positives, was {joined(within)}"
            " lesions."
        )
    sentences.append(_volumes(summary["volume_agreement"]))
    return " ".join(sentences)


def _scores(scores: Mapping[str, Any], names: Mapping[str, str]) -> str:
    texts = []
    for score, name in names.items():
        summary = summary_from(scores[score])
        details = []
        if math.isfinite(summary.ci_low):
            low, high = number(summary.ci_low), number(summary.ci_high)
            details.append(f"95 % CI {low} to {high}")
        details.append(f"n = {summary.n:,}")
        spread = ""
        if math.isfinite(summary.sd):
            spread = f" ± {number(summary.sd)}"
        texts.append(
            f"{name} of {number(summary.mean)}{spread} ({', '.join(details)})"
        )
    return joined(texts)


def _volumes(block: Mapping[str, Any]) -> str:
    bias, icc = block["bland_altman"], block["icc_a1"]
    text = (
        "Its volumes differed from the reference by "
        f"{number(known(bias['mean_difference']), 2)} ml on average"
    )
    if math.isfinite(known(bias["lower_limit"])):
        text += (
            f" (limits of agreement {number(known(bias['lower_limit']), 2)} to "
            f"{number(known(bias['upper_limit']), 2)} ml"
        )
        if math.isfinite(known(icc["value"])):
            text += f"; ICC(A,1) {number(known(icc['value']))}"
        text += f"; n = {block['n']:,})"
    return f"{text}."


def _comparison(score: ScoreComparison, name: str) -> str:
    tests = score.comparison
    if tests is None or not score.best:
        return (
            f"The models could not be compared by {name}, since fewer than "
            "two patients have a value of every model."
        )
    best = score.best[0]
    others = []
    test = "Wilcoxon-Holm" if len(tests.pairs) > 1 else "Wilcoxon"
    for pair in tests.pairs:
        if best not in (pair.first, pair.second):
            continue
        is_first = pair.first == best
        sign = 1 if is_first else -1
        bounds = sorted((sign * pair.ci_low, sign * pair.ci_high))
        others.append(
            f"{pair.second if is_first else pair.first} by "
            f"{number(sign * pair.mean_difference)} (95 % CI "
            f"{number(bounds[0])} to {number(bounds[1])}; {test} "
            f"{p_equals(pair.holm_p)})"
        )
    shared = "" if len(score.best) == 1 else " (with an equal mean of others)"
    return (
        f"On the {plural(tests.n, 'patient')} with a value of every model, the "
        f"mean {name} was highest for {best}{shared}: "
        f"{number(tests.means[best])}, above {joined(others)}; one-way ANOVA "
        f"F = {number(tests.anova_f, 2)}, {p_equals(tests.anova_p)}."
    )


def _rating(ratings: RatingStudy) -> str:
    total = len(ratings.subjects)
    counts = [
        f"{count:,} {_GRADES.get(grade, f'with a median of {grade:g}')}"
        for grade, count in ratings.median_counts().items()
    ]
    accepted = round(ratings.acceptance_rate() * total)
    sentences = [
        f"By the median grade of {plural(len(ratings.raters), 'rater')}, the "
        f"masks of {ratings.model} were acceptable without or with minor "
        f"revision in {part_of(accepted, total)} patients "
        f"({joined(counts)})."
    ]
    agreement = ratings.agreement
    if math.isfinite(agreement.exact):
        sentences.append(
            f"All raters gave the same grade in {percent(agreement.exact)} of "
            f"patients and grades within one of each other in "
            f"{percent(agreement.within_one)} (n = {agreement.n:,})."
        )
    if math.isfinite(agreement.kendall_w):
        test = agreement.kendall_test
        sentences.append(
            f"Kendall's W over patients was {number(agreement.kendall_w)} "
            f"(χ²({test.dof}) = {number(test.statistic, 2)}, "
            f"{p_equals(test.p)}, n = {test.n:,})."
        )
    if math.isfinite(agreement.friedman.p):
        test = agreement.friedman
        sentences.append(
            "Friedman's test of a difference in level between raters gave "
            f"χ²({test.dof}) = {number(test.statistic, 2)}, "
            f"{p_equals(test.p)} (n = {test.n:,})."
        )
    return " ".join(sentences)
