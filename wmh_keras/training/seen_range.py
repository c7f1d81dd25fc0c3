"""What the scans are like that a training fits, for the model to keep."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.program import progress
from wmh_keras import artifacts
from wmh_keras.datasets import PreparedData, VolumeRecord
from wmh_keras.plausibility.scan_measures import measure_labelled
from wmh_keras.plausibility.training_range import (
    TrainingRange,
    merge_ranges,
    range_of,
)
from wmh_keras.training.config import TrainingConfig


def earlier_range(workdir: Path) -> TrainingRange | None:
    """Returns what the model in a work folder keeps, where there is one."""
    with contextlib.suppress(UserError):
        return artifacts.read_model_info(workdir).training_range
    return None


def measure_training_range(
    data: PreparedData,
    records: Sequence[VolumeRecord],
    config: TrainingConfig | None = None,
) -> TrainingRange:
    """Measures scans of a prepared data set, at some tenths of a second each.

    Args:
      data: the prepared data set.
      records: the volumes, with references; at least one.
      config: of the training; what its augmentation makes of the scans is
        then counted in: other sizes of pixels, and thick slices.

    Returns:
      The range of each measure.

    Raises:
      UserError: a damaged file.
    """
    volumes = progress(
        data.read_volumes(records, channels=("flair",)),
        "measuring the scans that are fitted",
        total=len(records),
        unit="volume",
    )
    measured = range_of(
        measure_labelled(
            ((volume.images[0], volume.mask) for volume in volumes),
            data.preprocess_config,
        )
    )
    return measured if config is None else _with_augmentation(measured, config)


def _with_augmentation(
    measured: TrainingRange, config: TrainingConfig
) -> TrainingRange:
    simulated = {}
    pixels, slices = (
        measured.ranges.get(name) for name in ("pixel_mm", "slice_mm")
    )
    if pixels and config.scaling and config.augmentation_probability:
        # What is enlarged looks as if its pixels were smaller.
        low, high = pixels
        smallest, largest = 1 - config.scaling, 1 + config.scaling
        simulated["pixel_mm"] = (low / largest, high / smallest)
    if slices and config.thick_slices and slices[0] < config.thick_to_mm:
        thickest = max(slices[1], config.thick_to_mm)
        simulated["slice_mm"] = (slices[0], thickest)
    return merge_ranges([measured, TrainingRange(1, simulated)])
