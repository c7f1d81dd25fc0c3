"""Train a network on a prepared data set, and keep the best model.

    wmh-train --flagfile=unet.cfg --data_dir=DATA --workdir=RUN

writes into RUN: model/ (the best model, for wmh-evaluate and wmh-predict),
history.csv and curves.png (loss, accuracy, Dice, learning rate), tensorboard/,
checkpoints/ and flags.cfg. After Ctrl-C or a kill the same command goes on and
loses at most one epoch. Recipes that come with the program: unet.cfg (the
paper's) and demo.cfg (small and quick).
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.program import EXIT_INTERRUPTED, EXIT_OK, require, run_program
from wmh_keras import distribution
from wmh_keras.training.config import TrainingConfig

NAME = "wmh-train"
FLAGFILE_DIR = Path(__file__).parent / "flagfiles"


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines a flag for each field of TrainingConfig."""
    for field in dataclasses.fields(TrainingConfig):
        name, default, text = field.name, field.default, field.metadata["help"]
        if field.metadata["choices"]:
            flags.DEFINE_enum(
                name,
                default,
                field.metadata["choices"],
                text,
                flag_values=flag_values,
            )
        elif isinstance(default, tuple):
            flags.DEFINE_list(
                name,
                [str(number) for number in default],
                text,
                flag_values=flag_values,
            )
        else:
            define = {
                str: flags.DEFINE_string,
                int: flags.DEFINE_integer,
                float: flags.DEFINE_float,
            }[type(default)]
            define(name, default, text, flag_values=flag_values)


def config_from(flag_values: flags.FlagValues) -> TrainingConfig:
    """Returns what the flags say.

    Raises:
      UsageError: A value out of range.
      flags.IllegalFlagValueError: A list that is not of whole numbers.
    """
    values = {
        field.name: flag_values[field.name].value
        for field in dataclasses.fields(TrainingConfig)
    }
    try:
        values["filters"] = tuple(int(text) for text in values["filters"])
    except ValueError as error:
        raise flags.IllegalFlagValueError(
            f"--filters: expected whole numbers such as 16,32,64: {error}"
        ) from error
    return TrainingConfig(**values)


def main(flag_values: flags.FlagValues) -> int:
    """Trains, and says where the model is."""
    require(flag_values, "data_dir", "workdir")
    config = config_from(flag_values)
    distribution.select_backend(config.backend)
    distribution.import_tensorflow()
    # Only now: Keras takes its backend at its first import.
    from wmh_keras.reporting.curves import draw_curves
    from wmh_keras.training.loop import train

    workdir = Path(config.workdir)
    history = workdir / "history.csv"
    try:
        result = train(config)
    except KeyboardInterrupt:
        if history.is_file():
            draw_curves(history, workdir / "curves.png")
        print(
            f"\n{NAME}: interrupted; the same command goes on after the last "
            f"finished epoch:\n  {NAME} --flagfile={workdir / 'flags.cfg'}",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    draw_curves(history, workdir / "curves.png")
    why = " (no more improvement)" if result.stopped_early else ""
    print(f"Trained {result.epochs} epochs{why}.")
    print(f"Best: epoch {result.best_epoch}, Dice {result.best_dice:.4f}.")
    print(f"Model:   {result.model_folder}")
    print(f"History: {history}, {workdir / 'curves.png'}")
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; the console script."""
    return run_program(
        name=NAME,
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
        flagfile_dir=FLAGFILE_DIR,
    )


if __name__ == "__main__":
    sys.exit(cli())
