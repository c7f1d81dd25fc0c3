"""A program as a process: what it says, how it ends, Ctrl-C."""

import os
import signal
import threading

import pytest

from wmh_keras.comparison.child import find_reason, run_child
from wmh_keras.comparison.step import Step


@pytest.fixture
def make_step(tmp_path, monkeypatch):
    """A step that runs a small program."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(code):
        (tmp_path / "small_program.py").write_text(code)
        log = tmp_path / "logs" / "small.log"
        return Step("small", "small_program", ("--flag=a b",), log)

    return make


def test_what_it_says_is_shown_and_kept(make_step, capfd):
    step = make_step(
        "import sys\nprint(sys.argv[1])\nprint('é', file=sys.stderr)\n"
    )
    assert run_child(step).code == 0
    assert run_child(step).message == ""
    assert capfd.readouterr().err == "--flag=a b\né\n" * 2
    log = step.log.read_text(encoding="utf-8")
    assert log.count("--flag=a b\né\n# ended with 0\n") == 2
    assert "-m small_program '--flag=a b'" in log


def test_a_failure_has_its_reason(make_step):
    ending = run_child(
        make_step(
            "import sys\nprint('wmh-train: error: no data\\n  in x')\n"
            "sys.exit(1)\n"
        )
    )
    assert ending.code == 1
    assert ending.message == "no data\n  in x"


def test_a_killed_program_is_told_of(make_step):
    ending = run_child(
        make_step("import os\nprint('begun')\nos.kill(os.getpid(), 9)\n")
    )
    assert ending.code == -9
    assert ending.message == "was killed (SIGKILL, as when memory runs out)"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_reaches_it_once_and_it_may_finish(make_step, capfd, name):
    step = make_step(
        "import sys, time\n"
        "print('begun', flush=True)\n"
        "try:\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.3)\n"
        "    print('put away')\n"
        "    sys.exit(130)\n"
    )

    def press():
        while not step.log.exists() or "begun" not in step.log.read_text():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), getattr(signal, name))

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        run_child(step)
    assert "put away" in step.log.read_text()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert "Traceback" not in capfd.readouterr().err


def test_a_program_that_was_interrupted_by_itself_ends_all(make_step):
    with pytest.raises(KeyboardInterrupt):
        run_child(make_step("import sys\nsys.exit(130)\n"))


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("wmh-train: error: a\n`wmh-train --help` lists the flags.\n", 2, "a"),
        ("epoch 1\nTraceback\nValueError: b\n", 1, "ValueError: b"),
        ("wmh-x: error: old\nwmh-evaluate: error: new\n", 1, "new"),
        ("", 3, "ended with exit status 3"),
        ("epoch 1", -15, "was killed (SIGTERM)"),
    ],
)
def test_the_reason_of_a_failure(said, code, reason):
    assert find_reason(said, code) == reason
