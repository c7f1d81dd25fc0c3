"""The methods of an evaluation in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wmh_keras.evaluation.out_of_fold import fold_settings
from wmh_keras.evaluation.ratings import RatingStudy
from wmh_keras.evaluation.results import EvaluationResults
from wmh_keras.reporting.report_rules import (
    describe_lesion_rule,
    describe_rule,
)
from wmh_keras.reporting.study import Study, models_of
from wmh_keras.reporting.tables.formats import joined, plural

_LIBRARIES = ("keras", "jax", "tensorflow", "numpy", "scipy")


def methods_paragraphs(study: Study) -> Iterator[str]:
    """Metrics, statistics and software, a paragraph each."""
    yield _metrics(study)
    yield _statistics(study)
    if study.ratings is not None:
        yield _rating(study.ratings)
    yield _software(study)


def _metrics(study: Study) -> str:
    sentences = [
        "Every volume was evaluated on its native grid.",
        *_averages(study),
        *_binarisations(study),
        *_cross_validations(study),
        "Voxel-wise precision, recall, Dice and accuracy were computed from "
        "all voxels of a volume.",
    ]
    if any(e.summary["scores"]["auc"]["n"] for e in study.evaluations):
        sentences.append(
            "The ROC curve and the precision-recall curve were computed "
            "exactly from all voxels of the volume; their areas are given as "
            "AUC and average precision."
        )
    sentences += [
        describe_rule(study.evaluations[0]),
        describe_lesion_rule(study.evaluations[0]),
        "Lesion recall, precision, Dice (F1) and accuracy, TP / (TP + FP + "
        "FN), follow from these counts.",
        "Within a size class, a predicted lesion's class is its own size; "
        "Dice within the reference lesions of a class counts the prediction "
        "inside these lesions alone and cannot see false positives.",
        "The metrics of the WMH Segmentation Challenge 2017 follow its "
        "definitions: Dice, the 95th percentile of the Hausdorff distance "
        "(H95), the absolute volume difference (AVD), and lesion recall and "
        "F1 with any overlap.",
    ]
    return " ".join(sentences)


def _averages(study: Study) -> Iterator[str]:
    """A sentence for each mean of several networks or mirror images."""
    for evaluation in study.evaluations:
        of = []
        count = len(models_of(evaluation))
        if count > 1:
            of.append(f"the networks of {count} models")
        flips = evaluation.summary["evaluated"].get("test_time_flips")
        if flips:
            axes = "left-right"
            if flips == "all":
                axes += " and anterior-posterior"
            of.append(f"the image and its mirror images ({axes})")
        if of:
            yield (
                f"The probabilities of {evaluation.name} are the mean over "
                f"{joined(of)}."
            )


def _binarisations(study: Study) -> list[str]:
    """A sentence for each way in which masks came about."""
    names: dict[tuple[str, str], list[str]] = {}
    for evaluation in study.evaluations:
        names.setdefault(_binarisation(evaluation), []).append(evaluation.name)
    return [
        f"{what.format(models=joined(models))}; {removed}."
        for (what, removed), models in names.items()
    ]


def _cross_validations(study: Study) -> list[str]:
    """A sentence on models whose patients were predicted out of fold."""
    names: dict[int, list[str]] = {}
    for evaluation in study.evaluations:
        folds = evaluation.summary["evaluated"].get("folds")
        if folds:
            names.setdefault(len(folds), []).append(evaluation.name)
    return [
        f"{joined(models)}: each patient was predicted by the one of {count} "
        "cross-validation models that had not seen it in training or "
        "validation."
        for count, models in names.items()
    ]


def _binarisation(evaluation: EvaluationResults) -> tuple[str, str]:
    evaluated = evaluation.summary["evaluated"]
    if any("threshold" in fold for fold in evaluated.get("folds") or ()):
        return _binarisation_by_fold(evaluated)
    minimum = float(evaluated["rules"]["min_lesion_mm3"])
    removed = (
        f"predicted lesions below {minimum:g} mm³ were removed"
        if minimum
        else "no predicted lesion was removed for its size"
    )
    threshold = evaluated.get("threshold")
    if threshold is None:
        return "The masks of {models} were taken as given", removed
    return (
        f"The probabilities of {{models}} were thresholded at {threshold:g}",
        removed,
    )


def _binarisation_by_fold(evaluated: Mapping[str, Any]) -> tuple[str, str]:
    """As `_binarisation`, where each fold's model has settings of its own."""
    folds = fold_settings(evaluated).values()
    minima = [fold.min_lesion_mm3 for fold in folds]
    removed = f"below {_range(minima)} mm³ were removed"
    if not any(minima):
        removed = "of any size were kept"
    return (
        "The probabilities of {models} were thresholded at "
        f"{_range([fold.threshold for fold in folds])} and predicted lesions "
        f"{removed}",
        "each cross-validation model had values of its own",
    )


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _statistics(study: Study) -> str:
    bootstrap = study.evaluations[0].summary["bootstrap"]
    seeds = sorted({e.summary["bootstrap"]["seed"] for e in study.evaluations})
    sentences = [
        "Scores are arithmetic means over patients (the volumes of a patient "
        "were averaged first) with standard deviations and "
        f"{100 * bootstrap['confidence']:g} % percentile bootstrap intervals "
        f"over patients ({bootstrap['num_resamples']:,} resamples, seed "
        f"{joined([str(seed) for seed in seeds])}).",
        "A score that is not defined for a patient, such as the recall of a "
        "patient without lesions, was left out of the mean, and n is given.",
        "Predicted and reference volumes were compared by the bias and limits "
        "of agreement of Bland and Altman, the intraclass correlation "
        "ICC(A,1), and Pearson's and Spearman's correlations.",
    ]
    if study.comparison is not None:
        adjusted = (
            ""
            if len(study.evaluations) == 2
            else " with Holm's adjustment over the pairs of models within each "
            "score"
        )
        sentences += [
            "The models were compared on the patients for whom every model has "
            "a value, by two-sided Wilcoxon signed-rank tests"
            f"{adjusted}; a one-way ANOVA with Tukey's HSD, which takes the "
            "models for independent groups, is given for comparison with "
            "earlier work.",
            "Mean differences have intervals of the same kind (seed "
            f"{study.seed}).",
            "Effect sizes are the matched-pairs rank-biserial correlation and "
            "Cohen's d_z.",
        ]
    if study.comparison is not None or study.ratings is not None:
        sentences.append("p < 0.05 was considered significant.")
    return " ".join(sentences)


