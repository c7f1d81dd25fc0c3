"""Train a network on a prepared data set, and keep the best model.

    wmh-train --flagfile=unet.cfg --data_dir=DATA --workdir=RUN

writes into RUN: model/ (the best model, for wmh-evaluate and wmh-predict),
history.csv and curves.png (loss, accuracy, Dice, learning rate), tensorboard/,
checkpoints/ and flags.cfg. After Ctrl-C or a kill the same command goes on and
loses at most one epoch. Recipes that come with the program: unet.cfg (the
paper's), u_resnet.cfg and unet3d.cfg (the networks it compares with, fitted on
patches), and demo.cfg (small and quick).

Every device of the machine gets an equal part of each batch. On several
machines start it on each with --coordinator, and give all the same --workdir.
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.errors import UserError
from data_prep.program import EXIT_INTERRUPTED, EXIT_OK, require, run_program
from wmh_keras import distribution, hosts
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import training_flags
from wmh_keras.training.config import TrainingConfig

NAME = "wmh-train"
FLAGFILE_DIR = training_flags.FLAGFILE_DIR


def main(flag_values: flags.FlagValues) -> int:
    """Trains, and says where the model is."""
    require(flag_values, "data_dir", "workdir")
    config = training_flags.config_from(flag_values)
    processes = training_flags.processes_from(flag_values)
    distribution.select_backend(config.backend)
    distribution.import_tensorflow()
    try:
        with hosts.join_processes(processes) as group:
            return _train(config, group)
    except KeyboardInterrupt:
        flag_file = Path(config.workdir) / "flags.cfg"
        print(
            f"\n{NAME}: interrupted; the same command goes on after the last "
            f"finished epoch:\n  {NAME} --flagfile={flag_file}",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED


def _train(config: TrainingConfig, group: ProcessGroup) -> int:
    # Only now: Keras takes its backend at its first import.
    from wmh_keras.reporting.curves import draw_curves
    from wmh_keras.training.loop import train

    workdir = Path(config.workdir)
    history, picture = workdir / "history.csv", workdir / "curves.png"
    try:
        result = train(config, group)
    except BaseException:
        # However it ended, what was done is worth a look.
        if history.is_file() and group.is_first:
            with contextlib.suppress(UserError):
                draw_curves(history, picture)
        raise
    if not group.is_first:
        return EXIT_OK
    draw_curves(history, picture)
    why = " (no more improvement)" if result.stopped_early else ""
    print(f"Trained {result.epochs} epochs{why}.")
    print(f"Best: epoch {result.best_epoch}, Dice {result.best_dice:.4f}.")
    if result.found_nothing:
        print(
            f"{NAME}: warning: the model found nothing: its Dice was 0 in "
            "every validation of whole volumes. It is kept and of no use; "
            "look at the loss in history.csv, and train longer or with "
            "another --learning_rate",
            file=sys.stderr,
        )
    print(f"Model:   {result.model_folder}")
    print(f"History: {history}, {picture}")
    return EXIT_OK


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of a training and of its processes."""
    training_flags.define_flags(flag_values)
    training_flags.define_process_flags(flag_values)


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
