"""The flags of the program `wmh-prepare`."""

from absl import flags

from data_prep.flag_groups import define_input_flags, define_preprocess_flags
from data_prep.splits import DEFAULT_FRACTIONS


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines all flags of the program."""
    define_input_flags(flag_values)
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where the prepared data set goes; a new folder, usually.",
        flag_values=flag_values,
    )
    _define_mask_flags(flag_values)
    _define_split_flags(flag_values)
    define_preprocess_flags(flag_values)
    _define_sharing_flags(flag_values)
    flags.DEFINE_boolean(
        "skip_invalid",
        False,
        "Leave out cases with problems and go on; cases.csv says who and why.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "Show cases, problems and splits, and stop.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_workers",
        0,
        "Threads, each with a volume or two in memory; 0 takes all cores.",
        lower_bound=0,
        flag_values=flag_values,
    )


def _define_mask_flags(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "mask_derivative",
        None,
        "BIDS only: the folder in derivatives/ that holds the masks, where "
        "several do.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "mask_value",
        None,
        "The value that stands for WMH in the masks, such as 255. Without it "
        "masks hold 0, 1 (WMH) and 2 (other pathology, to be left out).",
        flag_values=flag_values,
    )


def _define_split_flags(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_list(
        "fractions",
        [str(fraction) for fraction in DEFAULT_FRACTIONS],
        "Shares of subjects in train, validation and test, in every site "
        "alike. Splits named in the manifest take precedence.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "external_sites",
        "",
        "Whole sites to keep as external test sets: SITE,SITE for one set, "
        "or NAME:SITE+SITE,NAME:SITE for several.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "Of the assignment to splits.",
        lower_bound=0,
        flag_values=flag_values,
    )


def _define_sharing_flags(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_boolean(
        "pseudonymize",
        False,
        "Replace subject ids by one-way pseudonyms, sessions and runs by "
        "numbers, and keep no path. Site, scanner, age and sex stay.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "pseudonym_key",
        None,
        "File with the secret key of the pseudonyms, outside --data_dir; made "
        "where it is missing. By default --data_dir with .pseudonym_key "
        "appended. The same key gives the same pseudonyms.",
        flag_values=flag_values,
    )
