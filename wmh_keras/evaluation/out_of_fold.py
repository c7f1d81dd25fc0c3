"""Evaluates a cross-validation: each subject by a model that never saw it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.messages import listed
from wmh_keras.datasets import PreparedData, open_prepared_data
from wmh_keras.evaluation import earlier_results, layout, results_folder
from wmh_keras.evaluation.evaluated_models import (
    describe_computing,
    describe_model,
)
from wmh_keras.evaluation.finishing import (
    Evaluation,
    describe_engine,
    finish,
    pictures_folder,
)
from wmh_keras.evaluation.fold_models import read_fit_only, read_fold_models
from wmh_keras.evaluation.folds import (
    ByTurns,
    Fold,
    LoadSegmenter,
    open_folds,
    warn_of_other_data,
)
from wmh_keras.evaluation.from_model import evaluate_volumes
from wmh_keras.evaluation.request import OutOfFoldRequest, Output
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.training_overlap import seen_among
from wmh_keras.inference.ensemble import MaskSettings
from wmh_keras.model_info import ModelInfo

KIND = "out_of_fold"


@dataclasses.dataclass(frozen=True, eq=False)
class _CheckedFolds:
    """Everything that is known before a network is loaded."""

    data: PreparedData
    folds: tuple[Fold, ...]
    rules: Rules
    evaluated: dict[str, Any]
    warnings: tuple[str, ...]


def evaluate_out_of_fold(
    request: OutOfFoldRequest,
    output: Output,
    read_model_info: Callable[[Path], ModelInfo],
    load_segmenter: LoadSegmenter,
) -> Evaluation:
    """Evaluates every subject by its model, and writes one evaluation.

    One network is in memory at a time. The numbers of a subject are those of
    an evaluation of its model alone.

    Args:
        request: the models and their subjects.
        output: where the results go.
        read_model_info: says what the model in a folder is.
        load_segmenter: called once a model, when its turn has come.

    Raises:
        UserError: a model has seen a subject that it is to predict; models of
            other networks, preprocessing, thresholds or smallest lesions; or
            whatever keeps a single model from being evaluated.
    """
    checked = _check(request, read_model_info, seed=output.seed)
    earlier_results.check_place(
        output.output_dir, checked.evaluated, overwrite=output.overwrite
    )
    records = [record for fold in checked.folds for record in fold.records]
    by_turns = ByTurns(checked.data, checked.folds, load_segmenter)
    predictions = layout.PREDICTIONS_FOLDER
    with results_folder.staging_folder(output.output_dir) as stage:
        outcome = evaluate_volumes(
            by_turns.read_volumes(),
            by_turns,
            rules=checked.rules,
            records=records,
            channels=by_turns.channels,
            num_workers=output.num_workers,
            pictures_dir=pictures_folder(stage, output),
            predictions_dir=(
                stage / predictions if request.save_predictions else None
            ),
        )
        return finish(
            dataclasses.replace(
                outcome, warnings=(*checked.warnings, *outcome.warnings)
            ),
            output,
            stage,
            checked.rules,
            evaluated=checked.evaluated,
            computing=describe_engine(by_turns),
            paths={
                "data_dir": str(request.data_dir),
                "fold_models": str(request.fold_models),
            },
            model_of={
                subject: fold.model.name
                for fold in checked.folds
                for subject in fold.model.subjects
            },
        )


def describe_out_of_fold(
    request: OutOfFoldRequest,
    read_model_info: Callable[[Path], ModelInfo],
    *,
    seed: int,
) -> dict[str, Any]:
    """What decides the numbers, as JSON types; no paths.

    Args:
        request: the models and their subjects.
        read_model_info: says what the model in a folder is.
        seed: of the bootstrap intervals.

    Raises:
        UserError: as `evaluate_out_of_fold`.
    """
    return _check(request, read_model_info, seed=seed).evaluated


def fold_settings(evaluated: Mapping[str, Any]) -> dict[str, MaskSettings]:
    """What the masks of each fold were made with, by the fold's name.

    Args:
        evaluated: what `describe_out_of_fold` gives, read back.
    """
    common = evaluated["threshold"], evaluated["rules"]["min_lesion_mm3"]
    return {
        fold["name"]: MaskSettings(
            fold.get("threshold", common[0]),
            fold.get("min_lesion_mm3", common[1]),
        )
        for fold in evaluated["folds"]
    }


def _check(
    request: OutOfFoldRequest,
    read_model_info: Callable[[Path], ModelInfo],
    *,
    seed: int,
) -> _CheckedFolds:
    data = open_prepared_data(request.data_dir)
    folds = open_folds(
        read_fold_models(request.fold_models), request, data, read_model_info
    )
    infos = [fold.info for fold in folds]
    # Each network's own mask is made before: 0 removes nothing more.
    rules = dataclasses.replace(
        request.rules, min_lesion_mm3=_common(infos, "min_lesion_mm3") or 0.0
    )
    model = describe_model(infos[0])
    own_data = len({info.data_identity for info in infos}) > 1
    if own_data:
        del model["data_identity"]
    evaluated = {
        "kind": KIND,
        "data_identity": data.identity,
        "split": None,
        "subjects": sorted(s for fold in folds for s in fold.model.subjects),
        "model": model,
        "folds": [_describe_fold(fold, own_data=own_data) for fold in folds],
        "threshold": _common(infos, "threshold"),
        "rules": rules.to_json(),
        "seed": seed,
        **describe_computing(request),
    }
    warnings = (
        *warn_of_other_data(folds, data),
        *_warn_of_left_out(request.fold_models, folds, data),
    )
    return _CheckedFolds(data, folds, rules, evaluated, warnings)


def _warn_of_left_out(
    table: Path, folds: Sequence[Fold], data: PreparedData
) -> tuple[str, ...]:
    """Warns of subjects of the cross-validation that have no line.

    Who was fitted or validated on in one fold is predicted in another, but
    for those that are only fitted.
    """
    if len(folds) < 2:
        return ()
    subjects = {record.subject_id for record in data.select()}
    seen = [set(seen_among(fold.info, subjects)) for fold in folds]
    predicted = {s for fold in folds for s in fold.model.subjects}
    left_out = set.union(*seen) - predicted - read_fit_only(table)
    if any(fold.info.origin.weights_sha256 for fold in folds):
        # What all have seen may be of the model that they started from.
        left_out -= set.intersection(*seen)
    if not left_out:
        return ()
    return (
        f"{len(left_out)} subjects of the cross-validation have no line in "
        f"{table} and are not evaluated: {listed(sorted(left_out))}",
    )


def _describe_fold(fold: Fold, *, own_data: bool) -> dict[str, Any]:
    described = {
        "name": fold.model.name,
        "subjects": sorted(fold.model.subjects),
        "files": dict(fold.info.files),
    }
    # Only where each has its own, so that earlier evaluations stay the same.
    if own_data:
        described["data_identity"] = fold.info.data_identity
    if fold.model.settings is not None:
        described |= dataclasses.asdict(fold.model.settings)
    return described


def _common(infos: Sequence[ModelInfo], name: str) -> float | None:
    """The setting that all models have; None where they differ."""
    values = {getattr(info, name) for info in infos}
    return values.pop() if len(values) == 1 else None