def _rating(ratings: RatingStudy) -> str:
    return (
        f"{plural(len(ratings.raters), 'rater').capitalize()} graded the masks "
        f"of {ratings.model} independently: 4 perfectly acceptable, 3 "
        "acceptable with minor revision, 2 acceptable with major revision, 1 "
        "not acceptable. A patient's grade is the median over the raters; "
        "grades 3 and 4 were taken as accepted. Agreement was measured by the "
        "share of patients with equal grades and with grades within one of "
        "each other, Kendall's W over patients with correction for ties, "
        "quadratic-weighted kappa of each pair of raters, and differences in "
        "level between raters by Friedman's test."
    )


def _software(study: Study) -> str:
    by_text: dict[str, list[str]] = {}
    for evaluation in study.evaluations:
        versions = evaluation.summary.get("versions") or {}
        used = _LIBRARIES
        if evaluation.summary.get("engine") == "openvino":
            used = (*used, "openvino")
        libraries = [
            f"{name} {versions[name]}"
            for library in used
            for name in (library, f"{library}-cpu")
            if name in versions
        ]
        text = f"wmh-keras {versions.get('wmh-keras', '(unknown version)')}"
        if "python" in versions:
            text += f" on Python {versions['python']}"
        if libraries:
            text += f" ({', '.join(libraries)})"
        by_text.setdefault(text, []).append(evaluation.name)
    if len(by_text) == 1:
        return f"The evaluation was done with {next(iter(by_text))}."
    return " ".join(
        f"{', '.join(names)}: evaluated with {text}."
        for text, names in by_text.items()
    )
