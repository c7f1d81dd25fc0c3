"""A program for two processes: what they do together, after one start.

Descends the gradient for a few steps, trains on patches, and then tries a
batch that cannot be shared. Its flags are those of wmh-train.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from data_prep.program import run_program
from wmh_keras import distribution, hosts, train
from wmh_keras.training import training_flags

STEPS = 6


def descend(config, group):
    """Plain gradient descent on whole slices; the loss of every step."""
    import keras

    from wmh_keras.datasets import open_prepared_data
    from wmh_keras.training import assembly
    from wmh_keras.training.losses import make_loss
    from wmh_keras.training.streams import training_stream

    distribution.set_up_devices(group)
    data = open_prepared_data(config.data_dir)
    keras.utils.set_random_seed(1)
    model = assembly.compile_model(
        config, assembly.network_arguments(data, config)
    )
    model.compile(keras.optimizers.SGD(0.1), make_loss(config.loss, "ignore"))
    stream = training_stream(data, data.select("train"), config, "", group)
    history = model.fit(
        stream.batches(0, STEPS),
        epochs=STEPS,
        steps_per_epoch=1,
        shuffle=False,
        verbose=0,
    )
    weights = [w.numpy() for w in model.weights]
    return history.history["loss"], weights


def whole_slices(config):
    """The same training, but on whole slices that the host augments."""
    return dataclasses.replace(config, patch_size=(), augment_on="host")


def main(flag_values):
    config = training_flags.config_from(flag_values)
    distribution.select_backend(config.backend)
    distribution.import_tensorflow()
    processes = training_flags.processes_from(flag_values)
    with hosts.join_processes(processes) as group:
        from wmh_keras.training import loop

        losses, weights = descend(whole_slices(config), group)
        np.savez(f"{config.workdir}_{group.index}.npz", losses, *weights)
        loop.train(config, group)
        workdir = str(Path(config.workdir).with_name("refused"))
        loop.train(
            dataclasses.replace(config, workdir=workdir, global_batch_size=6),
            group,
        )
    return 0


if __name__ == "__main__":
    sys.exit(
        run_program(
            name="joint-runs",
            description=__doc__,
            define_flags=train.define_flags,
            main=main,
        )
    )
