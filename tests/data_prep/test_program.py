import subprocess
import sys

import pytest
from absl import flags

from data_prep import flag_groups, program
from data_prep.errors import UsageError, UserError
from data_prep.preprocess import PreprocessConfig


def define_flags(flag_values):
    flags.DEFINE_integer(
        "count", 3, "How many.", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_string("place", None, "Where.", flag_values=flag_values)
    flags.DEFINE_bool("loud", False, "How.", flag_values=flag_values)
    flags.DEFINE_multi_string(
        "name", [], "Who, once for each.", flag_values=flag_values
    )
    flags.DEFINE_enum(
        "kind", "a", ["a", "b"], "Which.", flag_values=flag_values
    )


def run(*arguments, main=lambda flag_values: 0, **kwargs):
    return program.run_program(
        name="wmh-test",
        description="Does a test.",
        define_flags=define_flags,
        main=main,
        argv=["wmh-test", *arguments],
        **kwargs,
    )


def test_flags_reach_main_and_its_code_comes_back():
    seen = []

    def main(flag_values):
        seen.append((flag_values.count, flag_values.loud, flag_values.kind))
        return 7

    assert run("--count=5", "--loud", "--kind=b", main=main) == 7
    assert run(main=main) == 7
    assert seen == [(5, True, "b"), (3, False, "a")]


def test_the_global_flags_stay_untouched():
    run("--count=5")
    assert "count" not in flags.FLAGS


def test_help_shows_every_flag(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "Does a test." in shown
    for text in ("--count=…  (default: 3)", "--place=…", "--kind=a|b"):
        assert text in shown
    assert "--loud  (default: no; off)" in shown
    assert "--flagfile" in shown
    assert "      Who, once for each.\n" in shown


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("wmh-test 0.")


def test_version_tells_more_of_the_flags_beside_it(capsys):
    def details(flag_values):
        if flag_values.place == "nowhere":
            raise UserError("nowhere: no such place")
        return f"at {flag_values.place}"

    assert run("--version", "--place=x", version_details=details) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("wmh-test 0.")
    assert second == "at x"
    for arguments, code, message in (
        (["--place=nowhere", "--version"], 1, "no such place"),
        (["--version", "--cuont=1"], 2, "cuont"),
    ):
        assert run(*arguments, version_details=details) == code
        shown = capsys.readouterr()
        assert shown.out.startswith("wmh-test 0.")
        assert message in shown.err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--count=0", "count"),
        ("--count=x", "count"),
        ("--cuont=1", "cuont"),
        ("--kind=c", "kind"),
        ("stray", "expected only --flags, received 'stray'"),
        ("--flagfile=/nowhere.cfg", "flagfile"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(capsys, argument, message):
    assert run(argument) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "wmh-test --help" in shown
    assert "Traceback" not in shown


def test_needed_flags_are_named(capsys):
    def main(flag_values):
        program.require(flag_values, "place", "count")
        return 0

    assert run(main=main) == 2
    assert "needed, but not given: --place" in capsys.readouterr().err
    assert run("--place=x", main=main) == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("no such thing"), 1),
        (UsageError("no such thing"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_exit_codes(capsys, error, code):
    def main(flag_values):
        raise error

    assert run(main=main) == code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert ("no such thing" in shown) == (code != 130)


def test_a_full_disk_is_no_bug(capsys):
    def main(flag_values):
        raise OSError(28, "No space left on device", "/out/mask.nii.gz")

    assert run(main=main) == 1
    shown = capsys.readouterr().err
    assert "/out/mask.nii.gz: No space left on device" in shown


def test_a_name_that_cannot_be_written_is_no_bug(capsys):
    def main(flag_values):
        "{'place': '/out/\udcff.nii'}".encode()

    assert run(main=main) == 1
    shown = capsys.readouterr().err
    assert r"/out/\udcff" in shown
    assert "rename" in shown


def test_a_bug_is_not_hidden():
    def main(flag_values):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main=main)


def test_later_flags_win_over_a_flagfile(tmp_path):
    recipe = tmp_path / "a.cfg"
    recipe.write_text("# a recipe\n--count=8\n--kind=b\n")
    seen = []

    def main(flag_values):
        seen.append((flag_values.count, flag_values.kind))
        return 0

    assert run(f"--flagfile={recipe}", "--count=9", main=main) == 0
    assert run("--count=9", f"--flagfile={recipe}", main=main) == 0
    assert seen == [(9, "b"), (8, "b")]


def test_packaged_flagfiles_are_found_from_anywhere(tmp_path):
    (tmp_path / "a.cfg").write_text("--count=8\n")
    seen = []

    def main(flag_values):
        seen.append(flag_values.count)
        return 0

    assert run("--flagfile=a.cfg", main=main, flagfile_dir=tmp_path) == 0
    assert run("--flagfile", "a.cfg", main=main, flagfile_dir=tmp_path) == 0
    assert seen == [8, 8]
    assert run("--flagfile=b.cfg", flagfile_dir=tmp_path) == 2


@pytest.mark.parametrize("path", ["some/where/a.cfg", "./a.cfg", "/no/a.cfg"])
def test_a_packaged_flagfile_stands_in_for_no_other(tmp_path, capsys, path):
    (tmp_path / "a.cfg").write_text("--count=8\n")
    assert run(f"--flagfile={path}", flagfile_dir=tmp_path) == 2
    shown = capsys.readouterr().err
    assert f"--flagfile={path}: no such file" in shown
    assert "that comes along is --flagfile=a.cfg" in shown
    assert run("--flagfile", path, flagfile_dir=tmp_path) == 2


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    seen = []

    def main(flag_values):
        seen.append(flag_values.place)
        return 0

    assert run("--place=~/data", main=main) == 0
    assert run("--place=a~/data", main=main) == 0
    assert seen == ["/home/someone/data", "a~/data"]


def test_progress_passes_items_on_and_shows_the_total(capsys):
    items = list(program.progress([1, 2, 3], "counting", unit="thing"))
    assert items == [1, 2, 3]
    shown = capsys.readouterr().err
    assert "counting" in shown
    assert "3/3" in shown
    # No terminal here: lines, that a log can hold.
    assert "\r" not in shown
    assert all(line.startswith("counting") for line in shown.splitlines())


def test_preprocess_flags_give_the_config():
    flag_values = flags.FlagValues()
    flag_groups.define_preprocess_flags(flag_values)
    flag_values(["x"])
    config = flag_groups.preprocess_config_from(flag_values)
    assert config == PreprocessConfig()
    flag_values(["x", "--side=96", "--padding=background"])
    config = flag_groups.preprocess_config_from(flag_values)
    assert config == PreprocessConfig(side=96, padding="background")


def test_help_into_a_closed_pipe_is_no_error():
    command = f"set -o pipefail; {sys.executable} -m data_prep.prepare --help"
    done = subprocess.run(
        ["bash", "-c", f"{command} | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_another_program_s_flags_are_parsed_as_it_does(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/x")
    (tmp_path / "recipe.cfg").write_text("--count=5\n--place=~/y\n")
    found = program.parse_flags(
        define_flags, ["--flagfile=recipe.cfg", "--kind=b"], tmp_path
    )
    assert (found.count, found.place, found.kind) == (5, "/home/x/y", "b")
    assert not found["loud"].present
    with pytest.raises(UsageError, match="no such file"):
        program.parse_flags(define_flags, ["--flagfile=none.cfg"], tmp_path)
    with pytest.raises(flags.Error, match="cuont"):
        program.parse_flags(define_flags, ["--cuont=5"])


def test_flags_by_place(capsys):
    def main(flag_values):
        print(flag_values.kind, flag_values.place, flag_values.count)
        return 0

    def run_with(*arguments):
        return run(*arguments, main=main, positional=("kind", "place"))

    assert run_with("b", "--count=3", "here") == 0
    assert run_with("--count=3", "b") == 0
    assert capsys.readouterr().out == "b here 3\nb None 3\n"
    assert run_with("c") == 2
    assert "kind" in capsys.readouterr().err
    assert run_with("b", "here", "there") == 2
    shown = capsys.readouterr().err
    assert "expected only KIND PLACE --flags, received 'there'" in shown
