"""Evaluates a cross-validation: each subject by a model that never saw it."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.errors import UserError
from data_prep.volume import Volume
from wmh_keras.datasets import (
    PreparedData,
    StoredVolume,
    VolumeRecord,
    open_prepared_data,
)
from wmh_keras.evaluation import earlier_results, layout, results_folder
from wmh_keras.evaluation.evaluated_models import (
    describe_computing,
    describe_model,
    with_settings,
)
from wmh_keras.evaluation.finishing import (
    Evaluation,
    describe_engine,
    finish,
    pictures_folder,
)
from wmh_keras.evaluation.fold_models import FoldModel, read_fold_models
from wmh_keras.evaluation.from_model import evaluate_volumes
from wmh_keras.evaluation.problems import listed
from wmh_keras.evaluation.request import OutOfFoldRequest, Output
from wmh_keras.evaluation.rules import Rules
from wmh_keras.evaluation.training_overlap import seen_among
from wmh_keras.inference.ensemble import channels_of
from wmh_keras.model_info import ModelInfo

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmentation, Segmenter

LoadSegmenter = Callable[[Sequence[ModelInfo]], "Segmenter"]
KIND = "out_of_fold"


@dataclasses.dataclass(frozen=True, eq=False)
class _Fold:
    """A fold's model, what it is, and the volumes that it predicts."""

    model: FoldModel
    info: ModelInfo
    records: tuple[VolumeRecord, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class _CheckedFolds:
    """Everything that is known before a network is loaded."""

    data: PreparedData
    folds: tuple[_Fold, ...]
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
    by_turns = _ByTurns(checked.data, checked.folds, load_segmenter)
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
            computing=by_turns.computing,
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


class _ByTurns:
    """A segmenter that is another fold's after that fold's volumes begin.

    `evaluate_volumes` draws a volume and segments it before it draws the next
    one, so the network in place is always that of the volume drawn last.
    """

    def __init__(
        self,
        data: PreparedData,
        folds: Sequence[_Fold],
        load_segmenter: LoadSegmenter,
    ) -> None:
        self._data = data
        self._folds = folds
        self._load = load_segmenter
        self._segmenter: Segmenter | None = None
        self.computing: dict[str, str] = {}
        # Those of every fold, whose models are prepared alike.
        self.channels = channels_of([folds[0].info])

    def read_volumes(self) -> Iterator[StoredVolume]:
        """Streams the volumes fold by fold."""
        for fold in self._folds:
            self._segmenter = None  # one network in memory, never two
            self._segmenter = self._load([fold.info])
            self.computing = describe_engine(self._segmenter)
            yield from self._data.read_volumes(fold.records, self.channels)

    def segment(self, images: Sequence[Volume]) -> "Segmentation":
        """Segments the volume that was drawn last."""
        return self._segmenter.segment(images)


def _check(
    request: OutOfFoldRequest,
    read_model_info: Callable[[Path], ModelInfo],
    *,
    seed: int,
) -> _CheckedFolds:
    data = open_prepared_data(request.data_dir)
    folds = tuple(
        _Fold(
            model,
            *with_settings([read_model_info(model.model)], request),
            tuple(data.select(subjects=model.subjects)),
        )
        for model in read_fold_models(request.fold_models)
    )
    _check_unseen(folds)
    _check_agreement(folds)
    info = folds[0].info
    data.check_channels(channels_of([info]))
    rules = dataclasses.replace(
        request.rules, min_lesion_mm3=info.min_lesion_mm3
    )
    evaluated = {
        "kind": KIND,
        "data_identity": data.identity,
        "split": None,
        "subjects": sorted(s for fold in folds for s in fold.model.subjects),
        "model": describe_model(info),
        "folds": [
            {
                "name": fold.model.name,
                "subjects": sorted(fold.model.subjects),
                "files": dict(fold.info.files),
            }
            for fold in folds
        ],
        "threshold": info.threshold,
        "rules": rules.to_json(),
        "seed": seed,
        **describe_computing(request),
    }
    warnings = _warn_of_left_out(request.fold_models, folds, data)
    return _CheckedFolds(data, folds, rules, evaluated, warnings)


def _warn_of_left_out(
    table: Path, folds: Sequence[_Fold], data: PreparedData
) -> tuple[str, ...]:
    """Warns of subjects of the cross-validation that have no line.

    Who was fitted or validated on in one fold is predicted in another.
    """
    if len(folds) < 2:
        return ()
    subjects = {record.subject_id for record in data.select()}
    seen = [set(seen_among(fold.info, subjects)) for fold in folds]
    predicted = {s for fold in folds for s in fold.model.subjects}
    left_out = set.union(*seen) - predicted
    if any(fold.info.origin.weights_sha256 for fold in folds):
        # What all have seen may be of the model that they started from.
        left_out -= set.intersection(*seen)
    if not left_out:
        return ()
    return (
        f"{len(left_out)} subjects of the cross-validation have no line in "
        f"{table} and are not evaluated: {listed(sorted(left_out))}",
    )


def _check_unseen(folds: Sequence[_Fold]) -> None:
    lines = []
    for fold in folds:
        subjects = seen_among(fold.info, fold.model.subjects)
        if subjects:
            lines.append(f"  {fold.model.model}: {listed(subjects)}")
    if lines:
        raise UserError(
            "these models were trained or validated on subjects that they are "
            "to predict:\n" + "\n".join(lines) + "\nGive each subject the "
            "model of the fold that left it out."
        )


def _check_agreement(folds: Sequence[_Fold]) -> None:
    """Checks that the models are one recipe's, used in one way."""
    first, *others = folds
    way_out = {
        "threshold": "give one to all with --threshold",
        "min_lesion_mm3": "give one to all with --min_lesion_mm3",
    }
    for other in others:
        for name in (*describe_model(first.info), *way_out):
            ours, theirs = (getattr(fold.info, name) for fold in (first, other))
            if ours != theirs:
                raise UserError(
                    f"{other.model.model}: expected {name} {ours} as in "
                    f"{first.model.model}, received {theirs}; "
                    + way_out.get(
                        name, "all models have to be of one recipe and data set"
                    )
                )
