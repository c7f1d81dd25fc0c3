import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.preprocess import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.inference.ensemble import (
    as_ensemble,
    channels_of,
    common_settings,
    count_members,
    ensemble_checksum,
    ensemble_identity,
    ensemble_name,
    model_identity,
)
from wmh_keras.inference.loading import load_segmenter
from wmh_keras.model_info import Member, ModelInfo


def make_info(name, **changes):
    info = ModelInfo(
        network="unet",
        network_arguments={},
        preprocess=PreprocessConfig(side=32),
        members=(Member("w.h5"),),
        files={"w.h5": name},
        folder=Path("runs", name),
    )
    return dataclasses.replace(info, **changes)


A, B = make_info("a"), make_info("b")


def test_the_identity_names_every_model_and_the_flips():
    assert ensemble_identity([A]) == model_identity(A)
    both = ensemble_identity([A, B])
    assert both == ensemble_identity([B, A])
    assert model_identity(A) in both
    assert model_identity(B) in both
    names = {
        ensemble_identity(infos, flips)
        for infos in ([A], [B], [A, B])
        for flips in ("none", "left_right", "all")
    }
    assert len(names) == 9
    assert ensemble_identity([A], "all") == f"{model_identity(A)}+flips_all"


def test_the_checksum_tells_settings_apart_too():
    other = dataclasses.replace(A, threshold=0.3)
    assert ensemble_identity([A]) == ensemble_identity([other])
    assert ensemble_checksum([A]) == A.checksum[:12]
    assert ensemble_checksum([A]) != ensemble_checksum([other])
    both = f"{A.checksum[:12]}+{B.checksum[:12]}"
    assert ensemble_checksum([A, B]) == both


def test_what_people_call_the_models():
    named = dataclasses.replace(make_info("c"), name="wmh-robust-1")
    assert ensemble_name([A, B]) == ""
    assert ensemble_name([named]) == "wmh-robust-1"
    expected = f"{model_identity(A)}+wmh-robust-1"
    assert ensemble_name([A, named]) == expected
    versioned = dataclasses.replace(named, version="1.0")
    assert ensemble_name([versioned]) == "wmh-robust-1 1.0"
    assert ensemble_name([A, versioned]) == f"{expected} 1.0"
    # A name decides nothing.
    renamed = dataclasses.replace(named, name="other", version="2")
    assert model_identity(renamed) == model_identity(named)


def test_the_order_of_the_flags_does_not_matter():
    assert as_ensemble([A, B]) == as_ensemble([B, A])


def test_one_model_has_one_vote():
    copy = dataclasses.replace(A, folder=Path("copy"), threshold=0.4)
    with pytest.raises(UserError, match="two votes") as caught:
        as_ensemble([A, B, copy])
    assert "copy" in str(caught.value)
    assert str(Path("runs", "a")) in str(caught.value)
    with pytest.raises(UserError, match="at least one"):
        as_ensemble([])


@pytest.mark.parametrize("name", ["threshold", "min_lesion_mm3"])
def test_models_have_to_agree_or_a_flag_decides(name):
    other = dataclasses.replace(B, **{name: 0.25})
    with pytest.raises(UserError, match=f"--{name}") as caught:
        common_settings([A, other])
    assert str(other.folder) + ": 0.25" in str(caught.value)
    assert getattr(common_settings([A, other], **{name: 0.4}), name) == 0.4
    settings = common_settings([A, B])
    assert (settings.threshold, settings.min_lesion_mm3) == (0.5, 0)
    with pytest.raises(UserError, match=name):
        common_settings([A], **{name: -1})


def test_channels_and_members_of_all():
    t1 = dataclasses.replace(
        B,
        preprocess=PreprocessConfig(channels=("flair", "t1")),
        members=(Member("w.h5"), Member("x.h5")),
    )
    assert channels_of([A, t1]) == ("flair", "t1")
    assert count_members([A, t1]) == 3


def test_a_model_is_loaded_with_its_settings(bright_model_dir, make_head):
    info = artifacts.read_model_info(bright_model_dir)
    segmenter = load_segmenter([info])
    assert segmenter.threshold == 0.5
    assert segmenter.preprocess == PreprocessConfig(side=32)
    other = load_segmenter(
        [info], threshold=0.25, min_lesion_mm3=3.0, batch_size=5
    )
    assert (other.threshold, other.min_lesion_mm3) == (0.25, 3.0)
    result = segmenter.segment([make_head()])
    assert result.mask.sum() == 9
    assert result.disagreement is None


def test_every_member_of_every_model_has_one_vote(
    bright_model_dir,
    bright_model,
    softer_model,
    save_model,
    tmp_path,
    make_head,
):
    two = save_model(tmp_path / "model", [softer_model, bright_model])
    infos = [artifacts.read_model_info(p) for p in (bright_model_dir, two)]
    head = make_head()
    bright, softer, both = (
        load_segmenter(chosen).segment([head]).probability
        for chosen in ([infos[0]], [infos[1]], infos)
    )
    # `softer` is itself the mean of two, one of them the bright one.
    np.testing.assert_allclose(both, (bright + 2 * softer) / 3, atol=1e-6)
    assert abs(both - bright).max() > 0.01
    turned = load_segmenter(infos[::-1]).segment([head]).probability
    np.testing.assert_array_equal(turned, both)


def test_flips_of_a_symmetric_network_change_nothing(
    bright_model_dir, make_head
):
    info = artifacts.read_model_info(bright_model_dir)
    head = make_head(blobs=[(20, 9, 5)])
    plain, flipped = (
        load_segmenter([info], flips=flips).segment([head])
        for flips in ("none", "all")
    )
    np.testing.assert_allclose(
        flipped.probability, plain.probability, atol=1e-6
    )
    np.testing.assert_array_equal(flipped.mask, plain.mask)
    assert flipped.disagreement is None
