"""Dice and H95 against surface-distance, where the definitions agree.

Its volumetric Dice is ours. Its robust Hausdorff distance is not the
Challenge's: it measures between surface elements at the corners of voxels,
in three dimensions, and weighs each by its area, where the Challenge
measures between the centres of boundary voxels, found slice by slice, each
counting the same. They meet where a plate of one voxel's thickness is moved
across itself: every distance is then the shift, or less by the thickness.
"""

import numpy as np
import pytest

from wmh_keras.metrics import challenge, labels, pixel

surface_distance = pytest.importorskip("surface_distance")

# It uses an old name in SciPy.
pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage")
SPACING = (0.9, 0.8, 6.4)


def test_volumetric_dice(make_pair):
    for seed in range(5):
        reference, prediction = make_pair(seed)
        expected = surface_distance.compute_dice_coefficient(
            *labels.leave_out_label_2(reference, prediction)
        )
        received = pixel.dice(pixel.count_pixels(reference, prediction))
        assert received == pytest.approx(expected)


@pytest.mark.parametrize("shift", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_h95_of_a_plate_that_is_moved(axis, shift):
    reference = np.zeros((12, 12, 12), bool)
    place = [slice(3, 9)] * 3
    place[axis] = slice(4, 5)
    reference[tuple(place)] = True
    prediction = np.roll(reference, shift, axis)
    distances = surface_distance.compute_surface_distances(
        reference, prediction, SPACING
    )
    expected = surface_distance.compute_robust_hausdorff(distances, 95)
    received = challenge.hausdorff95_mm(reference, prediction, SPACING)
    assert received == pytest.approx(expected)
    assert received == pytest.approx(shift * SPACING[axis])


def test_h95_differs_since_a_face_between_slices_is_no_boundary():
    # A smaller square in the slice above: what lies below it is surface, but
    # to the Challenge only the rims are, 2 voxels aside.
    reference = np.zeros((20, 20, 6), bool)
    reference[4:16, 4:16, 1:3] = True
    prediction = reference.copy()
    prediction[6:14, 6:14, 3] = True
    distances = surface_distance.compute_surface_distances(
        reference, prediction, (1, 1, 9)
    )
    assert surface_distance.compute_robust_hausdorff(distances, 95) == 9
    received = challenge.hausdorff95_mm(reference, prediction, (1, 1, 9))
    assert received == pytest.approx(np.hypot(2, 9))
