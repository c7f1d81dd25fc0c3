"""Two processes with two devices each, on the CPU, as on two machines."""

import contextlib
import csv
import io
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data_prep.program import parse_flags
from wmh_keras import train
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import training_flags

EPOCHS = 6
MEASURED = {"seconds", "images_per_second", "data_wait_share"}
# float32 sums in another order; Adam makes a little more of it in 24 steps.
TOLERANCE = 1e-4
# Only against waiting for ever.
HANGS_SECONDS = 600
SILENCE_SECONDS = 120
LOST = "process 0 of 2 stopped answering; start all"
INTERRUPTED = "process 1 of 2 ended: it was interrupted; start all"
JOINT_RUNS = Path(__file__).with_name("joint_runs.py")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Running:
    """A process that was started, and when it said what."""

    def __init__(self, repository, arguments, devices, **more):
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=repository,
            env={
                **os.environ,
                "KERAS_BACKEND": "jax",
                "XLA_FLAGS": "--xla_force_host_platform_device_count="
                f"{devices}",
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._lines.append((time.monotonic(), line))

    @property
    def errors(self):
        return "".join(line for _, line in self._lines)

    def said_at(self, words):
        """The time of the first line of stderr with these words."""
        return next(at for at, line in self._lines if words in line)

    def finish(self):
        """Waits for the end; gives (code, stdout, stderr)."""
        with self.process:  # closes the pipes
            code = self.process.wait(HANGS_SECONDS)
            self._reader.join(HANGS_SECONDS)
            return code, self.process.stdout.read(), self.errors


def finish(processes):
    return [process.finish() for process in processes]


def wait_until(is_so, processes):
    deadline = time.monotonic() + HANGS_SECONDS
    while not is_so():
        for running in processes:
            assert running.process.poll() is None, running.errors
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Training:
    """wmh-train on one work folder, in this process or in two others."""

    def __init__(self, repository, data_dir, workdir):
        self.repository = repository
        self.workdir = workdir
        self.flags = [
            f"--data_dir={data_dir}",
            f"--workdir={workdir}",
            "--filters=4",
            "--steps_per_epoch=4",
            "--global_batch_size=8",
            "--learning_rate=0.002",
            "--plateau_epochs=1",
        ]

    def here(self, *more):
        """In this process, on its one device; what it wrote to stderr."""
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            code = train.cli(["wmh-train", *self.flags, *more])
        assert code == 0, errors.getvalue()
        return errors.getvalue()

    def in_two(self, *more, program=("-m", "wmh_keras.train")):
        address = f"--coordinator=127.0.0.1:{free_port()}"
        together = [
            address,
            "--num_processes=2",
            # A dead process is noticed at once; a slow one is none.
            f"--silence_seconds={SILENCE_SECONDS}",
        ]
        return [
            Running(
                self.repository,
                [
                    *program,
                    *self.flags,
                    *together,
                    f"--process_id={index}",
                    *more,
                ],
                devices=2,
            )
            for index in range(2)
        ]

    def on_slurm(self, *more):
        """As `srun` starts it, on a cluster of this machine alone."""
        job = str(free_port())
        return [
            Running(
                self.repository,
                [
                    *("-m", "wmh_keras.train"),
                    *self.flags,
                    "--coordinator=auto",
                    f"--silence_seconds={SILENCE_SECONDS}",
                    *more,
                ],
                devices=2,
                SLURM_JOB_ID=job,
                SLURM_STEP_NODELIST="localhost",
                SLURM_NTASKS="2",
                SLURM_PROCID=str(index),
                SLURM_LOCALID=str(index),
            )
            for index in range(2)
        ]

    def checkpoints(self):
        return set(self.workdir.glob("checkpoints/epoch_*"))

    def stop_within(self, start_two, victim, sign, words):
        """Stops a process after the first epoch that it has done.

        Gives how both ended, and how long after the victim's end the other
        one said these words.
        """
        before = self.checkpoints()
        processes = start_two(f"--epochs={EPOCHS - 1}")
        wait_until(lambda: self.checkpoints() - before, processes)
        processes[victim].process.send_signal(sign)
        processes[victim].process.wait(HANGS_SECONDS)
        ended = time.monotonic()
        outcomes = finish(processes)
        return outcomes, processes[1 - victim].said_at(words) - ended


@pytest.fixture(scope="module")
def runs(small_data_dir, repository, tmp_path_factory):
    """One training without a break in one process; one with all breaks."""
    folder = tmp_path_factory.mktemp("hosts")
    whole = Training(repository, small_data_dir, folder / "whole")
    broken = Training(repository, small_data_dir, folder / "broken")
    breaks = [
        broken.stop_within(broken.in_two, 0, signal.SIGKILL, LOST),
        broken.stop_within(broken.on_slurm, 1, signal.SIGINT, INTERRUPTED),
    ]
    ended = finish(broken.in_two(f"--epochs={EPOCHS - 1}"))
    assert [code for code, *_ in ended] == [0, 0], ended
    alone = broken.here(f"--epochs={EPOCHS}")
    whole.here(f"--epochs={EPOCHS}")
    return whole, broken, breaks, ended, alone


def read_history(workdir):
    with open(workdir / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        {k: float(v) for k, v in row.items() if k not in MEASURED}
        for row in rows
    ]


def read_weights(workdir, epoch=EPOCHS):
    path = workdir / "checkpoints" / f"epoch_{epoch:06d}" / "variables.npz"
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def assert_same_weights(received, expected):
    assert received.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            received[name], value, atol=TOLERANCE, err_msg=name
        )


