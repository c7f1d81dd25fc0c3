"""Find white matter hyperintensities in FLAIR images with a trained model.

  wmh-predict --input=FILE_OR_FOLDER --output_dir=OUT
  wmh-predict --input=FILE_OR_FOLDER --output_dir=OUT --model=RUN

Without --model it is the model that comes with the package; with it, the model
of a training of your own. --version names the model that the flags beside it
give.

The input is one NIfTI file, a folder (of its NIfTI files those named FLAIR,
else all; never masks, probabilities or earlier output), a DICOM folder, a BIDS
data set or a CSV manifest. A model that takes further images finds them beside
the FLAIR as wmh-prepare does; for one NIfTI file, --image=t1=FILE names them.
The results mirror the input's folders: for X.nii.gz

  X_mask.nii.gz         1 where a lesion is, on the FLAIR's own grid
  X_probability.nii.gz  0 to 1
  X_lesions.csv         one line a lesion: place in mm, volume, class, side
  X_overview.png        slices with the outline
  X_uncertainty.nii.gz  of an ensemble: how far its networks disagree
  X_mask.dcm            with --dicom_seg, of a DICOM folder: the mask as DICOM
  X_prediction.json     with what it was made; says that the rest is complete

and for all of them index.html and volumes.csv. A BIDS data set gives BIDS
derivatives. Several models are an ensemble: --model=A --model=B takes the mean
of the probabilities of all their networks, one vote each. Run again, the same
command skips what is done and goes on where it was stopped. Research software,
not a medical device.
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.flag_groups import define_image_flag, define_input_flags
from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from wmh_keras.inference.inference_flags import define_inference_flags
from wmh_keras.inference.model_text import describe_chosen_models
from wmh_keras.prediction.output_flags import (
    define_output_flags,
    request_from,
    scans_from,
)

_MAX_LISTED = 20


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    define_input_flags(flag_values)
    define_image_flag(flag_values)
    define_inference_flags(flag_values)
    define_output_flags(flag_values)


def main(flag_values: flags.FlagValues) -> int:
    """Runs a prediction; 0 where every scan got all of its results."""
    require(flag_values, "input", "output_dir")
    request = request_from(flag_values, scans_from(flag_values))
    from wmh_keras.prediction.request import plan, predict

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
        name="wmh-predict",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
        version_details=describe_chosen_models,
    )


if __name__ == "__main__":
    sys.exit(cli())
