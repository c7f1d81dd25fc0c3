import numpy as np
import pytest

from wmh_keras.metrics import components, lesion_places

# x falls along the first axis, as in files stored from right to left.
AFFINE = np.array(
    [[-2.0, 0, 0, 10], [0, 1, 0, 5], [0, 0.5, 3, -7], [0, 0, 0, 1]]
)


def lesions_at(*boxes):
    mask = np.zeros((12, 6, 4), np.uint8)
    for x, y, z in boxes:
        mask[x, y, z] = 1
    return components.find_components(mask)


def test_centroids_in_the_world():
    lesions = lesions_at((slice(0, 2), 1, 0), (5, 3, 2))
    np.testing.assert_allclose(
        lesion_places.centroids_mm(lesions, AFFINE),
        [[9, 6, -6.5], [0, 8, 0.5]],
    )


@pytest.mark.parametrize(
    ("stop", "side"),
    # Voxels 0 to 3 lie at x = 10 to 4, right of the middle at 3.
    [(4, "right"), (5, "right"), (6, "both"), (12, "both")],
)
def test_three_quarters_make_a_side(stop, side):
    lesions = lesions_at((slice(0, stop), 1, 0))
    assert lesion_places.sides(lesions, AFFINE, 3.0) == [side]


def test_left_and_the_middle_itself():
    lesions = lesions_at((slice(6, 8), 1, 0), (0, 4, 0))
    assert lesion_places.sides(lesions, AFFINE, 3.0) == ["right", "left"]
    assert lesion_places.sides(
        lesions_at((slice(1, 5), 1, 0)), AFFINE, 3.0
    ) == ["right"]
    # A quarter on the right is left; what lies in the middle is not right.
    assert lesion_places.sides(
        lesions_at((slice(3, 7), 1, 0)), AFFINE, 3.0
    ) == ["left"]
    assert lesion_places.sides(lesions_at((5, 0, 0)), AFFINE, 0.0) == ["left"]


def test_no_lesion():
    none = lesions_at()
    assert lesion_places.centroids_mm(none, AFFINE).shape == (0, 3)
    assert lesion_places.sides(none, AFFINE, 0.0) == []
