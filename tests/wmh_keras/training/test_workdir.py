import dataclasses

import keras
import pytest

from data_prep.errors import UserError
from wmh_keras.training.checkpoint import save_checkpoint
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.workdir import (
    WorkDone,
    is_finished,
    locked,
    open_workdir,
    read_flags,
    read_work_done,
)

DATA = "fingerprint"


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def config(tmp_path):
    (tmp_path / "run").mkdir()
    return TrainingConfig(
        data_dir="data", workdir=str(tmp_path / "run"), epochs=5
    )


@pytest.fixture
def begin(config, model, tmp_path):
    """Leaves a work folder as a training does after some epochs."""

    def make(epoch=2, stopped=False):
        assert open_workdir(config, DATA) is None
        state = {
            "data_fingerprint": DATA,
            "schedule": {"stopped": stopped, "best_epoch": 1},
        }
        save_checkpoint(tmp_path / "run" / "checkpoints", epoch, model, state)

    return make


def test_a_new_training_notes_its_flags(config, tmp_path):
    assert open_workdir(config, DATA) is None
    assert read_flags(tmp_path / "run" / "flags.cfg") == config.to_flags()


def test_the_same_command_goes_on(begin, config):
    begin()
    assert open_workdir(config, DATA).epoch == 2


def test_a_folder_with_other_files_is_refused(config, tmp_path):
    (tmp_path / "run" / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"found other files \(thesis.tex\)"):
        open_workdir(config, DATA)


def test_what_a_kill_left_is_cleared_away_and_no_obstacle(config, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir()
    left = [
        run / ".tmp-0123abcd-flags.cfg",
        run / ".tmp-0123abcd-model",
        run / "checkpoints" / ".tmp-0123abcd-epoch_000001",
    ]
    left[0].touch()
    for folder in left[1:]:
        folder.mkdir()
        (folder / "half").touch()
    (run / "flags.cfg").touch()
    assert open_workdir(config, DATA) is None
    assert not any(path.exists() for path in left)


def test_a_kill_before_the_flags_were_written_is_no_obstacle(config, tmp_path):
    (tmp_path / "run" / ".tmp-0123abcd-flags.cfg").touch()
    assert open_workdir(config, DATA) is None


def test_other_flags_are_refused_with_both_values(begin, config):
    begin()
    other = dataclasses.replace(config, learning_rate=0.1, seed=7)
    with pytest.raises(UserError) as error:
        open_workdir(other, DATA)
    assert "--learning_rate: was '0.0003', now '0.1'" in str(error.value)
    assert "--seed: was '0', now '7'" in str(error.value)
    # And the flags of the run stay as they were.
    assert open_workdir(config, DATA).epoch == 2


def test_flags_may_change_before_the_first_epoch_is_done(config):
    open_workdir(config, DATA)
    other = dataclasses.replace(config, learning_rate=0.1)
    assert open_workdir(other, DATA) is None


def test_other_data_is_refused(begin, config):
    begin()
    with pytest.raises(UserError, match="a training on other data"):
        open_workdir(config, "another")


def test_a_finished_training_is_refused_and_can_be_made_longer(begin, config):
    begin(epoch=5)
    with pytest.raises(UserError, match=r"finished: 5 epochs are done.*raise"):
        open_workdir(config, DATA)
    longer = dataclasses.replace(config, epochs=6)
    assert open_workdir(longer, DATA).epoch == 5


def test_a_training_that_ended_early_is_finished_for_good(begin, config):
    begin(epoch=3, stopped=True)
    longer = dataclasses.replace(config, epochs=50)
    with pytest.raises(UserError, match="finished: it ended after epoch 3"):
        open_workdir(longer, DATA)


def test_two_trainings_cannot_share_a_work_folder(tmp_path):
    with (
        locked(tmp_path / "run"),
        pytest.raises(UserError, match="another process trains"),
        locked(tmp_path / "run"),
    ):
        pass
    with locked(tmp_path / "run"):
        pass


def test_a_finished_training_is_known(begin, config, tmp_path):
    assert not is_finished(config, DATA)
    begin(epoch=5)
    before = sorted(tmp_path.rglob("*"))
    assert is_finished(config, DATA)
    assert not is_finished(config, "other data")
    assert not is_finished(dataclasses.replace(config, seed=3), DATA)
    assert not is_finished(dataclasses.replace(config, epochs=6), DATA)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_training_that_was_stopped_early_is_finished(begin, config):
    begin(epoch=2, stopped=True)
    assert is_finished(config, DATA)


def test_work_done_is_read_from_the_last_checkpoint(config, model, tmp_path):
    run = tmp_path / "run"
    assert read_work_done(run) == WorkDone()
    open_workdir(config, DATA)
    state = {
        "data_fingerprint": DATA,
        "schedule": {"stopped": False, "best_epoch": 1, "best": 0.25},
        "history": [{"epoch": 1, "seconds": 2.0}, {"epoch": 2, "seconds": 1.5}],
    }
    save_checkpoint(run / "checkpoints", 2, model, state)
    assert read_work_done(run) == WorkDone(2, 1, 0.25, 3.5)
