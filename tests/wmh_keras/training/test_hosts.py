"""Two processes with two devices each, on the CPU, as on two machines."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

EPOCHS = 5
MEASURED = {"seconds", "images_per_second", "data_wait_share"}
# float32 sums in another order; Adam makes a little more of it in 20 steps.
TOLERANCE = 1e-4


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def environment(devices, **more):
    return {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        **more,
    }


def start(repository, arguments, devices, **more):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=repository,
        env=environment(devices, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes):
    """Waits for all; gives (code, stdout, stderr) of each."""
    outcomes = [process.communicate(timeout=600) for process in processes]
    codes = [process.returncode for process in processes]
    return [(code, *out) for code, out in zip(codes, outcomes, strict=True)]


def wait_until(is_so, processes):
    deadline = time.monotonic() + 600
    while not is_so():
        for process in processes:
            assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Training:
    """wmh-train in one or two processes on one work folder."""

    def __init__(self, repository, data_dir, workdir):
        self.repository = repository
        self.workdir = workdir
        self.arguments = [
            "-m",
            "wmh_keras.train",
            f"--data_dir={data_dir}",
            f"--workdir={workdir}",
            "--filters=4",
            f"--epochs={EPOCHS}",
            "--steps_per_epoch=4",
            "--global_batch_size=8",
            "--learning_rate=0.002",
            "--plateau_epochs=1",
            # A dead process is noticed at once; a slow one is none.
            "--silence_seconds=120",
        ]

    def alone(self, devices):
        return [start(self.repository, self.arguments, devices)]

    def in_two(self, *more):
        address = f"--coordinator=127.0.0.1:{free_port()}"
        flags = [address, "--num_processes=2", *more]
        return [
            start(
                self.repository,
                [*self.arguments, *flags, f"--process_id={index}"],
                devices=2,
            )
            for index in range(2)
        ]

    def on_slurm(self):
        """As `srun` starts it, on a cluster of this machine alone."""
        job = str(free_port())
        return [
            start(
                self.repository,
                [*self.arguments, "--coordinator=auto"],
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

    def stop_within(self, start_two, victim, sign):
        """Stops a process after the first epoch that it has done."""
        before = self.checkpoints()
        processes = start_two()
        wait_until(lambda: self.checkpoints() - before, processes)
        processes[victim].send_signal(sign)
        began = time.monotonic()
        outcomes = finish(processes)
        return outcomes, time.monotonic() - began


@pytest.fixture(scope="module")
def runs(small_data_dir, repository, tmp_path_factory):
    """One training without a break in one process; one with all breaks."""
    folder = tmp_path_factory.mktemp("hosts")
    whole = Training(repository, small_data_dir, folder / "whole")
    broken = Training(repository, small_data_dir, folder / "broken")
    breaks = [
        broken.stop_within(broken.in_two, 0, signal.SIGKILL),
        broken.stop_within(broken.on_slurm, 1, signal.SIGINT),
    ]
    ended = finish(broken.in_two())
    reference = finish(whole.alone(4))
    assert [code for code, *_ in (*ended, *reference)] == [0, 0, 0], ended
    return whole, broken, breaks, ended


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
    assert seconds < 100
    assert "process 0 of 2 stopped answering; start all" in errors
    assert "Traceback" not in errors


def test_an_interrupt_of_one_process_ends_all(runs):
    outcomes, seconds = runs[2][1]
    (code, _, errors), (interrupted, _, own_errors) = outcomes
    assert (code, interrupted) == (1, 130)
    assert seconds < 100
    assert "process 1 of 2 ended: it was interrupted; start all" in errors
    assert "the same command goes on" in own_errors
    assert "Traceback" not in errors + own_errors


def test_two_processes_equal_one_through_all_breaks(runs):
    whole, broken, *_ = runs
    expected = read_history(whole.workdir)
    received = read_history(broken.workdir)
    assert [row["epoch"] for row in received] == [1, 2, 3, 4, 5]
    for row, other in zip(expected, received, strict=True):
        assert other == pytest.approx(row, abs=TOLERANCE)
    assert_same_weights(
        read_weights(broken.workdir), read_weights(whole.workdir)
    )


def test_the_files_are_those_of_one_process(runs):
    whole, broken, _, ended = runs
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
    assert len(events) == 3
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
    whole, *_ = runs
    more = [*whole.arguments, f"--epochs={EPOCHS + 1}"]
    ((code, _, errors),) = finish([start(whole.repository, more, devices=2)])
    assert code == 0, errors
    assert "on 2 cpu (jax)" in errors
    assert len(read_history(whole.workdir)) == EPOCHS + 1


def test_patches_that_the_devices_augment_are_those_of_one_process(
    small_data_dir, repository, tmp_path
):
    whole = Training(repository, small_data_dir, tmp_path / "whole")
    shared = Training(repository, small_data_dir, tmp_path / "shared")
    flags = [
        "--patch_size=16,24",
        "--augment_on=device",
        "--noise_std=0.1",
        "--epochs=1",
    ]
    whole.arguments += flags
    ended = finish([*whole.alone(4), *shared.in_two(*flags)])
    assert [code for code, *_ in ended] == [0, 0, 0], ended
    ((expected,), (received,)) = map(
        read_history, (whole.workdir, shared.workdir)
    )
    assert received == pytest.approx(expected, abs=TOLERANCE)
    assert_same_weights(
        read_weights(shared.workdir, 1), read_weights(whole.workdir, 1)
    )


def test_every_process_refuses_a_batch_that_cannot_be_shared(
    small_data_dir, repository, tmp_path
):
    training = Training(repository, small_data_dir, tmp_path / "run")
    for code, _, errors in finish(training.in_two("--global_batch_size=6")):
        assert code == 1
        assert "expected a multiple of the 4 devices, received 6" in errors
        assert "Traceback" not in errors
