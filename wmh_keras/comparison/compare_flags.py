"""The flags of the program `wmh-compare`, and the request they make."""

import shlex
from collections import Counter
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.messages import listed
from data_prep.program import require
from wmh_keras.comparison.request import (
    VALIDATION_FRACTION,
    ComparisonRequest,
    CrossValidation,
)

_FOLD_FLAGS = (
    "cv_splits",
    "validation_fraction",
    "seed",
    "calibrate",
    "fit_only_subjects",
)


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_list(
        "recipes",
        [],
        "Flagfiles of wmh-train, with commas: unet.cfg, or your own.",
        **common,
    )
    for name, default, text in (
        (
            "data_dir",
            None,
            "Prepared data set of the recipes that name none themselves.",
        ),
        ("workdir", None, "Folder of the comparison; made if need be."),
        (
            "test_split",
            "test",
            "Split that all are evaluated on; a+b joins two.",
        ),
        (
            "train_flags",
            "",
            'Flags of wmh-train for all recipes, such as "--epochs=3 '
            '--seed=1"; they win over those of a recipe.',
        ),
        (
            "evaluate_flags",
            "",
            "Flags of wmh-evaluate for all recipes, likewise.",
        ),
    ):
        flags.DEFINE_string(name, default, text, **common)
    flags.DEFINE_boolean(
        "dry_run", False, "Show what is done and what is to do.", **common
    )
    _define_fold_flags(flag_values)


def request_from(flag_values: flags.FlagValues) -> ComparisonRequest:
    """The request that the flags make.

    Raises:
        UsageError: a flag is missing, has no possible value, or needs another.
        UserError: a list of subjects that cannot be read, or names one twice.
    """
    require(flag_values, "recipes", "workdir")
    if "," in flag_values.workdir:
        raise UsageError(
            f"--workdir={flag_values.workdir}: expected a path without commas, "
            "which separate the folders that a report is given"
        )
    cross_validation = _cross_validation_from(flag_values)
    if cross_validation is not None and flag_values["test_split"].present:
        raise UsageError(
            "--test_split: the folds say who is evaluated by which model; "
            "--cv_splits says whose subjects take part"
        )
    data_dir = flag_values.data_dir
    return ComparisonRequest(
        recipes=tuple(flag_values.recipes),
        workdir=Path(flag_values.workdir),
        data_dir=Path(data_dir) if data_dir else None,
        test_split=flag_values.test_split,
        train_flags=_split(flag_values, "train_flags"),
        evaluate_flags=_split(flag_values, "evaluate_flags"),
        cross_validation=cross_validation,
    )


def _cross_validation_from(
    flag_values: flags.FlagValues,
) -> CrossValidation | None:
    by_site = flag_values.leave_one_site_out
    if flag_values.num_folds is None and not by_site:
        given = [name for name in _FOLD_FLAGS if flag_values[name].present]
        if given:
            raise UsageError(
                f"--{given[0]}: is for a cross-validation: give --num_folds "
                "or --leave_one_site_out too"
            )
        return None
    if flag_values.num_folds is not None and by_site:
        raise UsageError(
            "expected --num_folds or --leave_one_site_out, received both"
        )
    fraction = flag_values.validation_fraction
    if not 0 < fraction < 1:
        raise UsageError(
            f"--validation_fraction: expected above 0 and below 1, received "
            f"{fraction}"
        )
    return CrossValidation(
        num_folds=0 if by_site else flag_values.num_folds,
        splits=flag_values.cv_splits,
        validation_fraction=fraction,
        seed=flag_values.seed,
        calibrate=flag_values.calibrate,
        fit_only=_fit_only_from(flag_values.fit_only_subjects),
    )


def _fit_only_from(path: str) -> tuple[str, ...]:
    if not path:
        return ()
    from wmh_keras.datasets import read_subjects

    subjects = read_subjects(path)
    twice = [s for s, count in Counter(subjects).items() if count > 1]
    if twice:
        raise UserError(
            f"--fit_only_subjects={path}: expected each subject once, found "
            f"more than one line of {listed(twice)}"
        )
    return tuple(sorted(subjects))


def _split(flag_values: flags.FlagValues, name: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(flag_values[name].value))
    except ValueError as error:
        raise UsageError(
            f"--{name}: expected flags as in a shell, received "
            f"{flag_values[name].value!r}: {error}"
        ) from error


def _define_fold_flags(flag_values: flags.FlagValues) -> None:
    common = {"flag_values": flag_values}
    flags.DEFINE_integer(
        "num_folds",
        None,
        "Cross-validation: share the subjects out to so many folds, by "
        "subject and stratified by site.",
        lower_bound=2,
        **common,
    )
    flags.DEFINE_boolean(
        "leave_one_site_out",
        False,
        "Cross-validation with a fold of each site.",
        **common,
    )
    flags.DEFINE_string(
        "cv_splits",
        "",
        "Splits whose subjects take part in a cross-validation, such as a+b; "
        "by default train, validation and test, never an external set.",
        **common,
    )
    flags.DEFINE_float(
        "validation_fraction",
        VALIDATION_FRACTION,
        "Share of the other folds' subjects that drives the schedule and the "
        "model choice, rather than being fitted; stratified by site.",
        **common,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "Seed of the folds; that of a training is one of --train_flags.",
        lower_bound=0,
        **common,
    )
    flags.DEFINE_boolean(
        "calibrate",
        False,
        "After each fold's training choose its threshold and minimum lesion "
        "size on its validation subjects, as wmh-calibrate does, and evaluate "
        "the subjects that it leaves out with these.",
        **common,
    )
    flags.DEFINE_string(
        "fit_only_subjects",
        "",
        "File of subject ids, one a line, that every fold fits and none is "
        "validated or tested on, such as those whose masks are partial; from "
        "whatever split. The folds are those of the other subjects.",
        **common,
    )
