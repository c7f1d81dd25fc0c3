"""Flags that several programs share, each declared once."""

from absl import flags

from data_prep.preprocess import (
    NORMALIZATIONS,
    PADDINGS,
    PreprocessConfig,
)


def define_input_flags(flag_values: flags.FlagValues) -> None:
    """Defines where the images come from: --input, --series."""
    flags.DEFINE_string(
        "input",
        None,
        "The images: a BIDS data set, a CSV manifest, a folder, a DICOM "
        "folder or one NIfTI file.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "series",
        None,
        "DICOM only: the series to take, by its number or description, where "
        "several could be the FLAIR.",
        flag_values=flag_values,
    )


def define_preprocess_flags(flag_values: flags.FlagValues) -> None:
    """Defines how slices are prepared: --side, --padding, --normalization."""
    defaults = PreprocessConfig()
    flags.DEFINE_integer(
        "side",
        defaults.side,
        "Height and width of a prepared slice in pixels: smaller slices are "
        "enlarged to it, larger ones lose their rim, so take it no smaller "
        "than the heads. A multiple of 16 for the default network.",
        lower_bound=16,
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "padding",
        defaults.padding,
        PADDINGS,
        "What fills a slice up to a square: zero (after the z-score that is "
        "the volume's mean, as in the paper) or the background's value.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "normalization",
        defaults.normalization,
        NORMALIZATIONS,
        "How intensities are scaled over the whole volume.",
        flag_values=flag_values,
    )


def preprocess_config_from(flag_values: flags.FlagValues) -> PreprocessConfig:
    """Returns what the flags of `define_preprocess_flags` say."""
    return PreprocessConfig(
        side=flag_values.side,
        padding=flag_values.padding,
        normalization=flag_values.normalization,
    )
