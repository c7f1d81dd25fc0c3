"""Whole trainings that augment on the device, in half precision, on both."""

import csv
import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from wmh_keras import artifacts
from wmh_keras.training import loop
from wmh_keras.training.config import TrainingConfig


def read_history(workdir):
    with open(workdir / "history.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def read_checkpoint(workdir, epoch):
    folder = workdir / "checkpoints" / f"epoch_{epoch:06d}"
    with np.load(folder / "variables.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def config(small_data_dir):
    return TrainingConfig(
        data_dir=str(small_data_dir),
        filters=(4,),
        epochs=2,
        global_batch_size=6,
        learning_rate=0.02,
        augment_on="device",
        noise_std=0.0,
    )


@pytest.fixture(scope="module")
def train(config, tmp_path_factory):
    def run(**changes):
        workdir = tmp_path_factory.mktemp("device") / "run"
        changes = {"workdir": str(workdir), **changes}
        loop.train(dataclasses.replace(config, **changes))
        return workdir

    return run


@pytest.fixture(scope="module")
def on_device(train):
    return train()


def test_it_trains_as_on_the_host(on_device, train):
    on_host = train(augment_on="host")
    for device, host in zip(
        read_history(on_device), read_history(on_host), strict=True
    ):
        for name in ("loss", "val_loss"):
            assert float(device[name]) == pytest.approx(
                float(host[name]), rel=1e-3
            )
    states = [read_checkpoint(run, 2) for run in (on_device, on_host)]
    assert states[0].keys() == states[1].keys()
    models = [artifacts.read_model_info(run) for run in (on_device, on_host)]
    assert models[0].network_arguments == models[1].network_arguments


def test_going_on_equals_an_unbroken_training_to_the_last_bit(train):
    unbroken, broken = train(noise_std=0.1), train(noise_std=0.1, epochs=1)
    train(noise_std=0.1, workdir=str(broken))
    expected, received = (read_checkpoint(r, 2) for r in (unbroken, broken))
    assert expected.keys() == received.keys()
    for name, value in expected.items():
        assert value.tobytes() == received[name].tobytes(), name


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_half_precision_on_the_device_on_both_backends(
    backend, small_data_dir, repository, tmp_path
):
    workdir = tmp_path / "run"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "wmh_keras.train"),
            "--flagfile=accelerator.cfg",
            f"--data_dir={small_data_dir}",
            f"--workdir={workdir}",
            f"--backend={backend}",
            "--patch_size=16,24",
            "--filters=4",
            "--epochs=1",
            "--steps_per_epoch=8",
            "--global_batch_size=6",
            "--learning_rate=0.02",
            *("--gamma=0.3", "--bias_field=0.1", "--blur_px=1"),
            "--motion_ghosts=0.2",
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "idle" in result.stderr
    (row,) = read_history(workdir)
    assert 0 < float(row["loss"]) < 1
    assert 0 <= float(row["data_wait_share"]) <= 1
    state = read_checkpoint(workdir, 1)
    assert {v.dtype.name for v in state.values()} <= {
        "float32",
        "int32",
        "int64",
    }
    (steps,) = (v for name, v in state.items() if name.endswith("/iteration"))
    assert steps == 8
    # The model takes whole slices, and is a float32 one for who loads it.
    info = artifacts.read_model_info(workdir)
    (model,) = artifacts.load_models(info)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert model(np.zeros((1, 32, 32, 1), np.float32)).dtype == "float32"
