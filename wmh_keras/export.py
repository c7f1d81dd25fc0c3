"""Export a trained model for TensorFlow Serving, ONNX Runtime or OpenVINO.

  wmh-export --model=RUN --output_dir=DIR --format=tf_saved_model
  wmh-export --model=RUN --output_dir=DIR --format=tf_saved_model,onnx,openvino

writes, where NAME is wmh (--model_name) and VERSION the next free whole number
(--model_version),

  DIR/NAME/VERSION/           SavedModel, as TensorFlow Serving wants it
  DIR/NAME-onnx/VERSION/      model.onnx
  DIR/NAME-openvino/VERSION/  model.xml, model.bin

each with model.json, a model card and a licence (of a SavedModel in assets/).
Every one is compared with the model before it takes its place; where one
differs, nothing is written. It computes in float32.

The SavedModel has three signatures. serving_default takes prepared slices;
segment_volume takes a raw volume (z, y, x) in RAS+ orientation with its
spacing in the plane and a threshold, and gives probability and mask on the
same grid; it does not remove small lesions. describe says what the model is.
ONNX and OpenVINO hold the network alone. A network of patches (unet3d) has no
segment_volume. Several models are an ensemble, whose mean is computed inside.
Research software, not a medical device.
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.program import EXIT_OK, run_program
from wmh_keras.serving import export_flags
from wmh_keras.serving.export_request import plan_export


def main(flag_values: flags.FlagValues) -> int:
    """Exports a model; 0 where all was written."""
    planned = plan_export(export_flags.request_from(flag_values))
    from wmh_keras.serving.export_run import export

    print("\n".join(export(planned).describe()))
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-export",
        description=__doc__,
        define_flags=export_flags.define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
