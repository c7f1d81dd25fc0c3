import numpy as np
import pytest

from wmh_keras.metrics import pixel, volumetry


def test_counts_and_scores_by_hand():
    #              tp tp fp fn tn tn, and two of label 2
    reference = np.array([1, 1, 0, 1, 0, 0, 2, 2], np.uint8).reshape(2, 2, 2)
    prediction = np.array([1, 1, 1, 0, 0, 0, 1, 0], np.uint8).reshape(2, 2, 2)
    counts = pixel.count_pixels(reference, prediction)
    assert counts == pixel.PixelCounts(tp=2, fp=1, fn=1, tn=2)
    assert pixel.precision(counts) == 2 / 3
    assert pixel.recall(counts) == 2 / 3
    assert pixel.dice(counts) == 4 / 6
    assert pixel.accuracy(counts) == 4 / 6


def test_counts_add_up():
    total = pixel.PixelCounts(1, 2, 3, 4) + pixel.PixelCounts(10, 20, 30, 40)
    assert total == pixel.PixelCounts(11, 22, 33, 44)


def test_scores_against_loops():
    rng = np.random.default_rng(3)
    for _ in range(20):
        reference = rng.integers(0, 3, (4, 5, 3))
        prediction = rng.integers(0, 2, (4, 5, 3))
        tally = {(1, 1): 0, (0, 1): 0, (1, 0): 0, (0, 0): 0}
        for r, p in zip(reference.flat, prediction.flat, strict=True):
            if r != 2:
                tally[int(r), int(p)] += 1
        counts = pixel.count_pixels(reference, prediction)
        assert counts == pixel.PixelCounts(*tally.values())


def test_volume_counts_label_1_alone_in_ml():
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[:5] = 1
    mask[9] = 2
    assert volumetry.volume_ml(mask, 6.4) == pytest.approx(500 * 6.4 / 1000)
    assert volumetry.volume_ml(np.zeros((2, 2, 2), bool), 1.0) == 0


@pytest.mark.parametrize("voxel_mm3", [0, -1, np.nan, np.inf])
def test_a_voxel_has_a_volume(voxel_mm3):
    with pytest.raises(ValueError, match="voxel_mm3"):
        volumetry.volume_ml(np.zeros((2, 2, 2), np.uint8), voxel_mm3)
