import numpy as np
import pytest

from wmh_keras.inference.batching import fixed_batches


def test_every_slice_comes_once_and_every_batch_has_one_shape():
    slices = np.arange(7 * 4, dtype=np.float32).reshape(7, 2, 2, 1)
    batches = list(fixed_batches(slices, 3))
    assert [batch.shape for batch, _ in batches] == [(3, 2, 2, 1)] * 3
    assert [count for _, count in batches] == [3, 3, 1]
    joined = np.concatenate([batch[:count] for batch, count in batches])
    np.testing.assert_array_equal(joined, slices)
    assert not batches[-1][0][1:].any()  # filled up with zeros


def test_float16_becomes_float32():
    ((batch, _),) = fixed_batches(np.ones((2, 2, 2, 1), np.float16), 2)
    assert batch.dtype == np.float32


def test_no_slices_give_no_batch():
    assert list(fixed_batches(np.zeros((0, 2, 2, 1)), 4)) == []


@pytest.mark.parametrize(
    ("shape", "size", "word"),
    [((2, 2, 2), 1, "shape"), ((2, 2, 2, 1), 0, "batch_size")],
)
def test_bad_arguments(shape, size, word):
    with pytest.raises(ValueError, match=word):
        list(fixed_batches(np.zeros(shape), size))
