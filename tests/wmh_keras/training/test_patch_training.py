"""The other two networks, trained on patches through the same loop."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.files import read_csv
from wmh_keras import artifacts
from wmh_keras.inference.loading import load_segmenter
from wmh_keras.training import loop, patch_store
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.validation import VolumeValidation

NETWORKS = {
    "u_resnet": {
        "patch_size": (16, 16),
        "lesion_patches": 1.0,
        "patch_shift": 0.5,
        "rotation_degrees": 0.0,
    },
    "unet3d": {
        "patch_size": (4, 16, 16),
        "in_plane_poolings": 1,
        "rotation_degrees": 10.0,
        "cosine_epochs": 3,
    },
}
EPOCHS = 3


def make_config(data_dir, workdir, network, **changes):
    return TrainingConfig(
        **{
            "data_dir": str(data_dir),
            "workdir": str(workdir),
            "network": network,
            "filters": (4, 8),
            "epochs": EPOCHS,
            "steps_per_epoch": 5,
            "global_batch_size": 8,
            "learning_rate": 0.02,
            "plateau_epochs": 1,
            **NETWORKS[network],
            **changes,
        }
    )


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request, small_data_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("patches") / "run"
    config = make_config(small_data_dir, workdir, request.param)
    return config, workdir, loop.train(config)


def variables_of(workdir):
    folder = workdir / "checkpoints" / f"epoch_{EPOCHS:06d}"
    with np.load(folder / "variables.npz") as stored:
        return {name: stored[name] for name in stored.files}


def test_it_learns_and_keeps_a_model_that_can_be_used(trained, small_data):
    config, workdir, result = trained
    loss = [float(row["loss"]) for row in read_csv(workdir / "history.csv")]
    assert loss[-1] < loss[0]
    info = artifacts.read_model_info(workdir)
    assert info.network == config.network
    expected = {
        "u_resnet": {
            "side": None,
            "channels": 1,
            "filters": [4, 8],
            "figure_variant": False,
        },
        "unet3d": {
            "patch_shape": [4, 16, 16],
            "channels": 1,
            "filters": [4, 8],
            "in_plane_poolings": 1,
        },
    }
    assert dict(info.network_arguments) == expected[config.network]
    (model,) = artifacts.load_models(info)
    side = small_data.preprocess_config.side
    shape = (4, 16, 16) if config.network == "unet3d" else (side, side)
    logits = model(np.zeros((1, *shape, 1), np.float32))
    assert logits.shape == (1, *shape, 1)
    assert result.best_dice == info.scores["val_dice"]


def test_the_rate_falls_along_a_cosine(trained):
    config, workdir, _ = trained
    if not config.cosine_epochs:
        pytest.skip("this network's rate waits for a plateau")
    rates = [
        float(r["learning_rate"]) for r in read_csv(workdir / "history.csv")
    ]
    assert rates == pytest.approx([0.02, 0.015, 0.005])


def test_the_work_folder_is_tidy_afterwards(trained):
    _, workdir, _ = trained
    assert {path.name for path in workdir.iterdir()} == {
        "checkpoints",
        "flags.cfg",
        "history.csv",
        "model",
        "tensorboard",
    }


def test_stopped_and_resumed_equals_unbroken(trained, tmp_path, monkeypatch):
    config, workdir, _ = trained
    broken = dataclasses.replace(config, workdir=str(tmp_path / "run"))
    validate, calls = VolumeValidation.run, []

    def stop_in_the_third_epoch(self, before_each):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validate(self, before_each)

    with monkeypatch.context() as patch:
        patch.setattr(VolumeValidation, "run", stop_in_the_third_epoch)
        with pytest.raises(KeyboardInterrupt):
            loop.train(broken)
    assert (tmp_path / "run" / "patches" / "index.json").exists()
    with monkeypatch.context() as patch:
        # What was prepared is used again.
        patch.delattr(patch_store, "write_volumes")
        loop.train(broken)
    assert not (tmp_path / "run" / "patches").exists()
    one, other = variables_of(workdir), variables_of(tmp_path / "run")
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.tobytes() == other[name].tobytes(), name


def test_another_patch_size_is_another_training(trained, small_data_dir):
    config, _, _ = trained
    halved = tuple(n if n == 4 else n // 2 for n in config.patch_size)
    other = dataclasses.replace(config, patch_size=halved)
    with pytest.raises(UserError, match="--patch_size: was"):
        loop.train(other)


def test_a_unet_fitted_on_patches_takes_whole_slices(small_data_dir, tmp_path):
    config = TrainingConfig(
        data_dir=str(small_data_dir),
        workdir=str(tmp_path / "run"),
        filters=(4, 4),
        patch_size=(16, 8),
        epochs=1,
        steps_per_epoch=2,
        loss="cross_entropy_dice",
    )
    loop.train(config)
    info = artifacts.read_model_info(tmp_path / "run")
    assert info.network_arguments["side"] is None
    segmenter = load_segmenter([info])
    slices = np.zeros((2, 32, 32, 1), np.float32)
    assert segmenter.predict_slices(slices).shape == (2, 32, 32)


def test_it_trains_on_tensorflow(small_data_dir, tmp_path, repository):
    config = make_config(
        small_data_dir,
        tmp_path / "run",
        "u_resnet",
        backend="tensorflow",
        epochs=1,
        steps_per_epoch=2,
        loss="focal_tversky",
    )
    flags = [f"--{name}={text}" for name, text in config.to_flags().items()]
    result = subprocess.run(
        [sys.executable, "-m", "wmh_keras.train", *flags],
        cwd=repository,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Trained 1 epochs" in result.stdout
    assert "batches of 8 patches of 16 × 16" in result.stderr
