"""The flags of the program `wmh-calibrate`, and the request they make."""

import os
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from data_prep.program import require
from wmh_keras.calibration.choice import CRITERIA
from wmh_keras.calibration.grid import DEFAULT_GRID, Grid
from wmh_keras.calibration.request import CalibrationRequest
from wmh_keras.evaluation.request import ModelRequest, OutOfFoldRequest
from wmh_keras.inference.inference_flags import (
    define_network_flags,
    models_from,
)
from wmh_keras.shipped import SHIPPED

# What the networks of a calibration and of an evaluation have in common.
COMPUTING_FLAGS = (
    "batch_size",
    "engine",
    "num_workers",
    "precision",
    "test_time_flips",
)
# Any would do: the probabilities alone are used.
_NEUTRAL = {"threshold": 0.5, "min_lesion_mm3": 0.0}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines all flags of the program."""
    common = {"flag_values": flag_values}
    define_network_flags(flag_values)
    for name, text in (
        ("data_dir", "Prepared data set."),
        (
            "fold_models",
            "Table of a cross-validation, as of wmh-evaluate: each subject is "
            "predicted by the model that has not seen it, and the choice is "
            "over all of them. --model then names copies of these models that "
            "--write writes into.",
        ),
        (
            "split",
            "Split to calibrate on; a+b joins two. By default validation, or "
            "with --subjects whatever split stores them.",
        ),
        ("subjects", "Text file with one subject a line: only these."),
        ("output_dir", "Where the results go; made if need be."),
    ):
        flags.DEFINE_string(name, None, text, **common)
    _define_choice_flags(flag_values)
    flags.DEFINE_boolean(
        "write",
        False,
        "Write the choice into the model.json of every --model.",
        **common,
    )
    flags.DEFINE_boolean(
        "overwrite", False, "Replace the results of another one.", **common
    )
    flags.DEFINE_integer(
        "num_workers",
        None,
        "Volumes scored at a time: speed and memory, not results. By default "
        "the number of CPU cores.",
        lower_bound=1,
        **common,
    )


def request_from(flag_values: flags.FlagValues) -> CalibrationRequest:
    """The request that the flags make.

    Raises:
        UsageError: a flag is missing, has no possible value, or does not go
            with another.
        UserError: the file of --subjects cannot be read.
    """
    require(flag_values, "data_dir", "output_dir")
    if flag_values.fold_models:
        source = _fold_source(flag_values)
    else:
        require(flag_values, "model")
        source = _model_source(flag_values)
    if flag_values.write and SHIPPED in (flag_values.model or ()):
        raise UsageError(
            f"--write: {SHIPPED} is the package's own model, which everybody "
            "here uses under its name; write into a copy of its folder, or "
            "give the choice to wmh-predict as --threshold and "
            "--min_lesion_mm3"
        )
    return CalibrationRequest(
        source=source,
        output_dir=Path(flag_values.output_dir),
        grid=_grid_from(flag_values),
        criterion=flag_values.criterion,
        by_site=flag_values.by_site,
        overwrite=flag_values.overwrite,
        write_to=models_from(flag_values) if flag_values.write else (),
        num_workers=flag_values.num_workers or os.cpu_count() or 1,
    )


def _define_choice_flags(flag_values: flags.FlagValues) -> None:
    common = {"flag_values": flag_values}
    flags.DEFINE_list(
        "thresholds",
        [f"{value:g}" for value in DEFAULT_GRID.thresholds],
        "Thresholds to try, rising, with commas.",
        **common,
    )
    flags.DEFINE_list(
        "min_lesion_sizes_mm3",
        [f"{value:g}" for value in DEFAULT_GRID.min_lesion_sizes_mm3],
        "Minimum lesion sizes to try, in mm³, rising, with commas.",
        **common,
    )
    flags.DEFINE_enum(
        "criterion",
        CRITERIA[0],
        CRITERIA,
        "What is to be highest: the mean Dice, the mean lesion F1 of the WMH "
        "Segmentation Challenge, or the mean of both.",
        **common,
    )
    flags.DEFINE_boolean(
        "by_site",
        True,
        "Give every site the same weight, rather than every subject.",
        **common,
    )


def _fold_source(flag_values: flags.FlagValues) -> OutOfFoldRequest:
    for name in ("split", "subjects"):
        if flag_values[name].value:
            raise UsageError(
                f"--{name}: the table of --fold_models lists the subjects "
                "already"
            )
    if flag_values.write != bool(flag_values.model):
        raise UsageError(
            "--fold_models: expected both --write and --model, which names "
            "copies of the folds' models to write into, or neither"
        )
    return OutOfFoldRequest(
        data_dir=Path(flag_values.data_dir),
        fold_models=Path(flag_values.fold_models),
        test_time_flips=flag_values.test_time_flips,
        precision=flag_values.precision,
        **_NEUTRAL,
    )


def _model_source(flag_values: flags.FlagValues) -> ModelRequest:
    # Imports what reads volumes, which --help does without.
    from wmh_keras.datasets import read_subjects

    listed = flag_values.subjects
    return ModelRequest(
        data_dir=Path(flag_values.data_dir),
        models=models_from(flag_values),
        split=flag_values.split or (None if listed else "validation"),
        subjects=tuple(read_subjects(listed)) if listed else None,
        test_time_flips=flag_values.test_time_flips,
        precision=flag_values.precision,
        **_NEUTRAL,
    )


def _grid_from(flag_values: flags.FlagValues) -> Grid:
    try:
        return Grid(
            tuple(map(float, flag_values.thresholds)),
            tuple(map(float, flag_values.min_lesion_sizes_mm3)),
        )
    except ValueError as error:
        raise UsageError(
            f"--thresholds, --min_lesion_sizes_mm3: {error}"
        ) from error
