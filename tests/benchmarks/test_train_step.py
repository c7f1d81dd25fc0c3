"""The comparison with PyTorch, tiny; with it where an interpreter has it."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(repository, tmp_path):
    def start(*arguments):
        program = repository / "benchmarks" / "train_step.py"
        file = tmp_path / "rows.json"
        result = subprocess.run(
            [sys.executable, program, "--small", f"--json={file}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout, json.loads(file.read_text())

    return start


def test_both_backends_train_the_same_without_pytorch(run, tmp_path):
    without = tmp_path / "python"
    without.write_text("#!/bin/sh\nexit 1\n")
    without.chmod(0o755)
    text, rows = run("--only=fp32", f"--torch_python={without}")
    assert "has no PyTorch" in text
    assert [row["task"]["framework"] for row in rows] == ["tensorflow", "jax"]
    # (4, 8): 9·1·4+4, 9·4·4+4, 9·4·8+8, 9·8·8+8, 9·12·4+4, 9·4·4+4, 4+1, and
    # two numbers a channel for each of the six normalisations.
    weights = 40 + 148 + 296 + 584 + 436 + 148 + 5 + 2 * (4 * 4 + 2 * 8)
    losses = [row["facts"]["losses"] for row in rows]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for row in rows:
        assert row["facts"]["weights"] == weights
        assert len(row["speeds"]) == 1
        assert row["speeds"][0] > 0
    # Kernels without biases, at sides 64 and 32.
    fine, coarse = 36 + 144 + 432 + 144 + 4, 288 + 576
    flops = 3 * 2 * (fine * 64**2 + coarse * 32**2)
    assert rows[0]["facts"]["flops"] == flops


def test_pytorch_trains_the_same_network(run):
    python = os.environ.get("WMH_TORCH_PYTHON", sys.executable)
    found = subprocess.run(
        [python, "-c", "import numpy, torch"], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip("no PyTorch; WMH_TORCH_PYTHON names an interpreter with it")
    _, rows = run("--only=o", f"--torch_python={python}")
    kinds = {(r["task"]["framework"], r["task"]["precision"]) for r in rows}
    assert kinds == {
        (framework, precision)
        for framework in ("tensorflow", "torch eager", "torch compiled")
        for precision in ("fp32", "bf16")
    }
    # The program itself ends with an error where weights or losses differ.
    assert len({row["facts"]["weights"] for row in rows}) == 1
