"""What can be said of the container without building it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def enter(tmp_path):
    """Runs the entry point where each program only says how it was called."""
    for name in ("wmh-bids-app", "wmh-predict"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "<%s>" {name} "$@"\nexit 3\n')
        program.chmod(0o755)

    def run(*arguments):
        done = subprocess.run(
            ["/bin/sh", ROOT / "container" / "entrypoint.sh", *arguments],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["/in put", "/out", "group"], "<wmh-bids-app></in put></out><group>"),
        ([], "<wmh-bids-app>"),
        (["--help"], "<wmh-bids-app><--help>"),
        (["wmh-predict", "--input=a b"], "<wmh-predict><--input=a b>"),
        # A folder may be called so as well.
        (["wmh-data", "out"], "<wmh-bids-app><wmh-data><out>"),
    ],
)
def test_entry_point(enter, arguments, called):
    assert enter(*arguments) == called


def test_what_is_copied_is_there_and_let_through():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = text.replace("\\\n", " ")
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("--")]
        copied |= set(words[:-1])
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
