import dataclasses
import shutil

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.subject_digest import subject_digest
from wmh_keras import artifacts
from wmh_keras.training import loop
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.initial_model import with_origin


def make_config(data_dir, workdir, **changes):
    return TrainingConfig(
        **{
            "data_dir": str(data_dir),
            "workdir": str(workdir),
            "filters": (4,),
            "epochs": 1,
            "steps_per_epoch": 1,
            "global_batch_size": 6,
            "learning_rate": 0.02,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def first(small_data_dir, tmp_path_factory):
    """A model that has seen the subjects a, d and e."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "a.txt").write_text("a\n")
    loop.train(
        make_config(
            small_data_dir,
            folder / "run",
            train_subjects=str(folder / "a.txt"),
            seed=3,
        )
    )
    return folder / "run"


@pytest.fixture
def others(tmp_path):
    (tmp_path / "b.txt").write_text("b\n")
    (tmp_path / "c.txt").write_text("c\n")
    return {
        "train_subjects": str(tmp_path / "b.txt"),
        "validation_subjects": str(tmp_path / "c.txt"),
    }


@pytest.fixture(scope="module")
def edited(first, tmp_path_factory):
    """Copies the model with another content of model.json."""

    def make(**changes):
        folder = tmp_path_factory.mktemp("edited") / "model"
        info = artifacts.read_model_info(first)
        models = artifacts.load_models(info)
        number = changes.pop("members", 1)
        info = dataclasses.replace(info, **changes)
        artifacts.save_model(folder, models * number, info)
        return folder

    return make


def test_it_starts_from_the_weights_and_not_from_the_prior(
    first, small_data_dir, tmp_path, others
):
    """At a rate of almost 0 they stay, but for the batch statistics."""
    config = make_config(
        small_data_dir,
        tmp_path / "run",
        init_model=str(first),
        learning_rate=1e-12,
        lesion_prior=0.4,
        **others,
    )
    loop.train(config)
    (model,) = artifacts.load_models(
        artifacts.read_model_info(tmp_path / "run")
    )
    (source,) = artifacts.load_models(artifacts.read_model_info(first))
    for new, old in zip(
        model.trainable_variables, source.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(np.asarray(new), np.asarray(old), atol=1e-6)


def test_the_new_model_knows_all_that_its_weights_have_seen(
    first, small_data_dir, small_data, tmp_path, others
):
    config = make_config(
        small_data_dir, tmp_path / "run", init_model=str(first), **others
    )
    loop.train(config)
    info = artifacts.read_model_info(tmp_path / "run")
    assert set(info.seen_subjects) == set(map(subject_digest, "abcde"))
    assert info.origin.data_identities == (small_data.identity,)
    earlier = artifacts.read_model_info(first)
    fitted = set(info.fitted_subjects)
    assert set(earlier.fitted_subjects) < fitted < set(info.seen_subjects)
    assert info.origin.weights_sha256 == earlier.files["member_0.weights.h5"]
    # And a third one knows of both.
    third = with_origin(dataclasses.replace(info, seen_subjects=("x",)), info)
    assert third.origin.data_identities == (small_data.identity,) * 2
    assert set(third.seen_subjects) == {"x", *info.seen_subjects}
    # Where the one does not tell whom it was fitted on, both do not.
    silent = dataclasses.replace(earlier, fitted_subjects=None)
    assert with_origin(info, silent).fitted_subjects is None


def test_a_model_without_one_says_so(first):
    info = artifacts.read_model_info(first)
    assert info.origin.weights_sha256 == ""
    assert info.origin.data_identities == ()


def test_going_on_needs_no_initial_model_but_refuses_another(
    first, edited, small_data_dir, tmp_path, others
):
    copy = shutil.copytree(first, tmp_path / "copy")
    moved = shutil.copytree(first, tmp_path / "moved")
    config = make_config(
        small_data_dir, tmp_path / "run", init_model=str(copy), **others
    )
    loop.train(config)
    shutil.rmtree(copy)
    longer = dataclasses.replace(config, epochs=2)
    loop.train(longer)
    info = artifacts.read_model_info(tmp_path / "run")
    assert subject_digest("a") in info.seen_subjects
    assert set(info.fitted_subjects) < set(info.seen_subjects)
    assert info.origin.weights_sha256

    # The same weights elsewhere are the same model.
    loop.train(dataclasses.replace(longer, epochs=3, init_model=str(moved)))
    with pytest.raises(UserError, match=r"started from weights .* random"):
        loop.train(dataclasses.replace(longer, epochs=4, init_model=""))
    another = tmp_path / "run"
    with pytest.raises(UserError, match="leave --init_model as it was"):
        loop.train(
            dataclasses.replace(longer, epochs=4, init_model=str(another))
        )


def test_random_weights_do_not_become_others_on_the_way(
    first, small_data_dir, tmp_path
):
    config = make_config(small_data_dir, tmp_path / "run")
    loop.train(config)
    with pytest.raises(UserError, match=r"from random weights, not from wei"):
        loop.train(dataclasses.replace(config, epochs=2, init_model=str(first)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"filters": (8,)}, r"filters: the model's is \[4\], .* \[8\]"),
        ({"network": "u_resnet"}, "network: the model's is 'unet'"),
    ],
)
def test_another_network_is_refused(
    first, small_data_dir, tmp_path, changes, words
):
    config = make_config(
        small_data_dir, tmp_path / "run", init_model=str(first), **changes
    )
    with pytest.raises(UserError, match=words):
        loop.train(config)


def test_a_model_of_whole_slices_goes_on_with_patches_and_back(
    first, small_data_dir, tmp_path
):
    """The learning rate is too small to change the weights."""
    patches = tmp_path / "patches"
    frozen = {"learning_rate": 1e-30, "init_model": str(first)}
    loop.train(
        make_config(small_data_dir, patches, patch_size=(16, 16), **frozen)
    )
    slices = tmp_path / "slices"
    frozen["init_model"] = str(patches)
    loop.train(make_config(small_data_dir, slices, **frozen))
    kernels = []
    for run in (first, patches, slices):
        info = artifacts.read_model_info(run / artifacts.MODEL_FOLDER)
        (model,) = artifacts.load_models(info)
        kernels.append(model.get_layer(index=1).get_weights()[0])
    np.testing.assert_allclose(kernels[1], kernels[0], atol=1e-6)
    np.testing.assert_allclose(kernels[2], kernels[0], atol=1e-6)


def test_another_preprocessing_is_refused_with_what_differs(
    edited, small_data_dir, small_data, tmp_path
):
    preprocess = dataclasses.replace(
        small_data.preprocess_config, padding="background"
    )
    config = make_config(
        small_data_dir,
        tmp_path / "run",
        init_model=str(edited(preprocess=preprocess)),
    )
    with pytest.raises(
        UserError, match=r"padding: the model's is 'background', .* 'zero'"
    ):
        loop.train(config)


def test_a_network_that_nobody_knows_is_refused(
    edited, small_data_dir, tmp_path
):
    config = make_config(
        small_data_dir,
        tmp_path / "run",
        init_model=str(edited(network="transformer")),
    )
    with pytest.raises(UserError, match="network: the model's is 'transf"):
        loop.train(config)


def test_an_ensemble_is_refused(edited, small_data_dir, tmp_path):
    config = make_config(
        small_data_dir, tmp_path / "run", init_model=str(edited(members=2))
    )
    with pytest.raises(UserError, match="an ensemble of 2"):
        loop.train(config)


def test_no_model_there_is_told_of(small_data_dir, tmp_path):
    config = make_config(
        small_data_dir, tmp_path / "run", init_model=str(tmp_path)
    )
    with pytest.raises(UserError, match="no model there"):
        loop.train(config)


def test_a_refused_one_leaves_the_folder_empty(first, small_data_dir, tmp_path):
    run = tmp_path / "run"
    config = make_config(
        small_data_dir, run, init_model=str(first), filters=(8,)
    )
    with pytest.raises(UserError, match="filters"):
        loop.train(config)
    assert list(run.iterdir()) == []
