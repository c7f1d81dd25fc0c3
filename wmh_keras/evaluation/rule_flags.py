"""The flags that say what a lesion is, and when it is found."""

from absl import flags

from data_prep.errors import UsageError
from data_prep.size_classes import (
    LARGE_ABOVE_MM3,
    SMALL_BELOW_MM3,
    UNITS,
    SizeRule,
)
from wmh_keras.evaluation.rules import ANY, SAME, Rules
from wmh_keras.metrics.lesion import PAPER_OVERLAP


def define_rule_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of the rules."""
    flags.DEFINE_enum(
        "lesion_unit",
        "mm3",
        UNITS,
        "Unit of lesion sizes. mm3 and voxels are of 26-connected 3-D "
        "lesions; mm2_2d and px_2d of 8-connected ones within a slice, which "
        "then are what is counted and found.",
        flag_values=flag_values,
    )
    for name, value, text in (
        ("small_below", SMALL_BELOW_MM3, "Smaller lesions are small"),
        ("large_above", LARGE_ABOVE_MM3, "Larger lesions are large"),
    ):
        flags.DEFINE_float(
            name,
            value,
            f"{text}; a number in --lesion_unit.",
            flag_values=flag_values,
        )
    flags.DEFINE_float(
        "lesion_overlap",
        PAPER_OVERLAP,
        "A lesion is found if this share of it is predicted, above 0 and at "
        "most 1.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "lesion_precision",
        SAME,
        (SAME, ANY),
        "A predicted lesion is right if the same share of it is reference, or "
        "if any voxel is.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "min_lesion_mm3",
        None,
        "Smaller predicted lesions are removed before every score but those "
        "of the curves, in mm³; by default the model's, and 0 for files.",
        lower_bound=0,
        flag_values=flag_values,
    )


def rules_from(flag_values: flags.FlagValues) -> Rules:
    """The rules that the flags make; without --min_lesion_mm3 all lesions stay.

    Raises:
        UsageError: a value that is not allowed.
    """
    if not 0 < flag_values.lesion_overlap <= 1:
        raise UsageError(
            "--lesion_overlap: expected above 0, at most 1, received "
            f"{flag_values.lesion_overlap}"
        )
    try:
        size = SizeRule(
            flag_values.lesion_unit,
            flag_values.small_below,
            flag_values.large_above,
        )
        return Rules(
            size,
            flag_values.lesion_overlap,
            flag_values.lesion_precision,
            flag_values.min_lesion_mm3 or 0.0,
        )
    except ValueError as error:
        raise UsageError(
            f"--small_below, --large_above, --min_lesion_mm3: {error}"
        ) from error
