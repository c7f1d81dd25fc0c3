"""Plans a comparison: everything is checked before anything is run."""

import functools
from collections.abc import Callable, Collection
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError, UserError
from data_prep.messages import listed
from wmh_keras.comparison.fold_lists import (
    Fold,
    check_lists,
    make_folds,
    select_subjects,
)
from wmh_keras.comparison.fold_settings import (
    calibration_step,
    check_settings_are_free,
)
from wmh_keras.comparison.plan import Plan, RecipePlan
from wmh_keras.comparison.recipes import Recipe, read_recipes
from wmh_keras.comparison.request import ComparisonRequest, Places
from wmh_keras.comparison.same_references import check_same_references
from wmh_keras.comparison.steps import (
    Training,
    check_evaluate_flags,
    evaluation_step,
    is_evaluated,
    training_config,
    training_step,
)
from wmh_keras.datasets import PreparedData, VolumeRecord, open_prepared_data
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.lesion_masks import LesionMasks, find_lesion_masks
from wmh_keras.training.subjects import (
    check_lesion_masks,
    check_lesions,
    choose_records,
    data_fingerprint,
    select_labelled,
)
from wmh_keras.training.workdir import FLAGS_FILE

_OWN = {
    "calibrations",
    "compare.csv",
    "cross_validation.csv",
    "evaluations",
    "folds",
    "logs",
    "report",
    "runs",
}


def make_plan(request: ComparisonRequest) -> Plan:
    """Reads all recipes and finds what is wrong; writes nothing.

    Args:
        request: what the user asks for.

    Raises:
        UserError: a recipe, a data set, splits or subjects that cannot be
            used; other volumes or references in one of the data sets; or a
            folder of something else.
    """
    places = Places(request.workdir)
    _check_place(request)
    recipes = read_recipes(request)
    check_evaluate_flags(request.evaluate_flags)
    choice = request.cross_validation
    calibrates = choice is not None and choice.calibrate
    if calibrates:
        check_settings_are_free(request.evaluate_flags)
    data = {r.data_dir: None for r in recipes}
    data = {folder: open_prepared_data(folder) for folder in data}
    folds = _make_folds(request, places, data)
    _check_same(request, data)
    # Once a folder, however many folds paint by it.
    find_masks = functools.cache(find_lesion_masks)
    plans = tuple(
        RecipePlan(
            recipe,
            tuple(
                _plan_training(
                    recipe, fold, places, data[recipe.data_dir], find_masks
                )
                for fold in (folds or (None,))
            ),
            evaluation_step(recipe, request, places),
            tuple(
                calibration_step(recipe, fold, request, places)
                for fold in (folds if calibrates else ())
            ),
        )
        for recipe in recipes
    )
    for plan in plans:
        _check_unseen(request, plan, data[plan.recipe.data_dir])
        try:
            is_evaluated(plan.evaluation)  # its flags go together
        except (flags.Error, UsageError) as error:
            raise UsageError(f"--evaluate_flags: {error}") from error
    return Plan(places, plans, folds)


def _plan_training(
    recipe: Recipe,
    fold: Fold | None,
    places: Places,
    data: PreparedData,
    find_masks: Callable[[str], LesionMasks | None],
) -> Training:
    step = training_step(recipe, fold, places)
    config = training_config(step)
    try:
        training, validation = _records(data, config, fold)
        masks = find_masks(config.lesion_masks)
        check_lesion_masks(masks, training, validation)
    except UserError as error:
        raise UserError(f"recipe {recipe.name}: {error}") from error
    fingerprint = data_fingerprint(data, training, validation, masks)
    return Training(step, config, fingerprint, fold, masks)


def _records(
    data: PreparedData, config: TrainingConfig, fold: Fold | None
) -> tuple[list[VolumeRecord], list[VolumeRecord]]:
    if fold is None:
        return choose_records(data, config)
    # As training reads them from the lists, which may not be written yet.
    training = data.select(subjects=fold.train)
    validation = data.select(subjects=fold.validation)
    try:
        check_lesions(training, validation)
    except UserError as error:
        raise UserError(f"{fold.name}: {error}") from error
    return training, validation


def _make_folds(
    request: ComparisonRequest,
    places: Places,
    data: dict[Path, PreparedData],
) -> tuple[Fold, ...]:
    if request.cross_validation is None:
        return ()
    first = next(iter(data.values()))
    folds = make_folds(first, request.cross_validation)
    check_lists(places.folds, folds)
    return folds


def _check_same(
    request: ComparisonRequest, data: dict[Path, PreparedData]
) -> None:
    choice = request.cross_validation
    if choice is None:
        what = f"split {request.test_split}"
        chosen = {
            folder: select_labelled(found, request.test_split)
            for folder, found in data.items()
        }
    else:
        what = "cross-validation"
        chosen = {
            folder: select_subjects(found, choice)
            for folder, found in data.items()
        }
    check_same_references(chosen, what)


def _check_unseen(
    request: ComparisonRequest, plan: RecipePlan, data: PreparedData
) -> None:
    """Checks that no model is compared on subjects that it has seen."""
    for training in plan.trainings:
        if training.fold is None:
            place = f"of --test_split={request.test_split}"
            tested = {r.subject_id for r in data.select(request.test_split)}
            both = choose_records(data, training.config)
            fitted = {r.subject_id for records in both for r in records}
            _refuse_seen(plan, "fits or validates on", fitted & tested, place)
        else:
            place = f"that {training.fold.name} leaves out"
            tested = set(training.fold.test)
        known = training.seen_before(tested)
        if training.lesion_masks:
            painted = training.lesion_masks.subjects & tested
            _refuse_seen(plan, "--lesion_masks has masks of", painted, place)
        begins = f"--init_model={training.config.init_model} has seen"
        _refuse_seen(plan, begins, known, place)


def _refuse_seen(
    plan: RecipePlan, who: str, seen: Collection[str], place: str
) -> None:
    if seen:
        raise UserError(
            f"recipe {plan.recipe.name}: {who} {len(seen)} subjects {place}: "
            f"{listed(sorted(seen))}; the comparison has to "
            "be on subjects that no model has seen"
        )


def _check_place(request: ComparisonRequest) -> None:
    folder = request.workdir
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder, found a file")
    present = {p.name for p in folder.glob("*")}
    if present and not present & _OWN:
        raise UserError(
            f"{folder}: expected a new or empty folder or that of a "
            "comparison, found other files "
            f"({listed(sorted(present))}); take another "
            "--workdir"
        )
    with_folds = (folder / "folds").exists()
    single = any((folder / "runs").glob(f"*/{FLAGS_FILE}"))
    if request.cross_validation is None and with_folds:
        raise UserError(
            f"{folder}: holds a cross-validation: give its --num_folds or "
            "--leave_one_site_out, or take another --workdir"
        )
    if request.cross_validation is not None and single:
        raise UserError(
            f"{folder}: holds a comparison without folds; take another "
            "--workdir for a cross-validation"
        )
