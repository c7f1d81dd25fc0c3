r"""Train, evaluate and compare recipes with one command.

  wmh-compare --recipes=unet.cfg,mine.cfg --data_dir=DATA --workdir=W
  wmh-compare --recipes=unet.cfg --data_dir=DATA --workdir=W --num_folds=5

A recipe is a flagfile of wmh-train. Each is trained, evaluated on the same test
split and reported head to head; what is done already is not done again. After
Ctrl-C or a kill the same command goes on. A recipe that fails is named, and the
others go on; the exit status is then 1. A line --data_dir=OTHER in a recipe
gives it prepared data of its own, so that normalisation or cropping can be
compared in the same way: subjects and references have to be the same.

  W/compare.csv            a line for each recipe: Dice, lesion F1, epochs, why
                           it failed (with folds, epochs and seconds of all)
  W/report/report.html     the head-to-head
  W/evaluations/RECIPE/    what wmh-evaluate writes
  W/runs/RECIPE/           the work folder; with folds RECIPE/fold_1/ and so on
  W/logs/                  what each program said
  W/folds/fold_1/          with folds: train.txt, validation.txt, test.txt
  W/folds/fit_only.txt     with --fit_only_subjects: these
  W/cross_validation.csv   with folds: a line for each recipe and fold
  W/calibrations/          with --calibrate: how each fold's choice was made

With --num_folds or --leave_one_site_out the subjects of train, validation and
test together (--cv_splits; external sets take no part) are shared out to folds,
the same for all recipes: each subject is predicted by the model that never saw
it, and one evaluation of each recipe is over all of them. Subjects of
--fit_only_subjects are fitted in every fold, and never validated, calibrated or
evaluated on: those whose masks are partial, for instance. With --calibrate each
fold's threshold and minimum lesion size are chosen on its validation subjects;
they stand in W/folds/RECIPE_models.csv, and the models stay as they are. For
new patients the models of the folds make an ensemble (wmh-calibrate
--fold_models chooses its threshold):

  wmh-predict --model=W/runs/unet/fold_1 --model=W/runs/unet/fold_2 --input=...
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.program import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    run_program,
)
from wmh_keras.comparison import compare_flags

NAME = "wmh-compare"


def main(flag_values: flags.FlagValues) -> int:
    """Compares; 0 where every recipe was trained, evaluated and reported."""
    request = compare_flags.request_from(flag_values)
    from wmh_keras.comparison.planning import make_plan
    from wmh_keras.comparison.run import compare

    if flag_values.dry_run:
        print("\n".join(make_plan(request).describe()))
        return EXIT_OK
    try:
        comparison = compare(request)
    except KeyboardInterrupt:
        print(
            f"\n{NAME}: interrupted; the same command goes on where it was",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    print("\n".join(comparison.describe()))
    return EXIT_OK if comparison.succeeded else EXIT_FAILED


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; the console script."""
    return run_program(
        name=NAME,
        description=__doc__,
        define_flags=compare_flags.define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