def test_when_a_process_is_killed_the_other_says_so_and_ends(runs):
    outcomes, seconds = runs[2][0]
    (killed, *_), (code, _, errors) = outcomes
    assert killed == -signal.SIGKILL
    assert code == 1
    assert LOST in errors
    # Half of what silence alone would have taken.
    assert seconds < 60 <= SILENCE_SECONDS / 2
    assert "Traceback" not in errors


def test_an_interrupt_of_one_process_ends_all(runs):
    outcomes, seconds = runs[2][1]
    (code, _, errors), (interrupted, _, own_errors) = outcomes
    assert (code, interrupted) == (1, 130)
    assert INTERRUPTED in errors
    assert seconds < 60 <= SILENCE_SECONDS / 2
    assert "the same command goes on" in own_errors
    assert "Traceback" not in errors + own_errors


def test_two_processes_equal_one_through_all_breaks(runs):
    whole, broken, *_ = runs
    expected = read_history(whole.workdir)
    received = read_history(broken.workdir)
    assert [row["epoch"] for row in received] == [1, 2, 3, 4, 5, 6]
    for row, other in zip(expected, received, strict=True):
        assert other == pytest.approx(row, abs=TOLERANCE)
    assert_same_weights(
        read_weights(broken.workdir), read_weights(whole.workdir)
    )


def test_the_files_are_those_of_one_process(runs):
    whole, broken, _, ended, _ = runs
    names = [
        sorted(
            str(path.relative_to(run.workdir))
            for path in run.workdir.rglob("*")
            if "events.out" not in path.name
        )
        for run in (whole, broken)
    ]
    assert names[0] == names[1]
    # One file of events for each time the first process started.
    events = list((broken.workdir / "tensorboard/train").glob("events.*"))
    assert len(events) == 4
    (_, output, _), (_, silent, errors) = ended
    assert "Trained 5 epochs" in output
    # Gloo, which joins CPUs, greets on its own.
    said = [
        line
        for line in (silent + errors).splitlines()
        if "epoch" in line or "Trained" in line
    ]
    assert said == []


def test_it_goes_on_on_another_number_of_devices(runs):
    *_, ended, alone = runs
    assert "on 4 cpu in 2 processes (jax)" in ended[0][2]
    assert "on 1 cpu (jax)" in alone
    # What came of it is compared above.


@pytest.fixture(scope="module")
def joint_runs(small_data_dir, repository, tmp_path_factory):
    """One process here, and two that do the same; how these ended."""
    folder = tmp_path_factory.mktemp("joint")
    here = Training(repository, small_data_dir, folder / "here")
    there = Training(repository, small_data_dir, folder / "there")
    flags = [
        "--patch_size=16,24",
        "--augment_on=device",
        "--noise_std=0.1",
        "--epochs=1",
    ]
    processes = there.in_two(*flags, program=[JOINT_RUNS])
    here.here(*flags)
    return here, there, finish(processes), flags


def test_gradient_descent_in_two_processes_equals_one(joint_runs):
    here, there, ended, flags = joint_runs
    program = runpy.run_path(str(JOINT_RUNS))
    config = training_flags.config_from(
        parse_flags(train.define_flags, [*here.flags, *flags])
    )
    losses, weights = program["descend"](
        program["whole_slices"](config), ProcessGroup()
    )
    assert len(losses) == 6
    assert len(set(losses)) == 6
    for index in range(2):
        with np.load(f"{there.workdir}_{index}.npz") as stored:
            received, *parts = stored.values()
        np.testing.assert_allclose(received, losses, atol=1e-5, err_msg=ended)
        for part, weight in zip(parts, weights, strict=True):
            np.testing.assert_allclose(part, weight, atol=1e-5)


def test_patches_that_the_devices_augment_are_those_of_one_process(joint_runs):
    here, there, *_ = joint_runs
    ((expected,), (received,)) = map(
        read_history, (here.workdir, there.workdir)
    )
    assert received == pytest.approx(expected, abs=TOLERANCE)
    assert_same_weights(
        read_weights(there.workdir, 1), read_weights(here.workdir, 1)
    )


def test_every_process_refuses_a_batch_that_cannot_be_shared(joint_runs):
    for code, _, errors in joint_runs[2]:
        assert code == 1
        assert "expected a multiple of the 4 devices, received 6" in errors
        assert "Traceback" not in errors
