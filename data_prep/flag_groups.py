"""Flags that several programs share, each declared once."""

from absl import flags

from data_prep.errors import UsageError
from data_prep.preprocess_config import (
    NORMALIZATIONS,
    OVERSIZES,
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


def define_image_flag(flag_values: flags.FlagValues) -> None:
    """Defines --image=ROLE=FILE, for the further images of a single file."""
    flags.DEFINE_multi_string(
        "image",
        [],
        "Where --input is one NIfTI file and the model takes more than the "
        "FLAIR: ROLE=FILE, such as t1=T1.nii.gz, once for each further image.",
        flag_values=flag_values,
    )


def images_from(flag_values: flags.FlagValues) -> dict[str, str]:
    """Returns what --image says, role to file.

    Raises:
      UsageError: not of the form ROLE=FILE, or a role twice.
    """
    images: dict[str, str] = {}
    for text in flag_values.image:
        role, _, file = text.partition("=")
        if not role or not file:
            raise UsageError(
                f"--image={text}: expected ROLE=FILE, such as t1=T1.nii.gz"
            )
        if role in images:
            raise UsageError(f"--image: {role} is given twice")
        images[role] = file
    return images


def define_preprocess_flags(flag_values: flags.FlagValues) -> None:
    """Defines how slices are prepared: channels, side, padding and so on."""
    defaults = PreprocessConfig()
    flags.DEFINE_list(
        "channels",
        list(defaults.channels),
        "The images of a case that become the channels, in this order, flair "
        "first: flair,t1 takes a T1 on the FLAIR's own grid as well.",
        flag_values=flag_values,
    )
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
        "oversize",
        defaults.oversize,
        OVERSIZES,
        "What is done with slices larger than --side: crop to the centre, as "
        "in the paper, which keeps small lesions; or resize, which keeps the "
        "rim and may lose small lesions.",
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
        "How intensities are scaled over the whole volume: zscore by mean and "
        "standard deviation of all voxels, as in the paper; robust_zscore by "
        "median and median absolute deviation of the head; clipped_zscore by "
        "those of the brain's tissue, the peak of the head's intensities, "
        "which a scalp moves less; none. The two are best with "
        "--padding=background.",
        flag_values=flag_values,
    )


def preprocess_config_from(flag_values: flags.FlagValues) -> PreprocessConfig:
    """Returns what the flags of `define_preprocess_flags` say.

    Raises:
      UsageError: channels that cannot be.
    """
    try:
        return PreprocessConfig(
            side=flag_values.side,
            padding=flag_values.padding,
            normalization=flag_values.normalization,
            channels=tuple(flag_values.channels),
            oversize=flag_values.oversize,
        )
    except ValueError as error:
        raise UsageError(f"--channels: {error}") from error
