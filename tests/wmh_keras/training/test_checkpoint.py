import keras
import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.files import remove_temporaries
from wmh_keras.training.checkpoint import (
    latest_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)


def make_model(units=3):
    model = keras.Sequential(
        [
            keras.Input((2,), name="image"),
            keras.layers.Dense(units, name="dense"),
            keras.layers.BatchNormalization(name="norm"),
        ],
        name="small",
    )
    model.compile(
        keras.optimizers.Adam(0.01, name="adam"), "mse", metrics=["mae"]
    )
    return model


def state_of(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(v) for v in variables]


@pytest.fixture(scope="module")
def fitted():
    model = make_model()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 3))
    model.fit(x, y, verbose=0)
    model.optimizer.learning_rate = 0.005
    return model


def test_the_whole_state_comes_back(tmp_path, fitted):
    save_checkpoint(tmp_path, 7, fitted, {"best": 0.5})
    checkpoint = latest_checkpoint(tmp_path)
    assert (checkpoint.epoch, checkpoint.state) == (7, {"best": 0.5})
    other = make_model()
    restore_checkpoint(checkpoint, other)
    assert float(other.optimizer.learning_rate) == np.float32(0.005)
    assert int(other.optimizer.iterations) == 1
    weights = [v.path for v in other.variables]
    assert any("moving_variance" in path for path in weights)
    for a, b in zip(fitted.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(
        fitted.optimizer.variables, other.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_no_checkpoints_yet(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "missing") is None


def test_the_last_two_are_kept(tmp_path, fitted):
    for epoch in (1, 2, 3, 10):
        save_checkpoint(tmp_path, epoch, fitted, {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch_000003", "epoch_000010"]
    assert latest_checkpoint(tmp_path).epoch == 10


def test_what_a_kill_left_half_written_is_never_read(tmp_path, fitted):
    save_checkpoint(tmp_path, 1, fitted, {})
    half = tmp_path / ".tmp-0123-epoch_000002"
    half.mkdir()
    (half / "variables.npz").write_bytes(b"half")
    assert latest_checkpoint(tmp_path).epoch == 1
    remove_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_000001"]


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', '{"state": null}'])
def test_one_without_a_state_is_passed_over(tmp_path, fitted, content):
    save_checkpoint(tmp_path, 1, fitted, {})
    save_checkpoint(tmp_path, 2, fitted, {})
    (tmp_path / "epoch_000002" / "state.json").write_text(content)
    assert latest_checkpoint(tmp_path).epoch == 1


@pytest.mark.parametrize("name", ["variables.npz", "state.json"])
def test_a_damaged_one_is_passed_over(tmp_path, fitted, name):
    save_checkpoint(tmp_path, 1, fitted, {})
    save_checkpoint(tmp_path, 2, fitted, {})
    content = (tmp_path / "epoch_000002" / name).read_bytes()
    (tmp_path / "epoch_000002" / name).write_bytes(content[:-20])
    assert latest_checkpoint(tmp_path).epoch == 1
    # It is written again when the training gets there.
    save_checkpoint(tmp_path, 2, fitted, {})
    assert latest_checkpoint(tmp_path).epoch == 2


def test_damage_to_all_of_them_is_an_error_not_a_new_start(tmp_path, fitted):
    save_checkpoint(tmp_path, 1, fitted, {})
    (tmp_path / "epoch_000001" / "variables.npz").write_bytes(b"")
    with pytest.raises(UserError, match="no checkpoint can be read"):
        latest_checkpoint(tmp_path)


def test_another_network_is_refused(tmp_path, fitted):
    save_checkpoint(tmp_path, 1, fitted, {})
    checkpoint = latest_checkpoint(tmp_path)
    with pytest.raises(UserError, match=r"variables.npz: made by another"):
        restore_checkpoint(checkpoint, make_model(units=4))
