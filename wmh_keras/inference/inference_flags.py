"""The flags of programs that run trained networks. Imports no Keras."""

import math
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from wmh_keras.distribution import ENGINES
from wmh_keras.inference.engine import PRECISIONS
from wmh_keras.inference.flips import FLIPS
from wmh_keras.shipped import SHIPPED, model_path, shipped_folder


def define_inference_flags(flag_values: flags.FlagValues) -> None:
    """Defines which networks run and how, and --threshold."""
    define_network_flags(flag_values)
    define_threshold_flag(flag_values)


def define_network_flags(flag_values: flags.FlagValues) -> None:
    """Defines which networks run, and how.

    --model, --test_time_flips, --batch_size, --engine and --precision.
    """
    common = {"flag_values": flag_values}
    flags.DEFINE_multi_string(
        "model",
        None,
        "Work folder of a training, a model folder, or "
        f"{SHIPPED}: the model that comes with the package, which wmh-predict "
        "and wmh-bids-app take without this flag. Repeated, the models are an "
        "ensemble: the mean of the probabilities of all their networks, each "
        "with one vote. They may be prepared differently, 2-D or 3-D, and "
        "need different images.",
        **common,
    )
    flags.DEFINE_enum(
        "test_time_flips",
        "none",
        FLIPS,
        "Take the mean over an image and its mirror images: left_right costs "
        "2 times as much; all (left-right, anterior-posterior and both) 4 "
        "times.",
        **common,
    )
    flags.DEFINE_integer(
        "batch_size",
        8,
        "Slices in a batch, or patches of about as many voxels for a 3-D "
        "network: speed and memory, not results. OpenVINO takes 4 slices at "
        "most, and is no slower for it.",
        lower_bound=1,
        **common,
    )
    flags.DEFINE_enum(
        "engine",
        "auto",
        ENGINES,
        "What the network runs on; auto is JAX on an accelerator, else "
        "OpenVINO, the fastest on CPUs, or TensorFlow where that is not "
        "installed.",
        **common,
    )
    flags.DEFINE_enum(
        "precision",
        PRECISIONS[0],
        PRECISIONS,
        "bf16 is about twice as fast on CPUs that have units for it, and "
        "changes probabilities by some hundredths; of the engine openvino "
        "alone.",
        **common,
    )


def define_threshold_flag(flag_values: flags.FlagValues) -> None:
    """Defines --threshold."""
    flags.DEFINE_float(
        "threshold",
        None,
        "Probability from which on a voxel is a lesion, above 0 and at most "
        "1; by default the models', which then have to agree.",
        flag_values=flag_values,
    )


def threshold_from(flag_values: flags.FlagValues) -> float | None:
    """Returns --threshold, checked; None where the models decide.

    Raises:
      UsageError: out of range.
    """
    threshold = flag_values.threshold
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(
            f"--threshold: expected above 0, at most 1, received {threshold}"
        )
    return threshold


def min_lesion_from(flag_values: flags.FlagValues) -> float | None:
    """Returns --min_lesion_mm3, checked; None where the models decide.

    Raises:
      UsageError: out of range, or no number.
    """
    size = flag_values.min_lesion_mm3
    if size is not None and not 0 <= size < math.inf:
        raise UsageError(
            f"--min_lesion_mm3: expected a number from 0 up, received {size}"
        )
    return size


def models_from(flag_values: flags.FlagValues) -> tuple[Path, ...]:
    """Returns the folders that --model names, in its order.

    Raises:
      UsageError, UserError: as `shipped.model_path`.
    """
    return tuple(map(model_path, flag_values.model))


def models_or_shipped(flag_values: flags.FlagValues) -> tuple[Path, ...]:
    """Returns `models_from`, or without --model the package's own model."""
    if flag_values.model:
        return models_from(flag_values)
    return (shipped_folder(),)
