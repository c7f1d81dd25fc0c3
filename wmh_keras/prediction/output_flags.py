"""The flags of programs that write predictions."""

from absl import flags


def define_output_flags(flag_values: flags.FlagValues) -> None:
    """Defines where results go, and which are wanted.

    --output_dir, --min_lesion_mm3, --dicom_seg, --overwrite and --dry_run.
    """
    common = {"flag_values": flag_values}
    flags.DEFINE_string(
        "output_dir", None, "Where the results go; made if need be.", **common
    )
    minimum = "Smaller lesions are removed, in mm³; by default the models'."
    flags.DEFINE_float("min_lesion_mm3", None, minimum, lower_bound=0, **common)
    flags.DEFINE_boolean(
        "dicom_seg",
        False,
        "Of a DICOM folder: write each mask as a DICOM Segmentation too, "
        "X_mask.dcm, in the study of the series that it was made from. DICOM "
        "wants the patient's name, id and dates in it, which no other result "
        "holds. Needs pip install 'wmh-keras[dicom]'.",
        **common,
    )
    flags.DEFINE_boolean(
        "overwrite", False, "Do all again, replace what is there.", **common
    )
    flags.DEFINE_boolean(
        "dry_run", False, "Show what would be done and stop.", **common
    )
