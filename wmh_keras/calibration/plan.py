"""What a calibration consists of, before a network is loaded."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any

from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.subject_digest import subject_digest
from wmh_keras import artifacts
from wmh_keras.calibration.request import CalibrationRequest
from wmh_keras.calibration.subjects import UNSEEN, Standing, check_standing
from wmh_keras.datasets import PreparedData, VolumeRecord, open_prepared_data
from wmh_keras.evaluation.evaluated_models import (
    describe_computing,
    with_settings,
)
from wmh_keras.evaluation.fold_models import read_fold_models
from wmh_keras.evaluation.folds import Fold, open_folds, warn_of_other_data
from wmh_keras.evaluation.request import OutOfFoldRequest
from wmh_keras.inference.ensemble import (
    MaskSettings,
    channels_of,
    model_identity,
)
from wmh_keras.model_info import ModelInfo


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is known before a network is loaded.

    Attributes:
        data: whose volumes are predicted.
        records: the volumes.
        infos: the models, of all folds, with one setting that says nothing.
        own_settings: what they are stored with; None where they differ.
        folds: those of a cross-validation; else the models are an ensemble.
        standing: what the subjects are to the models.
        calibrated: what decides the numbers, as JSON types; no paths.
    """

    data: PreparedData
    records: tuple[VolumeRecord, ...]
    infos: tuple[ModelInfo, ...]
    own_settings: MaskSettings | None
    folds: tuple[Fold, ...]
    standing: Standing
    calibrated: dict[str, Any]


def make_plan(request: CalibrationRequest) -> Plan:
    """Reads models and data, and checks what can be checked.

    Raises:
        UserError: no such data, subjects or model; a model that has seen what
            it must not have; volumes without a reference.
    """
    source = request.source
    data = open_prepared_data(source.data_dir)
    read = functools.cache(artifacts.read_model_info)
    if isinstance(source, OutOfFoldRequest):
        # Settings that the table has are those of another choice.
        models = [
            dataclasses.replace(model, settings=None)
            for model in read_fold_models(source.fold_models)
        ]
        paths = [model.model for model in models]
        folds = open_folds(models, source, data, read)
        infos = tuple(fold.info for fold in folds)
        records = [record for fold in folds for record in fold.records]
        standing = Standing(UNSEEN, warn_of_other_data(folds, data))
    else:
        paths, folds = source.models, ()
        infos = with_settings(list(map(read, paths)), source)
        data.check_channels(channels_of(infos))
        records = data.select(source.split, source.subjects)
        standing = check_standing(infos, data, records)
    _check_references(data, records)
    own = {
        MaskSettings(i.threshold, i.min_lesion_mm3) for i in map(read, paths)
    }
    return Plan(
        data=data,
        records=tuple(records),
        infos=infos,
        own_settings=own.pop() if len(own) == 1 else None,
        folds=folds,
        standing=standing,
        calibrated={
            "data_identity": data.identity,
            "subjects": _digests(r.subject_id for r in records),
            "models": _describe_models(infos, folds),
            "thresholds": list(request.grid.thresholds),
            "min_lesion_sizes_mm3": list(request.grid.min_lesion_sizes_mm3),
            "criterion": request.criterion,
            "by_site": request.by_site,
            **describe_computing(source),
        },
    )


def _describe_models(
    infos: Sequence[ModelInfo], folds: Sequence[Fold]
) -> list[dict[str, Any]]:
    """Each model, and in a cross-validation whom it predicts."""
    described = [
        {"identity": model_identity(info), "files": dict(info.files)}
        for info in infos
    ]
    for model, fold in zip(described, folds, strict=False):
        model["subjects"] = _digests(fold.model.subjects)
    return described


def _digests(subjects: Iterable[str]) -> list[str]:
    return sorted(set(map(subject_digest, subjects)))


def _check_references(
    data: PreparedData, records: Sequence[VolumeRecord]
) -> None:
    without = [r.volume_id for r in records if not r.has_mask]
    if without:
        raise UserError(
            f"{data.data_dir}: {len(without)} volumes have no reference to "
            f"calibrate on: {listed(without)}; give other subjects"
        )
