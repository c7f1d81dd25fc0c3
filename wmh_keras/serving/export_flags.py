"""The flags of the program `wmh-export`, and the request they make."""

from pathlib import Path

from absl import flags

from data_prep.program import require
from wmh_keras.inference.flips import FLIPS
from wmh_keras.inference.inference_flags import (
    min_lesion_from,
    models_from,
    threshold_from,
)
from wmh_keras.serving.export_request import FORMATS, ExportRequest
from wmh_keras.shipped import SHIPPED


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_multi_string(
        "model",
        None,
        "Work folder of a training, a model folder, or "
        f"{SHIPPED}: the model that comes with the package. Repeated, the "
        "models are an ensemble; all have to be prepared in one way.",
        **common,
    )
    output_dir = "Where MODEL_NAME/MODEL_VERSION/ goes; made if need be."
    flags.DEFINE_string("output_dir", None, output_dir, **common)
    formats = f"What to write, with commas: some of {', '.join(FORMATS)}."
    flags.DEFINE_list("format", [FORMATS[0]], formats, **common)
    name = "Name of the model, as a server will know it."
    flags.DEFINE_string("model_name", "wmh", name, **common)
    # Not "version": `--version 2` would show that of the program.
    flags.DEFINE_integer(
        "model_version",
        None,
        "Version of the model, a whole number; by default the next free one.",
        lower_bound=1,
        upper_bound=2**31 - 1,  # A server passes over what int64 cannot hold.
        **common,
    )
    flags.DEFINE_float(
        "threshold",
        None,
        "Threshold that is written beside the model, above 0 and at most 1; "
        "by default the models'. Each request names the one it wants.",
        **common,
    )
    minimum = (
        "Smallest lesion in mm³ that is written beside the model, by default "
        "the models'. The exported model does not remove smaller ones."
    )
    flags.DEFINE_float("min_lesion_mm3", None, minimum, lower_bound=0, **common)
    flags.DEFINE_enum(
        "test_time_flips",
        "none",
        FLIPS,
        "Have the SavedModel take the mean over an image and its mirror "
        "images, as in wmh-predict: 2 (left_right) or 4 times (all) the time.",
        **common,
    )
    flags.DEFINE_integer(
        "batch_size",
        8,
        "Slices that segment_volume sends through the network together: "
        "speed and memory, not results.",
        lower_bound=1,
        **common,
    )
    licence = (
        "Text file with the licence of the model, to lie beside it; by default "
        "that of a packed model."
    )
    flags.DEFINE_string("licence", None, licence, **common)


def request_from(flag_values: flags.FlagValues) -> ExportRequest:
    """The request that the flags make.

    Raises:
      UsageError: a flag is missing or out of range.
    """
    require(flag_values, "model", "output_dir")
    licence = flag_values.licence
    return ExportRequest(
        model_paths=models_from(flag_values),
        output_dir=Path(flag_values.output_dir).expanduser(),
        formats=tuple(dict.fromkeys(flag_values.format)),
        name=flag_values.model_name,
        version=flag_values.model_version,
        threshold=threshold_from(flag_values),
        min_lesion_mm3=min_lesion_from(flag_values),
        test_time_flips=flag_values.test_time_flips,
        batch_size=flag_values.batch_size,
        licence=Path(licence).expanduser() if licence else None,
    )
