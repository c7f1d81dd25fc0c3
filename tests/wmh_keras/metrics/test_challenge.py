"""The Challenge metrics: hand geometry, borders, and plain loops beside."""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage

from wmh_keras.metrics import challenge


def box(shape, *ranges, value=1):
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(*r) for r in ranges)] = value
    return mask


def plain_boundary(mask):
    """Voxels with a background voxel among their 8 neighbours in the slice."""
    found = np.zeros(mask.shape, bool)
    for x, y, z in np.argwhere(mask):
        for dx, dy in itertools.product((-1, 0, 1), repeat=2):
            near = (x + dx, y + dy)
            inside = all(0 <= near[a] < mask.shape[a] for a in (0, 1))
            if inside and not mask[near[0], near[1], z]:
                found[x, y, z] = True
    return found


def plain_h95(reference, prediction, spacing):
    first = np.argwhere(plain_boundary(reference == 1)) * spacing
    second = (
        np.argwhere(plain_boundary((prediction == 1) & (reference != 2)))
        * spacing
    )
    apart = np.linalg.norm(first[:, None] - second[None], axis=2)
    return max(
        np.percentile(apart.min(axis=0), 95),
        np.percentile(apart.min(axis=1), 95),
    )


def test_boundary_of_a_square_is_its_rim_in_every_slice():
    mask = box((9, 9, 3), (2, 7), (2, 7), (0, 3)).astype(bool)
    expected = mask.copy()
    expected[3:6, 3:6] = False  # also in the first and last slice
    np.testing.assert_array_equal(challenge.slice_boundary(mask), expected)


def test_the_square_reaches_over_corners():
    mask = np.ones((5, 5, 1), bool)
    mask[0, 0] = False  # by a cross, (1, 1) would stay inside
    assert challenge.slice_boundary(mask)[1, 1, 0]
    assert not challenge.slice_boundary(mask)[2, 2, 0]


def test_outside_the_image_counts_as_foreground():
    mask = box((6, 6, 1), (0, 3), (0, 6), (0, 1)).astype(bool)
    expected = np.zeros_like(mask)
    expected[2] = True  # only where the mask ends within the image
    np.testing.assert_array_equal(challenge.slice_boundary(mask), expected)
    assert not challenge.slice_boundary(np.ones((4, 4, 2), bool)).any()


def test_slices_can_lie_along_any_axis():
    rng = np.random.default_rng(0)
    mask = rng.random((6, 7, 5)) < 0.7
    expected = challenge.slice_boundary(mask, 2)
    for axis in (0, 1):
        moved = challenge.slice_boundary(np.moveaxis(mask, 2, axis), axis)
        np.testing.assert_array_equal(np.moveaxis(moved, axis, 2), expected)


@pytest.mark.parametrize("limit", [10**6, 0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_h95_of_two_voxels_is_their_distance_in_mm(axis, limit, monkeypatch):
    monkeypatch.setattr(challenge, "_MOST_TREE_POINTS", limit)
    reference = np.zeros((9, 9, 9), np.uint8)
    prediction = reference.copy()
    reference[2, 2, 2] = 1
    place = [2, 2, 2]
    place[axis] = 5
    prediction[tuple(place)] = 1
    spacing = (0.5, 0.75, 6.0)
    h95 = challenge.hausdorff95_mm(reference, prediction, spacing)
    assert h95 == pytest.approx(3 * spacing[axis])


def test_h95_is_the_larger_direction_and_the_linear_percentile():
    # One reference voxel; predicted: that voxel and 19 others along x.
    reference = box((40, 3, 1), (5, 6), (1, 2), (0, 1))
    prediction = box((40, 3, 1), (5, 25), (1, 2), (0, 1))
    # Distances 0 to 19 mm: the 95th of 20 is at 0.95 * 19.
    h95 = challenge.hausdorff95_mm(reference, prediction, (1, 1, 1))
    assert h95 == pytest.approx(0.95 * 19)
    swapped = challenge.hausdorff95_mm(prediction, reference, (1, 1, 1))
    assert swapped == h95


def test_h95_of_a_shifted_border_mask():
    # Both run out of the image at y = 0 and y = 5: straight edges remain.
    reference = box((12, 6, 2), (0, 4), (0, 6), (0, 2))
    prediction = box((12, 6, 2), (0, 7), (0, 6), (0, 2))
    assert challenge.hausdorff95_mm(reference, prediction, (2, 1, 5)) == 6


def test_a_mask_without_boundary_has_no_distance():
    full = np.ones((4, 4, 2), np.uint8)
    some = box((4, 4, 2), (1, 2), (1, 2), (0, 1))
    assert math.isnan(challenge.hausdorff95_mm(full, some, (1, 1, 1)))
    assert math.isnan(challenge.hausdorff95_mm(full, full, (1, 1, 1)))


@pytest.mark.parametrize("limit", [10**6, 0])
@pytest.mark.parametrize("density", [0.02, 0.2, 0.8])
def test_h95_against_loops(density, limit, monkeypatch):
    monkeypatch.setattr(challenge, "_MOST_TREE_POINTS", limit)
    rng = np.random.default_rng(int(density * 100))
    spacing = np.array((0.9, 0.8, 6.4))
    for _ in range(4):
        smooth = ndimage.gaussian_filter(rng.random((12, 11, 6)), (1, 1, 0.5))
        reference = (smooth > np.quantile(smooth, 1 - density)).astype(np.uint8)
        reference[rng.random(reference.shape) < 0.03] = 2
        prediction = (rng.random(reference.shape) < density).astype(np.uint8)
        received = challenge.hausdorff95_mm(
            reference, prediction, tuple(spacing)
        )
        expected = plain_h95(reference, prediction, spacing)
        assert received == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_all_five_by_hand_with_label_2(dtype):
    # Reference: a 4-voxel and a 1-voxel lesion, other pathology beside.
    reference = box((20, 8, 3), (2, 4), (2, 4), (1, 2)).astype(dtype)
    reference[10, 2, 1] = 1
    reference[15:18, 5, 1] = 2
    # Predicted: half of the first, one wrong, and all of label 2.
    prediction = box((20, 8, 3), (2, 4), (2, 3), (1, 2)).astype(dtype)
    prediction[6, 6, 2] = 1
    prediction[15:18, 5, 1] = 1
    scores = challenge.challenge_scores(reference, prediction, (1, 1, 3))
    assert scores.dsc == 2 * 2 / (5 + 3)
    assert scores.avd_percent == pytest.approx(100 * 2 / 5)
    assert scores.lesion_recall == 1 / 2
    assert scores.lesion_f1 == pytest.approx(1 / 2)  # precision 1/2
    assert scores.h95_mm == pytest.approx(
        plain_h95(reference, prediction, np.array((1, 1, 3)))
    )


def test_one_voxel_of_overlap_finds_a_lesion():
    reference = box((30, 3, 1), (0, 20), (1, 2), (0, 1))
    prediction = box((30, 3, 1), (19, 30), (1, 2), (0, 1))
    scores = challenge.challenge_scores(reference, prediction, (1, 1, 1))
    assert scores.lesion_recall == 1
    assert scores.lesion_f1 == 1


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, np.nan)])
def test_a_spacing_is_three_positive_numbers(spacing):
    mask = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="spacing_mm"):
        challenge.hausdorff95_mm(mask, mask, spacing)
