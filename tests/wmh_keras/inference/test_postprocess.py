import numpy as np
import pytest

from wmh_keras.inference.postprocess import (
    remove_small_lesions,
    threshold_probability,
)


def test_threshold_itself_is_lesion():
    probability = np.array([0.0, 0.49999, 0.5, 1.0], np.float32)
    mask = threshold_probability(probability, 0.5)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, float("nan")])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match="threshold"):
        threshold_probability(np.zeros(2), threshold)


def lesions_of_1_2_3_voxels() -> np.ndarray:
    mask = np.zeros((9, 9, 3), np.uint8)
    mask[0, 0, 0] = 1
    mask[4, 4, 0] = mask[5, 5, 1] = 1  # touch by a corner
    mask[0, 6:9, 2] = 1
    return mask


def test_strictly_smaller_lesions_go():
    mask = lesions_of_1_2_3_voxels()
    kept = remove_small_lesions(mask, voxel_mm3=2.0, min_lesion_mm3=4.0)
    assert kept.dtype == np.uint8
    assert kept.sum() == 5
    assert kept[0, 0, 0] == 0
    assert kept[4, 4, 0] == kept[5, 5, 1] == 1  # 2 voxels = 4 mm³ stay


def test_the_limit_survives_float32_spacings():
    # 0.9 × 0.9 × 6.4 mm as a header stores it: a bit less than 5.184 mm³.
    spacing = np.array([0.9, 0.9, 6.4], np.float32).astype(np.float64)
    voxel_mm3 = float(np.prod(spacing))
    assert 2 * voxel_mm3 < 2 * 0.9 * 0.9 * 6.4
    kept = remove_small_lesions(
        lesions_of_1_2_3_voxels(), voxel_mm3, 2 * 0.9 * 0.9 * 6.4
    )
    assert kept.sum() == 5


def test_zero_keeps_all_and_empty_stays_empty():
    mask = lesions_of_1_2_3_voxels()
    np.testing.assert_array_equal(remove_small_lesions(mask, 1.0, 0.0), mask)
    assert not remove_small_lesions(np.zeros((3, 3, 3)), 1.0, 9.0).any()


def test_negative_minimum():
    with pytest.raises(ValueError, match="min_lesion_mm3"):
        remove_small_lesions(np.zeros((2, 2, 2)), 1.0, -1.0)
