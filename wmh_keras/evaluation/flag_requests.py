"""What the flags of `wmh-evaluate` ask for."""

import os
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from data_prep.program import require
from wmh_keras.evaluation.request import (
    FilesRequest,
    ModelRequest,
    OutOfFoldRequest,
    Output,
)
from wmh_keras.evaluation.rule_flags import rules_from
from wmh_keras.inference.inference_flags import (
    min_lesion_from,
    models_from,
    threshold_from,
)

_MODEL_ONLY = (
    "data_dir",
    "model",
    "fold_models",
    "split",
    "subjects",
    "threshold",
    "test_time_flips",
    "save_predictions",
)
_FILES_ONLY = (
    "references",
    "predictions",
    "probabilities",
    "images",
    "pairs",
    "mask_value",
    "prediction_mask_value",
)


def wants_model(flag_values: flags.FlagValues) -> bool:
    """Whether a model is to be evaluated, rather than files.

    Raises:
        UsageError: a required flag is missing, or flags of both are given.
    """
    require(flag_values, "output_dir")
    given = _given(flag_values, _MODEL_ONLY), _given(flag_values, _FILES_ONLY)
    if all(given):
        raise UsageError(
            f"--{given[0][0]} is for a model, --{given[1][0]} for files: give "
            "either --data_dir and --model, or --references and --predictions"
        )
    if given[0]:
        if flag_values.fold_models:
            _check_fold_flags(flag_values)
        else:
            require(flag_values, "data_dir", "model")
        return True
    if flag_values.pairs is None:
        if not given[1]:
            raise UsageError(
                "give either --data_dir and --model, or --references and "
                "--predictions, or --pairs"
            )
        require(flag_values, "references", "predictions")
        return False
    folders = _given(
        flag_values, ("references", "predictions", "probabilities", "images")
    )
    if folders:
        raise UsageError(
            f"--{folders[0]}: the table of --pairs lists the files already"
        )
    return False


def model_request_from(
    flag_values: flags.FlagValues, subjects: tuple[str, ...] | None
) -> ModelRequest:
    """The request that the flags make.

    Args:
        flag_values: parsed flags.
        subjects: what the file of --subjects lists.
    """
    default_split = "test" if subjects is None else None
    return ModelRequest(
        data_dir=Path(flag_values.data_dir),
        models=models_from(flag_values),
        split=flag_values.split or default_split,
        subjects=subjects,
        threshold=threshold_from(flag_values),
        min_lesion_mm3=min_lesion_from(flag_values),
        test_time_flips=flag_values.test_time_flips,
        precision=flag_values.precision,
        save_predictions=flag_values.save_predictions,
        rules=rules_from(flag_values),
    )


def out_of_fold_request_from(flag_values: flags.FlagValues) -> OutOfFoldRequest:
    """The request that the flags make, with --fold_models."""
    return OutOfFoldRequest(
        data_dir=Path(flag_values.data_dir),
        fold_models=Path(flag_values.fold_models),
        threshold=threshold_from(flag_values),
        min_lesion_mm3=min_lesion_from(flag_values),
        test_time_flips=flag_values.test_time_flips,
        precision=flag_values.precision,
        save_predictions=flag_values.save_predictions,
        rules=rules_from(flag_values),
    )


def files_request_from(flag_values: flags.FlagValues) -> FilesRequest:
    """The request that the flags make."""
    names = ("references", "predictions", "probabilities", "images", "pairs")
    paths = {
        name: Path(flag_values[name].value)
        for name in names
        if flag_values[name].value
    }
    return FilesRequest(
        **paths,
        mask_value=flag_values.mask_value,
        prediction_mask_value=flag_values.prediction_mask_value,
        rules=rules_from(flag_values),
    )


def output_from(flag_values: flags.FlagValues) -> Output:
    """Where the results go, and how."""
    return Output(
        output_dir=Path(flag_values.output_dir),
        overwrite=flag_values.overwrite,
        skip_invalid=flag_values.skip_invalid,
        seed=flag_values.seed,
        pictures=flag_values.pictures,
        num_workers=flag_values.num_workers or os.cpu_count() or 1,
    )


def _check_fold_flags(flag_values: flags.FlagValues) -> None:
    require(flag_values, "data_dir")
    others = _given(flag_values, ("model", "split", "subjects"))
    if others:
        raise UsageError(
            f"--{others[0]}: the table of --fold_models lists the subjects and "
            "their models already"
        )


def _given(flag_values: flags.FlagValues, names: tuple[str, ...]) -> list[str]:
    return [
        name
        for name in names
        if flag_values[name].value not in (None, False, "", [], "none")
    ]
