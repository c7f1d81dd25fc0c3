"""The flags of the program `wmh-prepare`, and what they come to."""

import importlib.util
import os
from pathlib import Path
from typing import Any

from absl import flags

from data_prep.dataset.pseudonyms import default_key_path
from data_prep.errors import UsageError, UserError
from data_prep.flag_groups import define_input_flags, define_preprocess_flags
from data_prep.splits import DEFAULT_FRACTIONS, parse_external_sites

# More threads would take memory rather than time: about 0.4 GB each for 1 mm
# volumes.
_MAX_WORKERS = 16


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
    define_split_flags(flag_values)
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
        "Threads, each with a volume or two in memory; 0 takes all cores, at "
        f"most {_MAX_WORKERS}. Memory is bounded, whatever the number of "
        "volumes: 0.4 GB a thread for 1 mm volumes at side 384, 1 GiB of "
        "slices that wait to be shuffled, and 0.7 GB for the program.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "beam_options",
        [],
        "Prepare through Apache Beam, by these pipeline options: "
        "runner=DirectRunner,direct_num_workers=4,"
        "direct_running_mode=multi_processing. The data set is the same, byte "
        "for byte. Checks stay on this machine. See "
        "docs/preparation_at_scale.md.",
        flag_values=flag_values,
    )


def choices_from(flag_values: flags.FlagValues) -> dict[str, Any]:
    """Returns what the user chose about splits and sharing; no paths.

    Raises:
      UsageError: flags that make no sense.
      UserError: --external_sites that make none.
    """
    split_choices = split_choices_from(flag_values)
    if flag_values.pseudonym_key and not flag_values.pseudonymize:
        raise UsageError("--pseudonym_key needs --pseudonymize")
    return {**split_choices, "pseudonymized": flag_values.pseudonymize}


def split_choices_from(flag_values: flags.FlagValues) -> dict[str, Any]:
    """Returns what `define_split_flags` defined, as `assign_splits` takes it.

    Raises:
      UsageError: --fractions that are no numbers.
      UserError: --external_sites that make no sets.
    """
    try:
        fractions = [float(text) for text in flag_values.fractions]
    except ValueError as error:
        raise UsageError(f"--fractions: expected numbers: {error}") from error
    sites = parse_external_sites(flag_values.external_sites)
    return {
        "fractions": fractions,
        "seed": flag_values.seed,
        "external_sites": {name: list(own) for name, own in sites.items()},
    }


def pseudonym_key_path(flag_values: flags.FlagValues) -> Path | None:
    """Returns where the key of the pseudonyms is; None where ids are kept."""
    # A dry run shows the real ids, and makes no key.
    if not flag_values.pseudonymize or flag_values.dry_run:
        return None
    if flag_values.pseudonym_key:
        return Path(flag_values.pseudonym_key)
    return default_key_path(flag_values.data_dir)


def num_workers_from(flag_values: flags.FlagValues) -> int:
    """Returns the number of threads."""
    if flag_values.num_workers:
        return flag_values.num_workers
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MAX_WORKERS)
    return min(os.cpu_count() or 1, _MAX_WORKERS)


def beam_options_from(flag_values: flags.FlagValues) -> tuple[str, ...]:
    """Returns options for Apache Beam; none where it is not to be used.

    Raises:
      UsageError: an option without a name.
      UserError: Beam is not installed.
    """
    options = [option.strip() for option in flag_values.beam_options]
    if any(option.lstrip("-").partition("=")[0] == "" for option in options):
        raise UsageError(
            "--beam_options: expected NAME=VALUE,NAME=VALUE, received "
            f"{','.join(options)!r}"
        )
    if options and importlib.util.find_spec("apache_beam") is None:
        raise UserError(
            "--beam_options needs Apache Beam: pip install '.[beam]'"
        )
    return tuple(f"--{option.lstrip('-')}" for option in options)


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


def define_split_flags(flag_values: flags.FlagValues) -> None:
    """Defines who goes into which split."""
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
        "Replace subject ids by one-way pseudonyms (HMAC-SHA256), sessions and "
        "runs by numbers, ages above 89 by 90+, and keep no path. Site, "
        "scanner, other ages and sex stay.",
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
