"""Score a model, or masks from any tool, against reference masks.

  wmh-evaluate --data_dir=DATA --split=test --model=RUN --output_dir=EVAL
  wmh-evaluate --data_dir=DATA --fold_models=FILE.csv --output_dir=EVAL
  wmh-evaluate --references=DIR --predictions=DIR --output_dir=EVAL
  wmh-evaluate --pairs=FILE.csv --output_dir=EVAL

Every volume is scored on its own grid; the mean is over subjects. Several
models (--model=A --model=B) are scored as one ensemble. Writes
per_patient.csv (one row a volume), size_classes.csv (scores of small, medium
and large lesions), lesions.csv (every lesion of both masks), curves.csv,
pictures and summary.json (means, SD, medians, quartiles, bootstrap intervals,
by site and size class; what was evaluated), and prints the summary.

The files of two folders are matched by the BIDS entities sub, ses and run,
else by equal path or name, with "_mask", "_seg" and the like left out. What
has no partner or cannot be read is named; nothing is dropped in silence. A
table of pairs has the columns subject_id, reference, prediction and if need be
probability, flair, session, run, site; its paths are relative to itself.

The table of --fold_models has the columns subject_id and model, paths relative
to itself: every subject is predicted by its model, which must not have seen it
in training or validation. All go into one evaluation; per_patient.csv then says
in its last column which model it was.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from data_prep.program import EXIT_OK, run_program
from wmh_keras.evaluation import evaluate_flags, flag_requests

if TYPE_CHECKING:
    from wmh_keras.evaluation.finishing import Evaluation


def main(flag_values: flags.FlagValues) -> int:
    """Runs an evaluation; 0 where results were written."""
    if flag_requests.wants_model(flag_values):
        evaluation = _evaluate_model(flag_values)
    else:
        from wmh_keras.evaluation.run import evaluate_files

        evaluation = evaluate_files(
            flag_requests.files_request_from(flag_values),
            flag_requests.output_from(flag_values),
        )
    print("\n".join(evaluation.describe()))
    return EXIT_OK


def _evaluate_model(flag_values: flags.FlagValues) -> "Evaluation":
    from wmh_keras import artifacts
    from wmh_keras.datasets import read_subjects
    from wmh_keras.evaluation.out_of_fold import evaluate_out_of_fold
    from wmh_keras.evaluation.run import evaluate_model
    from wmh_keras.inference.late_loading import segmenter_loader

    output = flag_requests.output_from(flag_values)
    load_segmenter = segmenter_loader(
        engine=flag_values.engine,
        precision=flag_values.precision,
        batch_size=flag_values.batch_size,
        flips=flag_values.test_time_flips,
    )
    if flag_values.fold_models:
        return evaluate_out_of_fold(
            flag_requests.out_of_fold_request_from(flag_values),
            output,
            artifacts.read_model_info,
            load_segmenter,
        )
    subjects = None
    if flag_values.subjects:
        subjects = tuple(read_subjects(flag_values.subjects))
    request = flag_requests.model_request_from(flag_values, subjects)
    return evaluate_model(
        request,
        output,
        [artifacts.read_model_info(path) for path in request.models],
        load_segmenter,
    )


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-evaluate",
        description=__doc__,
        define_flags=evaluate_flags.define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
