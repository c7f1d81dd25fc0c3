import numpy as np
import pytest

from wmh_keras.inference.network import Network
from wmh_keras.inference.slices import SlicePredictor


@pytest.mark.parametrize(
    ("largest", "asked", "devices", "expected"),
    [
        (None, 8, 1, [8]),
        (4, 8, 1, [4, 4]),
        (4, 3, 1, [3, 3, 3]),
        (3, 8, 2, [4, 4]),  # devices share a batch
    ],
)
def test_batches_are_cut_to_what_the_engine_gains_by(
    largest, asked, devices, expected
):
    sizes = []

    def predict(batch):
        sizes.append(len(batch))
        return batch[..., 0] / 10

    network = Network(
        (None, 2, 2, 1),
        predict,
        "any",
        num_devices=devices,
        largest_batch=largest,
    )
    slices = np.arange(8, dtype=np.float32).repeat(4).reshape(8, 2, 2, 1)
    result = SlicePredictor(network, asked)(slices)
    assert sizes == expected
    np.testing.assert_array_equal(result, slices[..., 0] / 10)
