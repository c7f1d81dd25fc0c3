"""Export a trained model for TensorFlow Serving, ONNX Runtime or OpenVINO.

  wmh-export --model=RUN --output_dir=DIR --format=tf_saved_model
  wmh-export --model=RUN --output_dir=DIR --format=tf_saved_model,onnx,openvino

writes, where <version> is the next free whole number,

  DIR/<name>/<version>/           SavedModel, as TensorFlow Serving wants it
  DIR/<name>-onnx/<version>/      model.onnx
  DIR/<name>-openvino/<version>/  model.xml, model.bin

each with model.json, a model card and a licence (of a SavedModel in assets/).
Every one is compared with the model before it takes its place; where one
differs, nothing is written. It computes in float32.

The SavedModel has two signatures. serving_default takes prepared slices;
segment_volume takes a raw volume (z, y, x) in RAS+ orientation with its
spacing in the plane and a threshold, and gives probability and mask on the
same grid. It does not remove small lesions. ONNX and OpenVINO hold the network
alone. A network of patches (unet3d) has no segment_volume. Several models are
an ensemble, whose mean is computed inside. Research software, not a medical
device.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.program import EXIT_OK, require, run_program
from wmh_keras.inference.flips import FLIPS
from wmh_keras.inference.inference_flags import threshold_from
from wmh_keras.serving.export_request import (
    FORMATS,
    ExportRequest,
    plan_export,
)


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_multi_string(
        "model",
        None,
        "Work folder of a training, or a model folder. Repeated, the models "
        "are an ensemble; all have to be prepared in one way.",
        **common,
    )
    output_dir = "Where <name>/<version>/ goes; made if need be."
    flags.DEFINE_string("output_dir", None, output_dir, **common)
    formats = f"What to write, with commas: some of {', '.join(FORMATS)}."
    flags.DEFINE_list("format", [FORMATS[0]], formats, **common)
    name = "Name of the model, as a server will know it."
    flags.DEFINE_string("name", "wmh", name, **common)
    flags.DEFINE_integer(
        "version",
        None,
        "Version of the model; by default the next free one.",
        lower_bound=1,
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
    licence = "Text file with the licence of the model, to lie beside it."
    flags.DEFINE_string("license", None, licence, **common)


def main(flag_values: flags.FlagValues) -> int:
    """Exports a model; 0 where all was written."""
    require(flag_values, "model", "output_dir")
    licence = flag_values.license
    request = ExportRequest(
        model_paths=tuple(
            Path(path).expanduser() for path in flag_values.model
        ),
        output_dir=Path(flag_values.output_dir).expanduser(),
        formats=tuple(dict.fromkeys(flag_values.format)),
        name=flag_values.name,
        version=flag_values.version,
        threshold=threshold_from(flag_values),
        min_lesion_mm3=flag_values.min_lesion_mm3,
        test_time_flips=flag_values.test_time_flips,
        batch_size=flag_values.batch_size,
        licence=Path(licence).expanduser() if licence else None,
    )
    planned = plan_export(request)
    from wmh_keras.serving.export_run import export

    print("\n".join(export(planned).describe()))
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-export",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
