"""The flags of the program `wmh-evaluate`."""

from absl import flags

from wmh_keras.evaluation.rule_flags import define_rule_flags
from wmh_keras.inference.inference_flags import define_inference_flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines all flags of the program."""
    _define_model_flags(flag_values)
    _define_files_flags(flag_values)
    define_rule_flags(flag_values)
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where the results go; made if need be.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "skip_invalid",
        False,
        "Go on without what cannot be evaluated; summary.json says what.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Replace the results of another evaluation.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "Seed of the bootstrap intervals.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "pictures",
        True,
        "Draw every volume whose FLAIR is known, with both masks outlined.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_workers",
        None,
        "Volumes scored at a time: speed and memory, not results. By default "
        "the number of CPU cores.",
        lower_bound=1,
        flag_values=flag_values,
    )


def _define_model_flags(flag_values: flags.FlagValues) -> None:
    for name, text in (
        ("data_dir", "Prepared data set."),
        (
            "fold_models",
            "Table of a cross-validation, instead of --model: each subject "
            "with the model that has not seen it.",
        ),
        (
            "split",
            "Split to evaluate; a+b joins two. By default test, or with "
            "--subjects whatever split stores them.",
        ),
        ("subjects", "Text file with one subject a line: only these."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=flag_values)
    # No "auto": a score does not depend on the machine that computes it.
    define_inference_flags(flag_values)
    flags.DEFINE_boolean(
        "save_predictions",
        False,
        "Write masks and probability maps, and of an ensemble its uncertainty, "
        "into OUTPUT_DIR/predictions.",
        flag_values=flag_values,
    )


def _define_files_flags(flag_values: flags.FlagValues) -> None:
    for name, text in (
        ("references", "Folder of reference masks."),
        ("predictions", "Folder of predicted masks, from any tool."),
        (
            "probabilities",
            "Folder of probability maps, for AUC, average precision and the "
            "curves; may be that of the predictions.",
        ),
        (
            "images",
            "Folder of FLAIR images, for pictures and the sides of lesions; "
            "may be a whole BIDS data set.",
        ),
        ("pairs", "Table that lists the files, instead of the folders."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=flag_values)
    for name, text in (
        ("mask_value", "Value of WMH in the references, such as 255."),
        ("prediction_mask_value", "Value of WMH in the predictions."),
    ):
        flags.DEFINE_float(name, None, text, flag_values=flag_values)
