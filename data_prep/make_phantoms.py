"""Writes a cohort of synthetic FLAIR heads with known lesions.

The result is a BIDS data set with masks in derivatives/manual, ready for
wmh-prepare, and a few further heads without masks to try prediction on. The
heads are ellipsoids: good for trying the programs, not for judging a model.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep import phantom
from data_prep.errors import UserError
from data_prep.program import EXIT_OK, require, run_program


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where to: OUTPUT_DIR/cohort (with masks) and OUTPUT_DIR/new.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_subjects", 20, "Heads with masks.", 1, flag_values=flag_values
    )
    flags.DEFINE_integer(
        "num_new", 1, "Heads without masks.", 0, flag_values=flag_values
    )
    flags.DEFINE_boolean(
        "with_t1",
        False,
        "Write a T1 beside each FLAIR, on its grid, for --channels=flair,t1.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "The same seed gives the same heads.",
        0,
        flag_values=flag_values,
    )


def main(flag_values: flags.FlagValues) -> int:
    """Writes the cohort."""
    require(flag_values, "output_dir")
    output_dir = Path(flag_values.output_dir)
    if output_dir.exists() and any(output_dir.iterdir()):
        raise UserError(
            f"{output_dir}: expected an empty or new folder; choose another "
            f"--output_dir or remove this one"
        )
    phantom.write_cohort(
        output_dir / "cohort",
        flag_values.num_subjects,
        flag_values.seed,
        with_t1=flag_values.with_t1,
    )
    for index in range(flag_values.num_new):
        _, config = phantom.site_config("north")
        config = dataclasses.replace(
            config, seed=10**6 + flag_values.seed * 1000 + index
        )
        image, _ = phantom.make_phantom(config)
        t1 = phantom.make_t1(config) if flag_values.with_t1 else None
        phantom.write_phantom(
            output_dir / "new", f"new{index + 1:02d}", image, None, t1
        )
    print(
        f"{flag_values.num_subjects} heads with masks in "
        f"{output_dir / 'cohort'}, {flag_values.num_new} without in "
        f"{output_dir / 'new'}"
    )
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program."""
    return run_program(
        name="wmh-make-phantoms",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
