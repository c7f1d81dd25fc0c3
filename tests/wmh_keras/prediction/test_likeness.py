import dataclasses

import numpy as np
import pytest

from data_prep.phantom import PhantomConfig, make_phantom
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.model_info import ModelInfo
from wmh_keras.plausibility.scan_measures import measure_labelled
from wmh_keras.plausibility.training_range import TrainingRange, range_of
from wmh_keras.prediction.likeness import (
    Expectation,
    Likeness,
    compare_with_training,
    expectations_of,
)

CONFIG = PreprocessConfig(side=96)


def info(side=96, **ranges):
    return ModelInfo(
        network="unet",
        network_arguments={},
        preprocess=PreprocessConfig(side=side),
        training_range=TrainingRange(5, ranges) if ranges else None,
    )


def test_models_of_one_preparation_are_joined():
    found = expectations_of(
        [
            info(slice_mm=(1.0, 2.0)),
            info(),
            info(slice_mm=(5.0, 6.0)),
            info(side=64, slice_mm=(3.0, 3.0)),
            info(side=32),
        ]
    )
    assert found == (
        Expectation(CONFIG, TrainingRange(5, {"slice_mm": (1.0, 6.0)})),
        Expectation(
            PreprocessConfig(side=64),
            TrainingRange(5, {"slice_mm": (3.0, 3.0)}),
        ),
    )
    assert expectations_of([info(), info()]) == ()


@pytest.fixture(scope="module")
def phantoms():
    return [make_phantom(PhantomConfig(seed=seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def expectation(phantoms):
    return Expectation(CONFIG, range_of(measure_labelled(phantoms[:3], CONFIG)))


def test_a_phantom_like_the_others_passes(phantoms, expectation):
    found = compare_with_training(phantoms[3][0], 20.0, 8, [expectation])
    assert found == Likeness("no", ())


def test_each_kind_has_its_sentence_and_the_verdict_names_them(
    phantoms, expectation
):
    flair = phantoms[3][0]
    halved = flair.with_data(flair.data.max() - flair.data)
    halved = dataclasses.replace(
        halved, data=np.ascontiguousarray(halved.data[:, :, :8])
    )
    found = compare_with_training(halved, 500.0, 8, [expectation])
    assert found.verdict == "contrast+coverage+lesions"
    assert [w.split(" of the")[0] for w in found.warnings] == [
        "not the contrast",
        "not the part",
        "not the lesion load",
    ]


def test_nothing_found_is_warned_of_where_all_references_have_lesions(
    phantoms, expectation
):
    found = compare_with_training(phantoms[3][0], 0.0, 0, [expectation])
    assert found.verdict == "lesions"
    (warning,) = found.warnings
    assert "only 0 ml of lesions were predicted" in warning
    ranges = dict(expectation.seen.ranges)
    ranges["lesion_ml"] = (0.0, 23.6)
    healthy = dataclasses.replace(
        expectation, seen=dataclasses.replace(expectation.seen, ranges=ranges)
    )
    found = compare_with_training(phantoms[3][0], 0.0, 0, [healthy])
    assert found.verdict == "no"


def test_the_same_sentence_comes_once(phantoms, expectation):
    flair = phantoms[3][0]
    other = dataclasses.replace(expectation, preprocess=PreprocessConfig(96))
    found = compare_with_training(flair, 500.0, 8, [expectation, other])
    assert len(found.warnings) == 1


def test_without_a_range_nothing_is_checked(phantoms):
    found = compare_with_training(phantoms[0][0], 1e6, 1, ())
    assert found == Likeness("not checked", ())
