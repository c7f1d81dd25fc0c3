import numpy as np
import pytest

from data_prep.volume import Volume
from wmh_keras.plausibility.coarse_head import (
    average_cells,
    find_coarse_head,
)


def test_cells_are_means_of_whole_groups_of_voxels():
    planes = np.arange(2 * 5 * 4, dtype=np.float32).reshape(2, 5, 4)
    # 2 voxels of 2.5 mm are a cell of 5; 1.25 mm gives groups of 2 too.
    cells, spacing = average_cells(planes, (2.5, 1.25, 1.25))
    assert spacing == (5.0, 2.5, 2.5)
    assert cells.shape == (1, 2, 2)
    expected = planes[:, :2, :2].mean(), planes[:, 2:4, 2:4].mean()
    np.testing.assert_allclose([cells[0, 0, 0], cells[0, 1, 1]], expected)


def test_voxels_larger_than_a_cell_stay():
    planes = np.random.default_rng(0).normal(size=(3, 4, 5))
    cells, spacing = average_cells(planes, (8.0, 3.0, 3.0))
    assert spacing == (8.0, 3.0, 3.0)
    np.testing.assert_allclose(cells, planes, rtol=1e-6)


def make_box(inside=100.0, outside=0.0):
    """40 × 50 × 60 mm of 2 × 2 × 5 mm, with a hollow in the middle."""
    data = np.full((60, 64, 20), outside, np.float32)
    data[20:40, 20:45, 4:16] = inside
    data[28:32, 30:34, 8:12] = outside
    return Volume(data, np.diag([2.0, 2.0, 5.0, 1.0]))


def test_a_box_has_its_volume_and_depth():
    head = find_coarse_head(make_box())
    assert head.volume_ml == pytest.approx(40 * 50 * 60 / 1000)
    assert not head.is_inverted
    np.testing.assert_array_equal(
        head.areas, [0] * 4 + [20 * 25] * 12 + [0] * 4
    )
    # Ten voxels of 2 mm from the nearer sides to the middle.
    assert head.depth_mm[10, 32, 30] == pytest.approx(20)
    assert head.depth_mm[10, 32, 20] == pytest.approx(2)
    assert head.depth_mm[0].max() == 0
    assert head.image[10, 22, 22] == 100
    assert head.image[0, 0, 0] == 0


@pytest.mark.parametrize(("scale", "shift"), [(3.0, 0.0), (0.01, -7.0)])
def test_scaling_and_shifting_change_nothing_but_the_scale(scale, shift):
    box = make_box()
    head = find_coarse_head(box)
    other = find_coarse_head(box.with_data(box.data * scale + shift))
    np.testing.assert_array_equal(head.inside, other.inside)
    np.testing.assert_allclose(
        other.image, head.image * scale, atol=1e-4 * scale
    )


def test_a_bright_air_is_seen_and_the_head_is_the_same():
    head = find_coarse_head(make_box(inside=0, outside=100))
    assert head.is_inverted
    np.testing.assert_array_equal(
        head.inside, find_coarse_head(make_box()).inside
    )
    assert head.image[10, 22, 22] == 100


def test_a_speck_beside_the_head_is_not_the_head():
    box = make_box()
    data = box.data.copy()
    data[5:8, 5:8, 10] = 300
    head = find_coarse_head(box.with_data(data))
    np.testing.assert_array_equal(head.inside, find_coarse_head(box).inside)


def test_an_empty_volume_has_no_head():
    box = make_box(inside=0)
    assert find_coarse_head(box).volume_ml == 0
