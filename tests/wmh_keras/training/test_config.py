import dataclasses

import pytest

from data_prep.errors import UsageError
from wmh_keras.training.config import (
    TrainingConfig,
    format_flagfile,
)


def test_the_defaults_are_the_paper_s():
    config = TrainingConfig()
    assert config.epochs == 200
    assert config.global_batch_size == 32
    assert config.learning_rate == 3e-4
    assert config.plateau_epochs == 30
    assert config.plateau_factor == 0.9
    assert config.stop_epochs == 60
    assert config.threshold == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("global_batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("plateau_factor", 1.5),
        ("vertical_flip", 1.1),
        ("noise_std", -0.1),
        ("noise_std", float("nan")),
        ("scaling", 1.0),
        ("threshold", 0.0),
        ("filters", (16, 0)),
        ("patch_size", (64,)),
        ("patch_size", (16, 0)),
        ("patch_size", (1, 16, 64, 64)),
        ("patch_shift", 0.6),
        ("painted_lesions", 1.1),
        ("painted_lesions", 0.5),  # of whole slices
        ("lesion_patches", 1.0),
        ("loss", "hinge"),
        ("steps_per_epoch", -1),
        ("validation_every", 201),
        ("other_pathology", "lesion"),
        ("backend", "torch"),
        ("dtype", "float16"),
        ("augment_on", "gpu"),
        ("seed", -1),
        ("motion_ghosts", 1.1),
        ("synthetic_head", 1.1),
        ("synthetic_head", 0.5),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"--{name}: expected"):
        TrainingConfig(**{name: value})


def test_a_flagfile_has_every_field():
    config = TrainingConfig(filters=(4, 8), train_split="train+extra")
    lines = format_flagfile(config).splitlines()
    names = [f.name for f in dataclasses.fields(TrainingConfig)]
    assert [line.split("=")[0] for line in lines] == [f"--{n}" for n in names]
    assert "--filters=4,8" in lines
    assert "--train_split=train+extra" in lines
    assert "--learning_rate=0.0003" in lines


def test_how_patches_are_drawn_is_refused_for_whole_slices():
    with pytest.raises(UsageError, match="--patch_shift: expected only with"):
        TrainingConfig(patch_shift=0.5)
    config = TrainingConfig(patch_size=(8, 8), patch_shift=0.5)
    assert "--patch_size=8,8" in format_flagfile(config).splitlines()


def test_3d_patches_are_augmented_on_the_host_alone():
    with pytest.raises(UsageError, match="--augment_on: expected host for 3-D"):
        TrainingConfig(patch_size=(4, 8, 8), augment_on="device")
    assert TrainingConfig(patch_size=(8, 8), augment_on="device").patch_size


@pytest.mark.parametrize("name", ["synthetic_head", "thick_slices"])
def test_what_is_done_to_2d_patches_is_refused_for_3d_ones(name):
    with pytest.raises(UsageError, match=f"--{name}: expected 0 for 3-D"):
        TrainingConfig(patch_size=(4, 8, 8), **{name: 0.5})
    assert TrainingConfig(patch_size=(8, 8), **{name: 0.5}).patch_size


def test_ghosts_are_added_to_2d_slices_alone():
    with pytest.raises(UsageError, match="--motion_ghosts: expected 0"):
        TrainingConfig(motion_ghosts=0.3, patch_size=(4, 8, 8))
    for augment_on in ("host", "device"):
        config = TrainingConfig(motion_ghosts=0.3, augment_on=augment_on)
        assert config.motion_ghosts == 0.3


def test_lesions_are_painted_into_2d_patches_alone():
    with pytest.raises(UsageError, match="--painted_lesions: expected 0 for"):
        TrainingConfig(patch_size=(4, 8, 8), painted_lesions=0.5)
    assert TrainingConfig(patch_size=(8, 8), painted_lesions=0.5).patch_size


def test_sharpening_goes_with_blur():
    with pytest.raises(UsageError, match="--sharpening: expected only with"):
        TrainingConfig(sharpening=0.5)
    assert TrainingConfig(sharpening=0.5, blur_px=1.0).sharpening == 0.5
