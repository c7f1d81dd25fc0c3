"""The flags of the program `wmh-partial-masks`."""

from absl import flags

from data_prep.prepare_flags import define_split_flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    flags.DEFINE_string(
        "input",
        None,
        "The heads: a BIDS data set, a CSV manifest, a folder of subject "
        "folders or one NIfTI file. Scans with a mask are left out.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "labelled",
        None,
        "The labelled study, as wmh-prepare takes it by --input: cases.csv "
        "lists its scans too. Heads of its subjects in validation or test are "
        "left out, so that nobody is taught and tested. Without it cases.csv "
        "lists the heads alone.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where masks, pictures and cases.csv go: a new folder, or one that "
        "this program began.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "mask_derivative",
        None,
        "BIDS only: the folder in derivatives/ of the labelled study that "
        "holds the masks, where several do.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "predictions",
        None,
        "Output folder of wmh-predict for the same heads. Where the brain is "
        "bright, a mask then says what the model does, as far as it is sure. "
        "Who is to test the next model must not have been fitted by this one: "
        "in a cross-validation take that of the same fold.",
        flag_values=flag_values,
    )
    for name, value, what in (
        ("lesion_from", 0.5, "Probability from which on that is a lesion"),
        ("tissue_below", 0.1, "Probability below which that is no lesion"),
    ):
        flags.DEFINE_float(
            name,
            value,
            f"{what}; what lies between the two is ignored.",
            lower_bound=0,
            upper_bound=1,
            flag_values=flag_values,
        )
    define_split_flags(flag_values)
    for name, volume_ml, what in (
        ("min_brain_ml", 700, "smaller"),
        ("max_brain_ml", 2200, "larger"),
    ):
        flags.DEFINE_float(
            name,
            volume_ml,
            f"A region that is {what} is not taken for a brain.",
            lower_bound=0,
            flag_values=flag_values,
        )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Make all masks anew. What earlier runs left in the folder goes first.",
        flag_values=flag_values,
    )
