r"""Pack one or more trainings into one model folder, to be handed on.

  wmh-pack-model --model=RUN_1 --model=RUN_2 --output_dir=MODEL \
      --model_name=wmh-robust-1 --model_version=1.0 --licence=FILE

writes MODEL/ with model.json, the weights of every network (half as large in
float16, which every program reads as float32) and LICENSE.txt, each with its
checksum. wmh-predict and the others take it as --model=MODEL. The networks
have to be of one kind and prepared in one way; the mean of their probabilities
counts. The model has seen whom any of the trainings has seen. The order of the
models does not matter, and the same weights give the same bytes.

Evaluate what was packed, not its parts: wmh-evaluate --model=MODEL.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from data_prep.program import EXIT_OK, require, run_program
from wmh_keras.inference.inference_flags import (
    define_threshold_flag,
    min_lesion_from,
    models_from,
    threshold_from,
)
from wmh_keras.model_json import check_label
from wmh_keras.packing.pack import PackRequest, pack


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_multi_string(
        "model",
        None,
        "Work folder of a training, or a model folder; repeated, one for each.",
        **common,
    )
    flags.DEFINE_string(
        "output_dir", None, "The model folder that is made.", **common
    )
    flags.DEFINE_string(
        "model_name", None, "What the model is called: wmh-robust-1.", **common
    )
    # Not "version": `--version 2` would show that of the program.
    flags.DEFINE_string(
        "model_version", "", "Version of the model: 1.0.", **common
    )
    define_threshold_flag(flag_values)
    flags.DEFINE_float(
        "min_lesion_mm3",
        None,
        "Smaller lesions will be removed, in mm³; by default the models', "
        "which then have to agree.",
        lower_bound=0,
        **common,
    )
    flags.DEFINE_string(
        "licence", None, "Text file with the licence of the weights.", **common
    )
    flags.DEFINE_enum(
        "weights_dtype",
        "float16",
        # Of weight_files, which takes a while to import.
        ["float16", "float32"],
        "How weights are stored. float16 halves the files and rounds the "
        "kernels to 11 bits.",
        **common,
    )
    flags.DEFINE_boolean(
        "overwrite", False, "Replace another model that is there.", **common
    )


def main(flag_values: flags.FlagValues) -> int:
    """Packs a model; 0 where it was written or was there already."""
    require(flag_values, "model", "output_dir", "model_name")
    licence = flag_values.licence
    request = PackRequest(
        model_paths=models_from(flag_values),
        output_dir=Path(flag_values.output_dir).expanduser(),
        name=_label(flag_values, "model_name"),
        version=_label(flag_values, "model_version"),
        threshold=threshold_from(flag_values),
        min_lesion_mm3=min_lesion_from(flag_values),
        licence=Path(licence).expanduser() if licence else None,
        weights_dtype=flag_values.weights_dtype,
        overwrite=flag_values.overwrite,
    )
    print("\n".join(pack(request).describe()))
    return EXIT_OK


def _label(flag_values: flags.FlagValues, name: str) -> str:
    text = flag_values[name].value
    if not text:
        return ""
    try:
        return check_label(text, f"--{name}")
    except ValueError as error:
        raise UsageError(str(error)) from error


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-pack-model",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
