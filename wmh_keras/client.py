"""Find white matter hyperintensities with a model that a server runs.

  wmh-client --server=HOST:8500 --input=FILE_OR_FOLDER --output_dir=OUT

The server is TensorFlow Serving, or one that speaks as it does, with a model
that wmh-export made. Input and output are those of wmh-predict: for X.nii.gz
X_mask.nii.gz and the rest, on the FLAIR's own grid, with the same rules of
what is skipped, gone on with and never replaced. X_prediction.json has the
server, the model's name and version and the threshold.

The model says itself how slices are prepared and where its threshold lies;
where it cannot, name it by --model. Small lesions (--min_lesion_mm3) are
removed here, not at the server. Every answer is checked before anything is
written: version, shape, numbers and range. Where the server is away, or has no
such model, the run stops; the same command goes on. A scan that the server
refuses is named, and the others go on. Images leave this computer: take --tls
on any network that is not yours. Research software, not a medical device.
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.flag_groups import define_image_flag, define_input_flags
from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from wmh_keras.inference.inference_flags import (
    define_threshold_flag,
    min_lesion_from,
    models_from,
    threshold_from,
)
from wmh_keras.prediction.output_flags import (
    define_output_flags,
    scans_from,
)
from wmh_keras.serving.client.client_flags import (
    connection_from,
    define_connection_flags,
    define_served_model_flags,
    route_from,
)

_MAX_LISTED = 20


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    define_connection_flags(flag_values)
    define_input_flags(flag_values)
    define_image_flag(flag_values)
    define_served_model_flags(flag_values)
    define_threshold_flag(flag_values)
    define_output_flags(flag_values)


def main(flag_values: flags.FlagValues) -> int:
    """Runs a prediction; 0 where every scan got all of its results."""
    require(flag_values, "server", "input", "output_dir")
    connection = connection_from(flag_values)
    threshold = threshold_from(flag_values)
    from wmh_keras.serving.client.request import Request, plan, predict
    from wmh_keras.serving.client.retries import RetryPolicy

    request = Request(
        scans=scans_from(flag_values),
        connection=connection,
        model_name=flag_values.model_name,
        model_version=flag_values.model_version,
        expected_models=models_from(flag_values),
        threshold=threshold,
        min_lesion_mm3=min_lesion_from(flag_values),
        route=route_from(flag_values),
        policy=RetryPolicy(retries=flag_values.retries),
    )
    planned = plan(request)
    limit = None if flag_values.dry_run else _MAX_LISTED
    print("\n".join(planned.describe(limit)), flush=True)
    if flag_values.dry_run:
        return EXIT_OK
    result = predict(request, planned)
    print("\n".join(result.describe()))
    return EXIT_OK if result.is_complete else EXIT_FAILED


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-client",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
