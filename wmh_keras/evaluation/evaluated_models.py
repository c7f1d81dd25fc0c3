"""The models of an evaluation: their settings, and what is said of them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wmh_keras.datasets import open_prepared_data
from wmh_keras.evaluation import layout
from wmh_keras.evaluation.request import ModelRequest, OutOfFoldRequest
from wmh_keras.inference.ensemble import as_ensemble, common_settings
from wmh_keras.model_info import ModelInfo


def with_settings(
    infos: Sequence[ModelInfo], request: ModelRequest | OutOfFoldRequest
) -> tuple[ModelInfo, ...]:
    """The models as one ensemble, all with the settings that count.

    Raises:
        UserError: the same model twice, or a setting that is out of range or
            on which the models differ.
    """
    infos = as_ensemble(infos)
    settings = common_settings(
        infos,
        threshold=request.threshold,
        min_lesion_mm3=request.min_lesion_mm3,
    )
    return tuple(
        dataclasses.replace(info, **dataclasses.asdict(settings))
        for info in infos
    )


def describe_model_evaluation(
    request: ModelRequest, infos: Sequence[ModelInfo], *, seed: int
) -> dict[str, Any]:
    """What decides the numbers of an evaluation, as JSON types; no paths.

    Nothing is evaluated: the same in a folder's summary tells that this
    evaluation has been done.

    Args:
        request: what is evaluated.
        infos: what the models are; several are an ensemble.
        seed: of the bootstrap intervals.

    Raises:
        UserError: no such data, or as `with_settings`.
    """
    data = open_prepared_data(request.data_dir)
    infos = with_settings(infos, request)
    rules = dataclasses.replace(
        request.rules, min_lesion_mm3=infos[0].min_lesion_mm3
    )
    model, *others = (
        {**describe_model(info), "files": dict(info.files)} for info in infos
    )
    evaluated = {
        "kind": "model",
        "data_identity": data.identity,
        "split": request.split,
        "subjects": sorted(request.subjects) if request.subjects else None,
        "model": model,
        "threshold": infos[0].threshold,
        "rules": rules.to_json(),
        "seed": seed,
    }
    # Only where there are any, so that earlier evaluations stay the same.
    if others:
        evaluated["other_models"] = others
    return evaluated | describe_computing(request)


def describe_model(info: ModelInfo) -> dict[str, Any]:
    """What a model is apart from its weights, as JSON types."""
    names = ("network", "network_arguments", "preprocess", "data_identity")
    content = info.to_json()
    return {name: content[name] for name in names}


def describe_computing(
    request: ModelRequest | OutOfFoldRequest,
) -> dict[str, str]:
    """Test-time flips and precision, as JSON types.

    Both change numbers, and decide whether two evaluations are the same; the
    engine does not. Nothing of what is as by default, so that earlier
    evaluations stay the same.
    """
    described = {}
    if request.test_time_flips != "none":
        described["test_time_flips"] = request.test_time_flips
    if request.precision != "fp32":
        described["precision"] = request.precision
    return described


def find_history(infos: Sequence[ModelInfo]) -> Path | None:
    """The table of the training, where the model lies in its work folder.

    None of an ensemble: the curves of one of its trainings are not its own.
    """
    if len(infos) > 1 or infos[0].folder is None:
        return None
    history = infos[0].folder.parent / layout.HISTORY_FILE
    return history if history.is_file() else None
