"""A training that is killed and goes on equals one that is not."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

EPOCHS = 5
MEASURED = {"seconds", "images_per_second", "data_wait_share"}


class Program:
    """The training program in a process of its own."""

    def __init__(self, repository, data_dir, workdir):
        self.repository = repository
        self.workdir = workdir
        self.arguments = [
            f"--data_dir={data_dir}",
            f"--workdir={workdir}",
            "--filters=4",
            f"--epochs={EPOCHS}",
            # More batches than a pass has, and no whole number of passes.
            "--steps_per_epoch=11",
            "--global_batch_size=6",
            "--learning_rate=0.02",
            "--plateau_epochs=1",
            "--plateau_factor=0.7",
            "--rotation_degrees=10",
        ]

    def start(self, **more):
        return subprocess.Popen(
            [sys.executable, "-m", "wmh_keras.train", *self.arguments],
            cwd=self.repository,
            # Each compiles for itself, as a user's would.
            env={
                **os.environ,
                "JAX_ENABLE_COMPILATION_CACHE": "false",
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self):
        process = self.start()
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        return output

    def interrupt_after(self, epoch, sign):
        """Sends a signal as soon as an epoch is saved; gives code, stderr."""
        process = self.start()
        folder = self.workdir / "checkpoints"
        deadline = time.monotonic() + 300
        while not any(folder.glob(f"epoch_{epoch:06d}")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(sign)
        _, errors = process.communicate(timeout=300)
        return process.returncode, errors


@pytest.fixture(scope="module")
def runs(small_data_dir, repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    unbroken = Program(repository, small_data_dir, folder / "unbroken")
    broken = Program(repository, small_data_dir, folder / "broken")
    outcomes = [
        broken.interrupt_after(1, signal.SIGKILL),
        broken.interrupt_after(3, signal.SIGINT),
    ]
    broken.finish()
    unbroken.finish()
    return unbroken.workdir, broken.workdir, outcomes


def read_history(workdir):
    with open(workdir / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]


def test_it_was_really_stopped_twice(runs):
    _, _, ((killed, _), (interrupted, errors)) = runs
    assert killed == -signal.SIGKILL
    assert interrupted == 130
    assert "the same command goes on" in errors
    assert "flags.cfg" in errors


def test_the_history_is_the_same_to_the_last_digit(runs):
    unbroken, broken, _ = runs
    expected = read_history(unbroken)
    assert [row["epoch"] for row in expected] == list("12345")
    # The schedule acted, so its state mattered.
    assert len({row["learning_rate"] for row in expected}) > 1
    assert read_history(broken) == expected


def test_weights_and_optimizer_are_the_same_to_the_last_bit(runs):
    states = []
    for workdir in runs[:2]:
        folder = workdir / "checkpoints" / f"epoch_{EPOCHS:06d}"
        with np.load(folder / "variables.npz") as stored:
            states.append({name: stored[name] for name in stored.files})
    unbroken, broken = states
    assert unbroken.keys() == broken.keys()
    for name, value in unbroken.items():
        assert value.tobytes() == broken[name].tobytes(), name


def test_the_best_model_is_the_same_file_for_file(runs):
    contents = [
        {path.name: path.read_bytes() for path in (run / "model").iterdir()}
        for run in runs[:2]
    ]
    assert contents[0] == contents[1]


def test_the_curves_are_drawn_and_nothing_is_left_over(runs):
    for workdir in runs[:2]:
        assert (workdir / "curves.png").stat().st_size > 10_000
        assert not [p for p in workdir.rglob("*") if p.name.startswith(".tmp")]
        assert len(list((workdir / "checkpoints").iterdir())) == 2


def test_the_program_refuses_to_start_over(runs, small_data_dir, repository):
    """Keras takes the backend from the flag, whatever the environment says."""
    program = Program(repository, small_data_dir, runs[0])
    process = program.start(KERAS_BACKEND="torch")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "this training is finished: 5 epochs are done" in errors
    assert "Traceback" not in errors
