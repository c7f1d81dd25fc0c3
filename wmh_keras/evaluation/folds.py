"""The folds of a cross-validation: their models, volumes and networks."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import UserError
from data_prep.messages import listed
from data_prep.volume import Volume
from wmh_keras.datasets import PreparedData, StoredVolume, VolumeRecord
from wmh_keras.evaluation.evaluated_models import describe_model, with_settings
from wmh_keras.evaluation.fold_models import FoldModel
from wmh_keras.evaluation.request import OutOfFoldRequest
from wmh_keras.evaluation.training_overlap import seen_among
from wmh_keras.inference.ensemble import channels_of
from wmh_keras.model_info import ModelInfo

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmentation, Segmenter

LoadSegmenter = Callable[[Sequence[ModelInfo]], "Segmenter"]


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """A fold's model, what it is, and the volumes that it predicts.

    Attributes:
        model: from the table.
        info: what the model is, with the settings that count.
        records: volumes of its subjects.
    """

    model: FoldModel
    info: ModelInfo
    records: tuple[VolumeRecord, ...]


def open_folds(
    models: Sequence[FoldModel],
    request: OutOfFoldRequest,
    data: PreparedData,
    read_model_info: Callable[[Path], ModelInfo],
) -> tuple[Fold, ...]:
    """Reads what the models are, and checks that they make one evaluation.

    Args:
        models: from the table of the request.
        request: has settings for all, or the table has them for each, or the
            models have their own, in which they then agree.
        data: whose volumes are predicted.
        read_model_info: says what the model in a folder is.

    Raises:
        UserError: a model has seen a subject that it is to predict; models of
            other networks, preprocessing or settings; images that the data
            does not hold.
    """
    folds = tuple(
        Fold(
            model,
            _with_settings(model, read_model_info(model.model), request),
            tuple(data.select(subjects=model.subjects)),
        )
        for model in models
    )
    _check_unseen(folds)
    _check_agreement(folds)
    data.check_channels(channels_of([folds[0].info]))
    return folds


def warn_of_other_data(
    folds: Sequence[Fold], data: PreparedData
) -> tuple[str, ...]:
    """Warns of models of other data sets than the one that is evaluated."""
    others = [f for f in folds if f.info.data_identity != data.identity]
    if not others:
        return ()
    return (
        f"{len(others)} of {len(folds)} models were trained on other data sets "
        f"than {data.data_dir} ({others[0].model.model} is the first): whom "
        "they have seen is known by the ids alone, which have to mean the same "
        "people",
    )


class ByTurns:
    """A segmenter that is another fold's after that fold's volumes begin.

    `evaluate_volumes` draws a volume and segments it before it draws the next
    one, so the network in place is always that of the volume drawn last.

    Attributes:
        channels: roles of the images.
    """

    def __init__(
        self,
        data: PreparedData,
        folds: Sequence[Fold],
        load_segmenter: LoadSegmenter,
    ) -> None:
        """Takes the folds; networks are loaded when their turn has come."""
        self._data = data
        self._folds = folds
        self._load = load_segmenter
        self._segmenter: Segmenter | None = None
        # Those of every fold, whose models are prepared alike.
        self.channels = channels_of([folds[0].info])

    @property
    def engine(self) -> str:
        """What the network in place runs on."""
        return self._segmenter.engine

    @property
    def precision(self) -> str:
        """What it computes in."""
        return self._segmenter.precision

    def read_volumes(self) -> Iterator[StoredVolume]:
        """Streams the volumes fold by fold."""
        for fold in self._folds:
            self._segmenter = None  # one network in memory, never two
            self._segmenter = self._load([fold.info])
            yield from self._data.read_volumes(fold.records, self.channels)

    def segment(self, images: Sequence[Volume]) -> "Segmentation":
        """Segments the volume that was drawn last."""
        return self._segmenter.segment(images)


def _with_settings(
    model: FoldModel, info: ModelInfo, request: OutOfFoldRequest
) -> ModelInfo:
    if model.settings is not None:
        for name, value in dataclasses.asdict(model.settings).items():
            if getattr(request, name) is not None:
                raise UserError(
                    f"{request.fold_models}: gives every model a {name} of its "
                    f"own; leave --{name} out, or the columns in the table"
                )
            request = dataclasses.replace(request, **{name: value})
    (info,) = with_settings([info], request)
    return info


def _check_unseen(folds: Sequence[Fold]) -> None:
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


def _check_agreement(folds: Sequence[Fold]) -> None:
    """Checks that the models are one recipe's, used in one way.

    Their data may differ: where a model of each fold labels scans that nobody
    has drawn, each fold has its own.
    """
    first, *others = folds
    names = describe_model(first.info).keys() - {"data_identity"}
    way_out = {}
    if first.model.settings is None:
        way_out = {
            name: f"give one to all with --{name}, or each its own in the "
            "table's columns threshold and min_lesion_mm3"
            for name in ("threshold", "min_lesion_mm3")
        }
    for other in others:
        for name in (*sorted(names), *way_out):
            ours, theirs = (getattr(fold.info, name) for fold in (first, other))
            if ours != theirs:
                raise UserError(
                    f"{other.model.model}: expected {name} {ours} as in "
                    f"{first.model.model}, received {theirs}; "
                    + way_out.get(name, "all models have to be of one recipe")
                )
