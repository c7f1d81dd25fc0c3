import csv
import dataclasses
import math
import shutil

import numpy as np
import pytest

from data_prep.errors import UserError
from wmh_keras import artifacts, train
from wmh_keras.inference.loading import load_segmenter
from wmh_keras.metrics import pixel
from wmh_keras.training import loop
from wmh_keras.training.callbacks import HISTORY_COLUMNS
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.seen_range import earlier_range
from wmh_keras.training.validation import ValidationScores, VolumeValidation


def make_config(data_dir, workdir, **changes):
    return TrainingConfig(
        **{
            "data_dir": str(data_dir),
            "workdir": str(workdir),
            "filters": (4,),
            "epochs": 3,
            "global_batch_size": 6,
            "learning_rate": 0.02,
            "plateau_epochs": 1,
            "plateau_factor": 0.5,
            "threshold": 0.4,
            "min_lesion_mm3": 2.0,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def trained(small_data_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("loop") / "run"
    config = make_config(small_data_dir, workdir)
    return workdir, config, loop.train(config)


@pytest.fixture(scope="module")
def history(trained):
    with open(trained[0] / "history.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_work_folder_has_everything(trained):
    workdir, _, _ = trained
    names = {path.name for path in workdir.iterdir()}
    assert names == {
        "checkpoints",
        "flags.cfg",
        "history.csv",
        "model",
        "tensorboard",
    }
    assert sorted(p.name for p in (workdir / "checkpoints").iterdir()) == [
        "epoch_000002",
        "epoch_000003",
    ]
    assert list((workdir / "tensorboard").rglob("events.*"))


def test_the_history_has_a_whole_row_an_epoch(history):
    assert tuple(history[0]) == HISTORY_COLUMNS
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    values = [[float(v) for v in row.values()] for row in history]
    assert np.isfinite(values).all()
    assert history[0]["learning_rate"] == "0.02"
    assert float(history[2]["loss"]) < float(history[0]["loss"])


def test_the_rate_falls_after_each_epoch_without_improvement(history):
    rate, best = 0.02, -math.inf
    for row in history:
        assert float(row["learning_rate"]) == pytest.approx(rate)
        dice = float(row["val_dice"])
        rate = rate if dice > best else rate * 0.5
        best = max(best, dice)


def test_the_best_model_is_kept_with_what_belongs_to_it(
    trained, history, small_data
):
    workdir, _, result = trained
    info = artifacts.read_model_info(workdir)
    dice = [float(row["val_dice"]) for row in history]
    assert result.best_dice == info.scores["val_dice"] == max(dice)
    assert result.best_epoch == info.scores["epoch"] == 1 + int(np.argmax(dice))
    assert result.model_folder == info.folder
    assert info.preprocess == small_data.preprocess_config
    assert info.data_identity == small_data.identity
    assert (info.threshold, info.min_lesion_mm3) == (0.4, 2.0)
    assert info.network_arguments == {
        "side": 32,
        "channels": 1,
        "filters": [4],
    }
    assert info.training_range.volumes == 3
    # What a training that goes on takes over.
    assert earlier_range(workdir) == info.training_range


def test_its_score_is_what_prediction_gives_at_one_half(trained, small_data):
    workdir, _, result = trained
    segmenter = load_segmenter(
        [artifacts.read_model_info(workdir)], threshold=0.5, min_lesion_mm3=0
    )
    dice = [
        pixel.dice(
            pixel.count_pixels(v.mask.data, segmenter.segment(v.images).mask)
        )
        for v in small_data.read_volumes(small_data.select("validation"))
    ]
    assert result.best_dice == pytest.approx(np.mean(dice), abs=1e-12)


def test_starting_over_a_finished_training_is_refused(trained):
    with pytest.raises(UserError, match="this training is finished"):
        loop.train(trained[1])


def test_more_epochs_go_on_from_the_last(trained, small_data_dir, tmp_path):
    workdir, config, _ = trained
    before = (workdir / "history.csv").read_text()
    result = loop.train(dataclasses.replace(config, epochs=4))
    assert result.epochs == 4
    after = (workdir / "history.csv").read_text()
    assert after.startswith(before)
    assert len(after.splitlines()) == 5


def test_another_side_than_the_data_s_is_refused(small_data_dir, tmp_path):
    config = make_config(small_data_dir, tmp_path / "run", side=64)
    with pytest.raises(UserError, match=r"--side=64: the slices .* side 32"):
        loop.train(config)


def test_a_network_that_does_not_fit_the_side_is_refused(
    small_data_dir, tmp_path
):
    config = make_config(small_data_dir, tmp_path / "run", filters=(2,) * 7)
    with pytest.raises(UserError, match="side: expected a multiple of 64"):
        loop.train(config)


def test_a_damaged_record_file_is_told_of(small_data_dir, tmp_path):
    data = shutil.copytree(small_data_dir, tmp_path / "data")
    records = next(data.glob("tfds_wmh/slices/1.0.0/*train.tfrecord*"))
    records.write_bytes(records.read_bytes()[:-50])
    with pytest.raises(UserError, match="data: a file of the data set"):
        loop.train(make_config(data, tmp_path / "run"))


def test_a_training_that_diverges_ends_with_a_clear_word(
    small_data_dir, tmp_path
):
    config = make_config(
        small_data_dir, tmp_path / "run", learning_rate=1e35, epochs=9
    )
    with pytest.raises(UserError, match="diverged"):
        loop.train(config)


def test_no_improvement_ends_it_and_the_history_stays_readable(
    small_data_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        VolumeValidation,
        "run",
        lambda self, before_each: ValidationScores(1.0, 0.5, 0.25),
    )
    config = make_config(
        small_data_dir,
        tmp_path / "run",
        epochs=9,
        stop_epochs=4,
        validation_every=2,
        steps_per_epoch=1,
        dtype="mixed_bfloat16",
    )
    result = loop.train(config)
    assert result.stopped_early
    assert (result.epochs, result.best_epoch) == (6, 2)
    with open(tmp_path / "run" / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    validated = [row["epoch"] for row in rows if row["val_dice"]]
    assert validated == ["2", "4", "6"]
    # Half of 0.02 after each validated epoch without improvement.
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == [0.02, 0.02, 0.02, 0.02, 0.01, 0.01]


def test_a_model_that_finds_nothing_is_warned_of(
    small_data_dir, tmp_path, capsys
):
    flags = [
        f"--data_dir={small_data_dir}",
        f"--workdir={tmp_path / 'run'}",
        "--filters=2",
        "--epochs=1",
        "--steps_per_epoch=1",
        "--global_batch_size=4",
        "--learning_rate=1e-9",
        "--lesion_prior=0.001",
    ]
    assert train.cli(["wmh-train", *flags]) == 0
    shown = capsys.readouterr()
    assert "Dice 0.0000" in shown.out
    assert "warning: the model found nothing" in shown.err
