r"""Report evaluations: the tables and figures of a paper, on one page.

  wmh-report --evaluations=EVAL --data_dir=DATA --output_dir=R
  wmh-report --evaluations=A,B,C --names=unet,unet3d,uresnet \
             --ratings=ratings.csv --rated=unet --output_dir=R

Takes finished evaluations (--output_dir of wmh-evaluate) of the same patients
by the same rules, and writes

  report.html        one file that opens without a network: all of the below,
                     warnings first, and text for a manuscript
  tables/NAME.csv    each table, numbers in full precision
  figures/NAME.png   each figure, and NAME.svg
  report.json        what was reported; says that the rest is complete

Several evaluations are compared: Wilcoxon's signed-rank test with Holm's
adjustment, and one-way ANOVA with Tukey's HSD. What cannot be made is named on
the page, with the flag that would give it. ratings.csv has the columns subject,
rater, score: 4 perfectly acceptable, 3 minor revision, 2 major revision, 1 not
acceptable. Research software, not a medical device.
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.program import EXIT_OK, run_program
from wmh_keras.reporting import report_flags


def main(flag_values: flags.FlagValues) -> int:
    """Writes a report; 0 where it was written."""
    from wmh_keras.reporting.report_run import write_report

    report = write_report(report_flags.request_from(flag_values))
    print("\n".join(report.describe()))
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-report",
        description=__doc__,
        define_flags=report_flags.define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
