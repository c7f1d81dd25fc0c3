"""Lesions as lists of voxels, against a flood fill."""

import itertools

import numpy as np
import pytest

from wmh_keras.metrics import components


def flood_fill(mask, slice_axis=None):
    """Components as sets of voxels; within slices across an axis."""
    reach = [(-1, 0, 1)] * 3
    if slice_axis is not None:
        reach[slice_axis] = (0,)
    left = {tuple(v) for v in np.argwhere(mask).tolist()}
    found = []
    while left:
        component, border = set(), [left.pop()]
        while border:
            voxel = border.pop()
            component.add(voxel)
            for step in itertools.product(*reach):
                near = tuple(a + b for a, b in zip(voxel, step, strict=True))
                if near in left:
                    left.remove(near)
                    border.append(near)
        found.append(component)
    return found


def places_of(lesions, index):
    """(v, 3) indices of the voxels of one lesion."""
    voxels = lesions.voxels[lesions.owner == index]
    return np.stack(np.unravel_index(voxels, lesions.shape), axis=1)


def as_sets(lesions):
    return [
        set(map(tuple, places_of(lesions, i).tolist()))
        for i in range(lesions.count)
    ]


@pytest.mark.parametrize("slice_axis", [None, 0, 1, 2])
@pytest.mark.parametrize("density", [0.02, 0.15, 0.4, 1])
def test_lesions_against_a_flood_fill(density, slice_axis):
    mask = np.random.default_rng(3).random((9, 8, 7)) < density
    lesions = components.find_components(mask, slice_axis=slice_axis)
    # In the order of their first voxels.
    expected = sorted(flood_fill(mask, slice_axis), key=min)
    assert as_sets(lesions) == expected
    assert lesions.sizes.tolist() == [len(c) for c in expected]
    assert lesions.sizes.dtype == np.int64


@pytest.mark.parametrize("slice_axis", [None, 2])
def test_the_order_in_memory_changes_nothing(slice_axis):
    rng = np.random.default_rng(4)
    mask = (rng.random((9, 8, 7)) < 0.2).astype(np.uint8)
    expected = components.find_components(mask, slice_axis=slice_axis)
    wide = np.zeros((18, 8, 7), np.uint8)
    wide[::2] = mask
    for other in (np.asfortranarray(mask), wide[::2], mask.astype(np.float32)):
        received = components.find_components(other, slice_axis=slice_axis)
        np.testing.assert_array_equal(received.voxels, expected.voxels)
        np.testing.assert_array_equal(received.owner, expected.owner)


def test_a_column_is_one_lesion_in_space_and_many_within_slices():
    mask = np.zeros((4, 4, 5), np.uint8)
    mask[1, 1, :] = 1
    mask[2, 2, 0] = 1  # by a corner, in the slice of the first
    assert components.find_components(mask).sizes.tolist() == [6]
    within = components.find_components(mask, slice_axis=2)
    assert within.sizes.tolist() == [2, 1, 1, 1, 1]


def test_means_by_hand():
    mask = np.zeros((6, 3, 2), np.uint8)
    mask[0:2, 1, 0] = 1
    mask[5, 2, 1] = 1
    lesions = components.find_components(mask)
    volume = np.zeros(mask.shape)
    volume[0, 1, 0], volume[1, 1, 0], volume[5, 2, 1] = 2, 4, 7
    np.testing.assert_array_equal(lesions.mean_of(volume), [3, 7])
    np.testing.assert_array_equal(lesions.centroids, [[0.5, 1, 0], [5, 2, 1]])


def test_many_voxels_are_worked_on_in_parts(monkeypatch):
    rng = np.random.default_rng(5)
    mask = rng.random((9, 8, 7)) < 0.3
    volume = rng.random(mask.shape)
    expected = components.find_components(mask)
    monkeypatch.setattr(components, "_BLOCK", 10)
    received = components.find_components(mask)
    np.testing.assert_array_equal(received.owner, expected.owner)
    assert len(list(received.blocks())) == np.ceil(mask.sum() / 10)
    for index in range(received.count):
        places = places_of(received, index)
        np.testing.assert_allclose(
            received.centroids[index], places.mean(axis=0)
        )
        np.testing.assert_allclose(
            received.mean_of(volume)[index], volume[tuple(places.T)].mean()
        )


def test_no_lesion():
    for axis in (None, 1):
        lesions = components.find_components(
            np.zeros((3, 4, 5), bool), slice_axis=axis
        )
        assert lesions.count == 0
        assert lesions.voxels.shape == lesions.owner.shape == (0,)
        assert lesions.centroids.shape == (0, 3)
        assert lesions.mean_of(np.zeros((3, 4, 5))).shape == (0,)


def test_the_box_of_the_foreground():
    mask = np.zeros((6, 7, 8), bool)
    assert components.bounding_box(mask) is None
    mask[1, 5, 7] = mask[4, 2, 7] = True
    expected = (slice(1, 5), slice(2, 6), slice(7, 8))
    assert components.bounding_box(mask) == expected


@pytest.mark.parametrize("axis", [3, -1, "z"])
def test_an_axis_is_one_of_three(axis):
    with pytest.raises(ValueError, match="slice_axis"):
        components.find_components(np.zeros((2, 2, 2), bool), slice_axis=axis)


def test_what_is_no_mask_is_refused():
    with pytest.raises(ValueError, match="expected \\(x, y, z\\)"):
        components.find_components(np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="0 to 1"):
        components.find_components(np.full((3, 3, 3), 2, np.uint8))
