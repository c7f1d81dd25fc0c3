import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume
from wmh_keras.inference.compiled import keras_network
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.serving.checking import Checker
from wmh_keras.serving.signatures import GraphSettings

CONFIG = PreprocessConfig(side=32)


@pytest.fixture(scope="module")
def checker(bright_model):
    return Checker([bright_model], GraphSettings(CONFIG), threshold=0.5)


@pytest.fixture(scope="module")
def predict(bright_model):
    network = keras_network(bright_model)
    return lambda batch: network.predict(batch)[..., np.newaxis]


@pytest.fixture(scope="module")
def segment(bright_model):
    segmenter = Segmenter([bright_model], CONFIG)

    def run(volumes, spacing_mm, threshold):
        affine = np.diag([*spacing_mm[::-1], 6.0, 1.0])
        result = segmenter.segment(
            [Volume(v.transpose(2, 1, 0), affine) for v in volumes]
        )
        return tuple(
            each.transpose(2, 1, 0)
            for each in (result.probability, result.mask)
        )

    return run


def test_what_is_equal_passes(checker, predict, segment):
    assert checker.check_network("it", predict) <= 1e-5
    assert checker.check_volumes("it", segment) <= 1e-4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p + np.float32(2e-5), "by up to 2e-05"),
        (lambda p: p * np.nan, "by up to nan"),
        (lambda p: p[..., 0], "expected probabilities of shape"),
    ],
)
def test_another_probability_is_refused(checker, predict, change, words):
    with pytest.raises(UserError, match=words):
        checker.check_network("it", lambda batch: change(predict(batch)))


def test_another_mask_is_refused(checker, segment):
    def inverted(*request):
        probability, mask = segment(*request)
        return probability, 1 - mask

    with pytest.raises(UserError, match="its mask is not the model's"):
        checker.check_volumes("it", inverted)


def test_spacings_in_the_wrong_order_are_refused(checker, segment):
    def swapped(volumes, spacing_mm, threshold):
        return segment(volumes, spacing_mm[::-1], threshold)

    with pytest.raises(UserError, match="differ from the model's"):
        checker.check_volumes("it", swapped)
