import dataclasses

import pytest
from absl import flags

from data_prep.errors import UsageError
from wmh_keras import train
from wmh_keras.training import training_flags
from wmh_keras.training.config import TrainingConfig, format_flagfile


def parse(*arguments):
    values = flags.FlagValues()
    training_flags.define_flags(values)
    values(["wmh-train", *arguments])
    return training_flags.config_from(values)


def test_no_flags_are_the_defaults():
    assert parse() == TrainingConfig()


def test_each_field_is_a_flag():
    config = parse("--filters=4,8", "--learning_rate=0.5", "--seed=3")
    expected = TrainingConfig(filters=(4, 8), learning_rate=0.5, seed=3)
    assert config == expected


def test_the_flagfile_of_a_run_gives_its_config_again(tmp_path):
    config = TrainingConfig(
        data_dir="a b", workdir="w", filters=(2, 4), noise_std=0.0, contrast=0.3
    )
    path = tmp_path / "flags.cfg"
    path.write_text(format_flagfile(config))
    assert parse(f"--flagfile={path}") == config
    later = parse(f"--flagfile={path}", "--epochs=7")
    assert later == dataclasses.replace(config, epochs=7)


def test_a_network_s_own_filters_and_options(tmp_path):
    config = parse("--network=u_resnet", "--figure_variant")
    assert config.filters == config.patch_size == ()
    assert config.figure_variant is True
    path = tmp_path / "flags.cfg"
    path.write_text(format_flagfile(config))
    assert parse(f"--flagfile={path}") == config


def test_filters_that_are_no_numbers_are_refused():
    with pytest.raises(flags.IllegalFlagValueError, match="--filters"):
        parse("--filters=16,wide")
    with pytest.raises(flags.IllegalFlagValueError, match="--patch_size"):
        parse("--patch_size=64x64")
    with pytest.raises(UsageError, match="--epochs"):
        parse("--epochs=0")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--data_dir=x"],
        ["--workdir=x"],
        ["--data_dir=x", "--workdir=y", "--epochs=0"],
        ["--data_dir=x", "--workdir=y", "--backend=torch"],
        ["--data_dir=x", "--workdir=y", "--filters=a"],
        ["--data_dir=x", "--workdir=y", "--epoch=3"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    assert train.cli(["wmh-train", *arguments]) == 2
    assert "error: " in capsys.readouterr().err


def test_data_that_is_not_there_exits_with_1(tmp_path, capsys):
    code = train.cli(
        ["wmh-train", f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'w'}"]
    )
    assert code == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_help_explains_every_flag(capsys):
    assert train.cli(["wmh-train", "--help"]) == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(TrainingConfig):
        assert f"--{field.name}" in text
        assert field.metadata["help"][:20] in text


@pytest.mark.parametrize(
    "name", ["unet.cfg", "u_resnet.cfg", "unet3d.cfg", "demo.cfg"]
)
def test_the_recipes_are_found_and_explained(name):
    path = train.FLAGFILE_DIR / name
    config = parse(f"--flagfile={path}")
    head = path.read_text().split("\n\n")[0]
    for word in ("Command:", "Hardware:", "Time:", "Score:"):
        assert f"# {word}" in head
    if name == "unet.cfg":
        filters = (16, 32, 64, 128, 256)
        assert config == TrainingConfig(filters=filters)


def test_the_recipes_of_the_other_networks_are_their_papers():
    config = parse(f"--flagfile={train.FLAGFILE_DIR / 'u_resnet.cfg'}")
    assert config.network == "u_resnet"
    assert config.filters == (32, 64, 128, 256)
    assert config.patch_size == (64, 64)
    assert (config.lesion_patches, config.patch_shift) == (1.0, 0.5)
    assert (config.global_batch_size, config.learning_rate) == (128, 5e-4)
    assert (config.horizontal_flip, config.vertical_flip) == (0.5, 0)
    assert config.augmentation_probability == 0
    config = parse(f"--flagfile={train.FLAGFILE_DIR / 'unet3d.cfg'}")
    assert config.network == "unet3d"
    assert config.filters == (64, 128, 256, 512)
    assert config.patch_size == (16, 128, 128)
    assert config.in_plane_poolings == 1


def test_all_recipes_choose_their_model_in_the_same_way():
    names = ("epochs", "plateau_epochs", "plateau_factor", "stop_epochs")
    recipes = [
        parse(f"--flagfile={train.FLAGFILE_DIR / name}")
        for name in ("unet.cfg", "u_resnet.cfg", "unet3d.cfg")
    ]
    choices = [[getattr(r, name) for name in names] for r in recipes]
    assert choices[0] == choices[1] == choices[2]
    assert {r.loss for r in recipes} == {"cross_entropy"}


def test_the_paper_s_recipe_says_every_number_itself():
    text = (train.FLAGFILE_DIR / "unet.cfg").read_text()
    for line in (
        "--filters=16,32,64,128,256",
        "--epochs=200",
        "--global_batch_size=32",
        "--learning_rate=0.0003",
        "--plateau_epochs=30",
        "--plateau_factor=0.9",
        "--stop_epochs=60",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", ["unet.cfg", "u_resnet.cfg", "robust.cfg"])
def test_a_recipe_goes_together_with_that_of_accelerators(name):
    folder = train.FLAGFILE_DIR
    recipe = parse(f"--flagfile={folder / name}")
    both = parse(
        f"--flagfile={folder / name}",
        f"--flagfile={folder / 'accelerator.cfg'}",
    )
    assert both == dataclasses.replace(
        recipe, dtype="mixed_bfloat16", augment_on="device"
    )


def test_a_student_is_its_teacher_s_recipe_but_for_strengths_and_length():
    folder = train.FLAGFILE_DIR
    teacher = parse(f"--flagfile={folder / 'robust.cfg'}")
    student = parse(
        f"--flagfile={folder / 'robust.cfg'}",
        f"--flagfile={folder / 'student.cfg'}",
    )
    changed = {
        field.name
        for field in dataclasses.fields(teacher)
        if getattr(teacher, field.name) != getattr(student, field.name)
    }
    strengths = {"gamma", "contrast", "bias_field", "noise_std"}
    lengths = {"epochs", "cosine_epochs", "validation_every"}
    assert changed == strengths | lengths
    for name in strengths:
        assert getattr(student, name) > getattr(teacher, name)
    # The learning rate falls to the end, where alone there is a validation.
    assert len({getattr(student, name) for name in lengths}) == 1
