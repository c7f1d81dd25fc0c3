import numpy as np
import pytest

from data_prep.size_classes import count_by_class
from data_prep.volume import Volume
from wmh_keras.prediction.lesions import (
    DISAGREEMENT_COLUMN,
    LESION_COLUMNS,
    describe_lesions,
)


def ball(affine) -> Volume:
    """A head of radius 10 voxels around voxel (20, 15, 15)."""
    grid = np.indices((41, 31, 31))
    centre = np.array([20, 15, 15]).reshape(3, 1, 1, 1)
    inside = ((grid - centre) ** 2).sum(0) <= 100
    return Volume(inside.astype(np.float32) * 50 + 1, np.asarray(affine, float))


RAS = np.array([[2.0, 0, 0, -30], [0, 1, 0, 5], [0, 0, 3, -7], [0, 0, 0, 1]])


def test_numbers_by_hand():
    head = ball(RAS)
    mask = np.zeros(head.shape, np.uint8)
    probability = np.zeros(head.shape, np.float32)
    mask[25:27, 15, 15] = 1  # x = 20 and 22 mm: right
    probability[25, 15, 15], probability[26, 15, 15] = 0.5, 1.0
    mask[12:17, 14:16, 14] = 1  # x = -6 to 2: left
    probability[12:17, 14:16, 14] = 0.75
    first, second = describe_lesions(mask, probability, head)
    assert (first.id, first.voxels, first.volume_mm3) == (1, 10, 60.0)
    assert first.centroid_mm == pytest.approx((-2.0, 19.5, 35.0))
    assert (first.side, first.size_class) == ("left", "medium")
    assert first.mean_probability == pytest.approx(0.75)
    assert (second.id, second.voxels, second.volume_mm3) == (2, 2, 12.0)
    assert second.centroid_mm == pytest.approx((21.0, 20.0, 38.0))
    assert (second.side, second.size_class) == ("right", "small")
    assert second.mean_probability == pytest.approx(0.75)
    assert set(second.to_row()) == set(LESION_COLUMNS)
    assert second.to_row()["volume_ml"] == 0.012
    assert count_by_class([first.volume_mm3, second.volume_mm3]) == {
        "small": 1,
        "medium": 1,
        "large": 0,
    }


def test_mean_disagreement_of_an_ensemble():
    mask = np.zeros((41, 31, 31), np.uint8)
    mask[25:27, 15, 15] = 1
    spread = np.full(mask.shape, 0.5, np.float32)
    spread[25, 15, 15], spread[26, 15, 15] = 0.1, 0.3
    (lesion,) = describe_lesions(mask, mask.astype(float), ball(RAS), spread)
    assert lesion.mean_disagreement == pytest.approx(0.2)
    assert lesion.to_row()[DISAGREEMENT_COLUMN] == 0.2


def test_flipped_storage_keeps_the_side():
    flipped = RAS.copy()
    flipped[0] = [-2, 0, 0, 30]
    mask = np.zeros((41, 31, 31), np.uint8)
    mask[25, 15, 15] = 1  # x = -20 mm, the middle at -10: left
    (lesion,) = describe_lesions(mask, mask.astype(float), ball(flipped))
    assert lesion.side == "left"
    assert lesion.centroid_mm[0] == pytest.approx(-20.0)


def test_across_the_middle_is_both():
    mask = np.zeros((41, 31, 31), np.uint8)
    mask[18:24, 15, 15] = 1  # three voxels at most left, three right
    (lesion,) = describe_lesions(mask, mask.astype(float), ball(RAS))
    assert lesion.side == "both"


def test_corner_to_corner_is_one_lesion():
    mask = np.zeros((41, 31, 31), np.uint8)
    mask[10, 10, 10] = mask[11, 11, 11] = 1
    assert len(describe_lesions(mask, mask.astype(float), ball(RAS))) == 1


def test_metres_are_understood():
    head = ball(np.diag([1e-3, 1e-3, 1e-3, 1]) @ RAS)
    head = Volume(head.data, head.affine, space_unit="meter")
    mask = np.zeros(head.shape, np.uint8)
    mask[25, 15, 15] = 1
    (lesion,) = describe_lesions(mask, mask.astype(float), head)
    assert lesion.volume_mm3 == pytest.approx(6.0)
    assert lesion.centroid_mm == pytest.approx((20.0, 20.0, 38.0))


def test_empty():
    empty = np.zeros((41, 31, 31), np.uint8)
    assert describe_lesions(empty, empty.astype(float), ball(RAS)) == []
