r"""Choose threshold and minimum lesion size of a model on validation volumes.

  wmh-calibrate --model=RUN --data_dir=DATA --output_dir=OUT
  wmh-calibrate --model=RUN --data_dir=DATA --subjects=validation.txt \
                --output_dir=OUT --write
  wmh-calibrate --fold_models=W/folds/unet_models.csv --data_dir=DATA \
                --output_dir=OUT

Predicts every volume once, as wmh-evaluate does, and scores it at every
threshold and minimum lesion size of a grid. The setting with the highest mean
(--criterion) is chosen; of equal ones that whose threshold is nearest 0.5, then
the one that removes less. Means are over subjects, a subject's volumes first,
and by default over sites, so that a large site decides no more than a small
one. Several models (--model=A --model=B) are chosen for as one ensemble.

Subjects that a model was fitted on are refused: its probabilities are too sure
of them. Those that it was validated on may decide; their scores are not those
of unseen subjects, so report scores on a test set.

  OUT/calibration.csv    every setting with its means, overall and by site
  OUT/calibration.png    the same as a picture
  OUT/calibration.json   the choice, and by what it was made

With --write the choice goes into model.json, from where wmh-predict,
wmh-evaluate and wmh-export take it. With --fold_models each subject of a
cross-validation is predicted by the model that never saw it; the one choice is
for an ensemble of the folds: for copies of their models, which --model names.
"""

import sys
from collections.abc import Sequence

from absl import flags

from data_prep.program import EXIT_OK, run_program
from wmh_keras.calibration import calibrate_flags


def main(flag_values: flags.FlagValues) -> int:
    """Calibrates; 0 where a choice was made and written."""
    request = calibrate_flags.request_from(flag_values)
    from wmh_keras.calibration.run import calibrate
    from wmh_keras.inference.late_loading import segmenter_loader

    calibration = calibrate(
        request,
        segmenter_loader(
            engine=flag_values.engine,
            precision=flag_values.precision,
            batch_size=flag_values.batch_size,
            flips=flag_values.test_time_flips,
        ),
    )
    print("\n".join(calibration.describe()))
    print(f"table, picture and choice are in {request.output_dir}")
    settings = calibration.settings
    if request.write_to:
        for path in request.write_to:
            print(f"written into the model.json of {path}")
    else:
        into = "the models with --write"
        if flag_values.fold_models:
            into = (
                "copies of the folds' models with --write --model=COPY, a "
                "--model for each copy"
            )
        print(
            f"take it with --threshold={settings.threshold:g} "
            f"--min_lesion_mm3={settings.min_lesion_mm3:g}, or put it into "
            f"{into}"
        )
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    return run_program(
        name="wmh-calibrate",
        description=__doc__,
        define_flags=calibrate_flags.define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
