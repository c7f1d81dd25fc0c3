"""What the user asks for."""

import dataclasses
from pathlib import Path

from wmh_keras.evaluation.rules import DEFAULT_RULES, Rules


@dataclasses.dataclass(frozen=True)
class Output:
    """Where the results go, and how.

    Attributes:
        output_dir: the folder, made if need be.
        overwrite: replaces the results of another evaluation.
        skip_invalid: goes on without what cannot be evaluated.
        seed: of the bootstrap intervals.
        pictures: draws one picture a volume, where its FLAIR is known.
        num_workers: volumes scored at a time; changes no result.
    """

    output_dir: Path
    overwrite: bool = False
    skip_invalid: bool = False
    seed: int = 0
    pictures: bool = True
    num_workers: int = 1


@dataclasses.dataclass(frozen=True)
class ModelRequest:
    """Evaluate a model on a prepared data set.

    Attributes:
        data_dir: the prepared data.
        models: work folders or model folders; several are an ensemble.
        split: a split, several joined by "+"; None takes the subjects
            wherever they are stored.
        subjects: only these; None for all.
        threshold: None takes the models'.
        min_lesion_mm3: None takes the models'.
        test_time_flips: one of `inference.flips.FLIPS`.
        precision: that the networks compute in, "fp32" or "bf16".
        save_predictions: whether to write masks and probability maps.
        rules: how it is scored; `min_lesion_mm3` and the models decide on
            the smallest lesion.
    """

    data_dir: Path
    models: tuple[Path, ...]
    split: str | None = "test"
    subjects: tuple[str, ...] | None = None
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    test_time_flips: str = "none"
    precision: str = "fp32"
    save_predictions: bool = False
    rules: Rules = DEFAULT_RULES


@dataclasses.dataclass(frozen=True)
class OutOfFoldRequest:
    """Evaluate every subject by the model of a cross-validation's fold.

    Attributes:
        data_dir: the prepared data.
        fold_models: table of subjects and their models.
        threshold: None takes that of the models, which have to agree.
        min_lesion_mm3: likewise.
        test_time_flips: one of `inference.flips.FLIPS`.
        precision: that the networks compute in, "fp32" or "bf16".
        save_predictions: whether to write masks and probability maps.
        rules: how it is scored; `min_lesion_mm3` and the models decide on
            the smallest lesion.
    """

    data_dir: Path
    fold_models: Path
    threshold: float | None = None
    min_lesion_mm3: float | None = None
    test_time_flips: str = "none"
    precision: str = "fp32"
    save_predictions: bool = False
    rules: Rules = DEFAULT_RULES


@dataclasses.dataclass(frozen=True)
class FilesRequest:
    """Evaluate masks from any tool.

    Attributes:
        references: folder of reference masks; None with `pairs`.
        predictions: folder of predicted masks; None with `pairs`.
        probabilities: folder of probability maps, or None.
        images: folder of FLAIR images, or None.
        pairs: table that lists the files, instead of the folders.
        mask_value: the value of WMH in the references, where it is not 1.
        prediction_mask_value: likewise in the predictions.
        rules: how it is scored.
    """

    references: Path | None = None
    predictions: Path | None = None
    probabilities: Path | None = None
    images: Path | None = None
    pairs: Path | None = None
    mask_value: float | None = None
    prediction_mask_value: float | None = None
    rules: Rules = DEFAULT_RULES
