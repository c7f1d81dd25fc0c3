"""A whole evaluation: from what the user asked for to what was written."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import UserError
from data_prep.program import progress
from wmh_keras.datasets import open_prepared_data
from wmh_keras.evaluation import earlier_results, layout, results_folder
from wmh_keras.evaluation.evaluated_models import (
    describe_model_evaluation,
    find_history,
    with_settings,
)
from wmh_keras.evaluation.finishing import (
    Evaluation,
    describe_engine,
    finish,
    pictures_folder,
)
from wmh_keras.evaluation.from_files import (
    MaskValues,
    check_pairs,
    evaluate_pairs,
)
from wmh_keras.evaluation.from_model import evaluate_volumes
from wmh_keras.evaluation.matching import match_folders
from wmh_keras.evaluation.pairs import read_pairs
from wmh_keras.evaluation.problems import raise_problems
from wmh_keras.evaluation.request import FilesRequest, ModelRequest, Output
from wmh_keras.evaluation.training_overlap import find_training_overlap
from wmh_keras.inference.ensemble import channels_of
from wmh_keras.model_info import ModelInfo

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmenter


def evaluate_files(request: FilesRequest, output: Output) -> Evaluation:
    """Evaluates masks from any tool and writes the results.

    Args:
        request: which files, and how they are scored.
        output: where the results go.

    Returns:
        The results, as they were written.

    Raises:
        UserError: files that are missing, unreadable, on another grid or
            without a partner, all of them named; nothing is written then.
    """
    evaluated = {
        "kind": "files",
        **{
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(request).items()
        },
        "seed": output.seed,
    }
    _check_apart(request, output.output_dir)
    earlier_results.check_place(
        output.output_dir, evaluated, overwrite=output.overwrite
    )
    if request.pairs is not None:
        matching = read_pairs(request.pairs)
    else:
        matching = match_folders(
            request.references,
            request.predictions,
            request.probabilities,
            request.images,
        )
    values = MaskValues(request.mask_value, request.prediction_mask_value)
    if matching.problems and not output.skip_invalid:
        # All problems in one list, rather than one kind after the other.
        checked = progress(matching.pairs, "check", unit="volume")
        problems = check_pairs(checked, values)
        raise_problems((*matching.problems, *problems))
    with results_folder.staging_folder(output.output_dir) as stage:
        outcome = evaluate_pairs(
            matching.pairs,
            values=values,
            rules=request.rules,
            num_workers=output.num_workers,
            pictures_dir=pictures_folder(stage, output),
        )
        outcome = dataclasses.replace(
            outcome, problems=(*matching.problems, *outcome.problems)
        )
        return finish(
            outcome, output, stage, request.rules, evaluated=evaluated, paths={}
        )


def _check_apart(request: FilesRequest, output_dir: Path) -> None:
    """Checks that results do not go among what they are made from."""
    for name in ("references", "predictions", "probabilities", "images"):
        folder = getattr(request, name)
        if folder is not None and folder.resolve() == output_dir.resolve():
            raise UserError(
                f"{output_dir}: is the folder of --{name} too; choose another "
                "--output_dir"
            )


def evaluate_model(
    request: ModelRequest,
    output: Output,
    infos: Sequence[ModelInfo],
    load_segmenter: "Callable[[Sequence[ModelInfo]], Segmenter]",
) -> Evaluation:
    """Evaluates a model, or an ensemble, and writes the results.

    Args:
        request: which volumes of a prepared data set, and where the models'
            own settings do not count.
        output: where the results go.
        infos: what the models are; several are an ensemble.
        load_segmenter: called once, with `infos` as the request changes them,
            when everything else has been checked; only then is Keras needed.

    Raises:
        UserError: no such data, split or subject, a setting out of its range
            or on which the models differ, images that the data does not hold,
            or volumes that cannot be evaluated, all of them named.
    """
    data = open_prepared_data(request.data_dir)
    channels = channels_of(infos)
    data.check_channels(channels)
    records = data.select(request.split, request.subjects)
    evaluated = describe_model_evaluation(request, infos, seed=output.seed)
    infos = with_settings(infos, request)
    rules = dataclasses.replace(
        request.rules, min_lesion_mm3=infos[0].min_lesion_mm3
    )
    earlier_results.check_place(
        output.output_dir, evaluated, overwrite=output.overwrite
    )
    overlap = find_training_overlap(infos, data, records)
    segmenter = load_segmenter(infos)
    predictions = layout.PREDICTIONS_FOLDER
    with results_folder.staging_folder(output.output_dir) as stage:
        outcome = evaluate_volumes(
            data.read_volumes(records, channels),
            segmenter,
            rules=rules,
            records=records,
            channels=channels,
            num_workers=output.num_workers,
            pictures_dir=pictures_folder(stage, output),
            predictions_dir=(
                stage / predictions if request.save_predictions else None
            ),
        )
        return finish(
            dataclasses.replace(
                outcome, warnings=(*overlap, *outcome.warnings)
            ),
            output,
            stage,
            rules,
            evaluated=evaluated,
            computing=describe_engine(segmenter),
            paths={
                "data_dir": str(request.data_dir),
                "model": "; ".join(map(str, request.models)),
            },
            history=find_history(infos),
        )
