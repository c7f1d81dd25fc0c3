"""The flags of programs that write predictions."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from data_prep.flag_groups import images_from
from wmh_keras.inference.inference_flags import (
    min_lesion_from,
    models_or_shipped,
    threshold_from,
)

if TYPE_CHECKING:
    from wmh_keras.prediction.planning import Scans
    from wmh_keras.prediction.request import Request


def define_output_flags(flag_values: flags.FlagValues) -> None:
    """Defines where results go, and which are wanted.

    --output_dir, --dicom_seg, --dry_run and those of `define_result_flags`.
    """
    common = {"flag_values": flag_values}
    flags.DEFINE_string(
        "output_dir", None, "Where the results go; made if need be.", **common
    )
    define_result_flags(flag_values)
    flags.DEFINE_boolean(
        "dicom_seg",
        False,
        "Of a DICOM folder: write each mask as a DICOM Segmentation too, "
        "X_mask.dcm, in the study of the series that it was made from. DICOM "
        "wants the patient's name, id and dates in it, which no other result "
        "holds. Needs pip install '.[dicom]'.",
        **common,
    )
    flags.DEFINE_boolean(
        "dry_run", False, "Show what would be done and stop.", **common
    )


def define_result_flags(flag_values: flags.FlagValues) -> None:
    """Defines --min_lesion_mm3 and --overwrite."""
    common = {"flag_values": flag_values}
    minimum = "Smaller lesions are removed, in mm³; by default the models'."
    flags.DEFINE_float("min_lesion_mm3", None, minimum, lower_bound=0, **common)
    flags.DEFINE_boolean(
        "overwrite", False, "Do all again, replace what is there.", **common
    )


def scans_from(flag_values: flags.FlagValues) -> "Scans":
    """Returns what is to be segmented, and where to.

    By these flags and those of `flag_groups` that say what the input is.
    """
    # What reads images takes a while to import; --help does without.
    from wmh_keras.prediction.planning import Scans

    return Scans(
        input_path=Path(flag_values.input).expanduser(),
        output_dir=Path(flag_values.output_dir).expanduser(),
        series=flag_values.series,
        overwrite=flag_values.overwrite,
        images=images_from(flag_values),
        dicom_seg=flag_values.dicom_seg,
    )


def request_from(flag_values: flags.FlagValues, scans: "Scans") -> "Request":
    """Returns the prediction that is wanted of scans.

    By these flags and those of `inference_flags`.

    Raises:
      UsageError: a threshold out of range, or as `models_or_shipped`.
      UserError: likewise.
    """
    threshold = threshold_from(flag_values)
    from wmh_keras.prediction.request import Request

    return Request(
        scans=scans,
        model_paths=models_or_shipped(flag_values),
        threshold=threshold,
        test_time_flips=flag_values.test_time_flips,
        min_lesion_mm3=min_lesion_from(flag_values),
        batch_size=flag_values.batch_size,
        engine=flag_values.engine,
        precision=flag_values.precision,
    )
