"""A data folder is finished or absent, whenever the program is killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.files import write_json

# Ends itself by SIGKILL at the given call that changes the file system.
KILLED_PROGRAM = """
import os, pathlib, shutil, signal, sys
from data_prep.dataset import data_folder
data_dir, moment = sys.argv[1], int(sys.argv[2])
calls = 0
def deadly(function):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call
for name in ("replace", "rmdir", "unlink", "mkdir", "fsync"):
    setattr(os, name, deadly(getattr(os, name)))
with data_folder.build_data_folder(data_dir) as folder:
    for name in data_folder.SIDE_FILES:
        (folder / name).write_text("new")
    for config in ("slices", "volumes"):
        deadly(lambda: None)()
        records = folder / "tfds_wmh" / config / "1.0.0"
        records.mkdir(parents=True)
        (records / "records").write_text("new")
"""


def fill(folder: Path) -> None:
    for name in data_folder.SIDE_FILES:
        (folder / name).write_text("newer")
    (folder / "tfds_wmh").mkdir()
    (folder / "tfds_wmh" / "records").write_text("newer")


def test_killed_at_any_moment_it_is_whole_or_absent(tmp_path, repository):
    outcomes = []
    for moment in range(1, 60):
        data_dir = tmp_path / str(moment)
        done = subprocess.run(
            [sys.executable, "-c", KILLED_PROGRAM, data_dir, str(moment)],
            cwd=repository,
            timeout=60,
        )
        finished = data_folder.is_finished(data_dir)
        outcomes.append(finished)
        if finished:
            files = [p for p in (data_dir / "tfds_wmh").rglob("records")]
            assert len(files) == 2
            for name in data_folder.SIDE_FILES:
                assert (data_dir / name).read_text() == "new"
            data_folder.remove_leftovers(data_dir)
        else:
            with pytest.raises(UserError, match="expected a prepared data set"):
                data_folder.read_card(data_dir)
            with data_folder.build_data_folder(data_dir) as folder:
                assert list(folder.iterdir()) == []
                fill(folder)
            for name in data_folder.SIDE_FILES:
                assert (data_dir / name).read_text() == "newer"
        expected = {*data_folder.SIDE_FILES, "tfds_wmh"}
        assert {path.name for path in data_dir.iterdir()} == expected
        if done.returncode == 0:
            break
    assert done.returncode == 0
    # Once finished it stays so: there is one moment of commitment.
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) > 10


def test_an_error_leaves_nothing(tmp_path):
    data_dir = tmp_path / "data"
    with (
        pytest.raises(RuntimeError),
        data_folder.build_data_folder(data_dir) as folder,
    ):
        fill(folder)
        raise RuntimeError
    assert list(data_dir.iterdir()) == []


def test_other_files_are_left_in_peace(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with data_folder.build_data_folder(tmp_path) as folder:
        fill(folder)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert data_folder.is_finished(tmp_path)


def test_files_in_the_way_are_named(tmp_path):
    (tmp_path / "splits.csv").write_text("mine")
    with pytest.raises(UserError, match=r"splits\.csv"):
        data_folder.check_place(tmp_path)
    with (
        pytest.raises(UserError, match=r"splits\.csv"),
        data_folder.build_data_folder(tmp_path),
    ):
        pass
    assert (tmp_path / "splits.csv").read_text() == "mine"


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(UserError, match="expected a folder"):
        data_folder.check_place(tmp_path / "data")


def test_two_at_once_are_refused(tmp_path):
    with data_folder.build_data_folder(tmp_path) as folder:
        with (
            pytest.raises(UserError, match="another program"),
            data_folder.build_data_folder(tmp_path),
        ):
            pass
        fill(folder)
    assert data_folder.is_finished(tmp_path)


def test_finished_data_is_not_built_again(tmp_path):
    with data_folder.build_data_folder(tmp_path) as folder:
        fill(folder)
    with (
        pytest.raises(UserError, match="already"),
        data_folder.build_data_folder(tmp_path),
    ):
        pass
    assert data_folder.is_finished(tmp_path)


def test_the_folder_above_is_named_only_where_it_holds_a_data_set(tmp_path):
    inner = tmp_path / "tfds_wmh" / "sharing"
    inner.mkdir(parents=True)  # as the package of this name
    with pytest.raises(UserError, match="make one with `wmh-prepare"):
        data_folder.read_card(inner)
    (tmp_path / "tfds_wmh" / "volumes").mkdir()
    with pytest.raises(UserError, match="give the folder above it"):
        data_folder.read_card(inner)


def test_data_of_another_format_is_refused(tmp_path):
    (tmp_path / "tfds_wmh").mkdir()
    write_json(tmp_path / "data_card.json", {"format_version": "9.0.0"})
    with pytest.raises(UserError, match=r"9\.0\.0"):
        data_folder.read_card(tmp_path)
