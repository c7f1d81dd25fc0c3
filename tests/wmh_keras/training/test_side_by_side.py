"""The benchmark of trainings side by side, tiny."""

import subprocess
import sys


def run(repository, *flags):
    program = repository / "benchmarks" / "side_by_side.py"
    return subprocess.run(
        [sys.executable, program, *flags],
        capture_output=True,
        text=True,
        check=False,
        cwd=repository,
    )


def test_two_trainings_are_timed(repository, small_data_dir):
    result = run(
        repository,
        *("--count=2", "--", f"--data_dir={small_data_dir}"),
        *("--filters=4", "--epochs=2", "--steps_per_epoch=2"),
        *("--global_batch_size=2", "--backend=tensorflow"),
    )
    assert result.returncode == 0, result.stderr
    _, line = result.stdout.splitlines()
    count, seconds, rate, ratio = map(float, line.split())
    assert (count, ratio) == (2, 1)
    assert seconds > 0
    assert rate > 0


def test_a_training_that_fails_says_why(repository, tmp_path):
    result = run(repository, "--count=1", "--", f"--data_dir={tmp_path / 'no'}")
    assert result.returncode == 1
    assert "a training failed" in result.stderr
    assert str(tmp_path / "no") in result.stderr
