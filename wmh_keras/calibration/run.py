"""A whole calibration: from what the user asked for to what was written."""

import contextlib

from data_prep.dataset.ordered_map import ordered_map
from data_prep.errors import UserError
from data_prep.program import progress
from data_prep.volume import check_same_grid
from wmh_keras import artifacts
from wmh_keras.calibration import results
from wmh_keras.calibration.choice import (
    VolumeScores,
    average,
    choose,
    find_setting,
    warn_of_choice,
    warn_of_few,
)
from wmh_keras.calibration.grid import Grid, score_grid
from wmh_keras.calibration.plan import Plan, make_plan
from wmh_keras.calibration.request import CalibrationRequest
from wmh_keras.calibration.results import Calibration
from wmh_keras.evaluation.finishing import describe_engine
from wmh_keras.evaluation.folds import ByTurns, LoadSegmenter
from wmh_keras.evaluation.from_model import (
    SegmentedVolume,
    key_of,
    segment_all,
)
from wmh_keras.inference.ensemble import channels_of, model_identity
from wmh_keras.model_info import ModelInfo


def calibrate(
    request: CalibrationRequest, load_segmenter: LoadSegmenter
) -> Calibration:
    """Chooses the settings, and writes results and where asked the models.

    What the folder holds already is not done again.

    Args:
        request: what the user asks for.
        load_segmenter: called when everything else has been checked; only
            then is Keras needed.

    Raises:
        UserError: whatever `make_plan` refuses; volumes that cannot be
            scored; a folder of something else; models that cannot be written
            to.
    """
    plan = make_plan(request)
    targets = _check_targets(request, plan)
    folder = request.output_dir
    results.check_place(folder, plan.calibrated, overwrite=request.overwrite)
    calibration = results.read_finished(folder, plan.calibrated)
    if calibration is None:
        calibration = _calibrate(request, plan, load_segmenter)
    for info in targets:
        artifacts.update_settings(
            info,
            threshold=calibration.chosen.threshold,
            min_lesion_mm3=calibration.chosen.min_lesion_mm3,
        )
    return calibration


def find_calibration(request: CalibrationRequest) -> Calibration | None:
    """The results of just this calibration, of the models as they are.

    Returns:
        None where it has to be done, or cannot.
    """
    try:
        plan = make_plan(request)
    except UserError:
        return None  # no model yet; or the program itself says what
    return results.read_finished(request.output_dir, plan.calibrated)


def _check_targets(
    request: CalibrationRequest, plan: Plan
) -> tuple[ModelInfo, ...]:
    """The models that are written to: those that predict, or their copies.

    A fold's own model keeps its settings: else an evaluation of the folds
    would take a choice that all of its subjects have a part in.
    """
    if not request.write_to or not plan.folds:
        return plan.infos if request.write_to else ()
    known = {model_identity(info) for info in plan.infos}
    places = {info.folder.resolve() for info in plan.infos}
    targets = tuple(map(artifacts.read_model_info, request.write_to))
    for info in targets:
        if model_identity(info) not in known:
            raise UserError(
                f"{info.folder}: expected a copy of a model of "
                f"{request.source.fold_models}, found another model"
            )
        if info.folder.resolve() in places:
            raise UserError(
                f"{info.folder}: is a fold's own model, which an evaluation of "
                "the folds takes its settings from; copy the models for new "
                "scans to a place of their own, and give that as --model"
            )
    return targets


def _calibrate(
    request: CalibrationRequest, plan: Plan, load_segmenter: LoadSegmenter
) -> Calibration:
    volumes, computing = _score_all(request, plan, load_segmenter)
    means = average(volumes, by_site=request.by_site)
    chosen = choose(means, request.grid, request.criterion)
    own = plan.own_settings
    calibration = Calibration(
        chosen=chosen,
        own=own
        and find_setting(
            means, request.grid, own.threshold, own.min_lesion_mm3
        ),
        criterion=request.criterion,
        by_site=request.by_site,
        num_subjects=means.overall.num_subjects,
        num_volumes=means.overall.num_volumes,
        note=plan.standing.note,
        warnings=(
            *plan.standing.warnings,
            *warn_of_few(means),
            *warn_of_choice(chosen, means, request.grid),
        ),
    )
    results.write_results(
        request.output_dir,
        calibration,
        means,
        request.grid,
        calibrated=plan.calibrated,
        facts={
            **computing,
            "paths": {
                "data_dir": str(request.source.data_dir),
                "models": [str(info.folder) for info in plan.infos],
            },
        },
    )
    return calibration


def _score_all(
    request: CalibrationRequest, plan: Plan, load_segmenter: LoadSegmenter
) -> tuple[list[VolumeScores], dict[str, str]]:
    """Predicts volume by volume, and scores the ones before meanwhile."""
    if plan.folds:
        segmenter = ByTurns(plan.data, plan.folds, load_segmenter)
        channels, stored = segmenter.channels, segmenter.read_volumes()
    else:
        segmenter = load_segmenter(plan.infos)
        channels = channels_of(plan.infos)
        stored = plan.data.read_volumes(plan.records, channels)
    scored = ordered_map(
        lambda item: _score(item, request.grid),
        segment_all(stored, segmenter, channels),
        request.num_workers,
    )
    with contextlib.closing(scored):
        found = list(progress(scored, "calibrate", len(plan.records), "volume"))
    problems = [item for item in found if isinstance(item, str)]
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise UserError(
            f"{len(problems)} volumes cannot be scored; no results were "
            f"written:{lines}"
        )
    return found, describe_engine(segmenter)


def _score(item: SegmentedVolume, grid: Grid) -> VolumeScores | str:
    """The scores of a volume, or why there are none."""
    stored, key = item.stored, key_of(item.stored.record)
    if item.found is None:
        return f"{key}: {item.problem}"
    try:
        check_same_grid(stored.mask, stored.images[0])
        scores = score_grid(
            stored.mask.data,
            item.found.probability,
            stored.images[0].voxel_mm3,
            grid,
        )
    except (ValueError, UserError) as error:
        return f"{key}: {error}"
    return VolumeScores(key, scores)
