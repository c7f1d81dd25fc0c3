import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from wmh_keras.training.lesion_painting import (
    MOST_LESIONS,
    TissueLevels,
    paint_lesions,
    tissue_levels,
)

LEVELS = TissueLevels(0.0, 1.0, 2.0, top_slice=60)
SPACING = (1.0, 1.0)
# 60 mm below the top, where the lateral ventricles are.
FIRST = 0
Y, X = np.mgrid[-70:71, -70:71]
BRAIN = (Y / 65) ** 2 + (X / 52) ** 2 < 1
VENTRICLE = ((Y / 18) ** 2 + ((np.abs(X) - 9) / 6) ** 2) < 1
LESION = (Y - 35) ** 2 + (X - 15) ** 2 < 5**2


def head(depth=1, *, lesion=True):
    """Slices of a brain with two ventricles and a lesion."""
    noise = np.random.default_rng(0).normal(0, 0.1, (depth, *Y.shape))
    image = np.where(BRAIN, -0.3, -5.0) + noise
    image[:, VENTRICLE] -= 3
    mask = np.zeros(image.shape, np.uint8)
    if lesion:
        image[:, LESION] += 2
        mask[:, LESION] = 1
    return image[..., None].astype(np.float16), mask


def paint(image, mask, seed, levels=LEVELS, first=FIRST):
    draw = np.random.default_rng(seed)
    return paint_lesions(image, mask, levels, first, SPACING, draw)


@pytest.mark.parametrize("depth", [1, 6])
@pytest.mark.parametrize("lesion", [False, True])
def test_labels_lie_where_the_image_grew_brighter_in_tissue(depth, lesion):
    image, mask = head(depth, lesion=lesion)
    grown = 0
    for seed in range(12):
        painted, labels = paint(image, mask, seed)
        assert painted.shape == image.shape
        assert painted.dtype == np.float32
        assert labels.dtype == np.uint8
        change = painted[..., 0] - image[..., 0].astype(np.float32)
        assert change.min() >= 0
        new = (labels == 1) & (mask == 0)
        # Half of what is faintest and has a label, less the texture.
        assert np.all(change[new] > 0.2)
        assert np.all(change[:, ~BRAIN] == 0)
        inner = ndimage.binary_erosion(VENTRICLE, iterations=2)
        assert np.all(change[:, inner] == 0)
        np.testing.assert_array_equal(labels[mask > 0], mask[mask > 0])
        assert np.all(change[mask > 0] == 0)
        grown += new.any()
    assert grown >= 10


def test_the_rim_of_the_brain_stays_as_it_is():
    image, mask = head()
    rim = ~ndimage.binary_erosion(BRAIN, iterations=4)
    for seed in range(12):
        painted, _ = paint(image, mask, seed)
        np.testing.assert_array_equal(painted[:, rim], image[:, rim])


def test_the_draw_decides():
    image, mask = head()
    one, again, other = (paint(image, mask, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])


def test_the_slices_given_stay_as_they_are():
    image, mask = head()
    before = image.copy(), mask.copy()
    paint(image, mask, 1)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_other_pathology_keeps_its_label_and_its_look():
    image, mask = head()
    mask[mask == 1] = 2
    for seed in range(6):
        painted, labels = paint(image, mask, seed)
        there = mask == 2
        assert (labels[there] == 2).all()
        np.testing.assert_array_equal(painted[there], image[there])


def test_lesions_are_few_mostly_small_and_some_beside_the_ventricles():
    image, mask = head(lesion=False)
    near = ndimage.binary_dilation(VENTRICLE, iterations=3)
    sizes, beside = [], 0
    for seed in range(60):
        _, labels = paint(image, mask, seed)
        parts, count = ndimage.label(labels[0])
        # A lesion may fall into parts, seldom.
        assert count <= 2 * MOST_LESIONS
        sizes += list(np.bincount(parts.ravel())[1:])
        beside += (labels[0, near] == 1).any()
    assert 8 < np.median(sizes) < 60
    assert np.max(sizes) > 80
    assert 10 < beside < 50


def test_a_small_lesion_is_not_as_deep_as_many_slices():
    image, mask = head(12, lesion=False)
    extents = []
    for seed in range(20):
        _, labels = paint(image, mask, seed)
        parts, _ = ndimage.label(labels)
        extents += [z.stop - z.start for z, *_ in ndimage.find_objects(parts)]
    assert np.median(extents) < 8
    assert min(extents) < max(extents)


def test_the_contrast_is_that_of_the_volume():
    image, mask = head()
    peaks = []
    for contrast in (1.5, 3.0):
        levels = dataclasses.replace(LEVELS, lesion_contrast=contrast)
        painted, _ = paint(image, mask, 3, levels)
        peaks.append(np.max(painted - image))
    assert peaks[1] == pytest.approx(2 * peaks[0], rel=0.01)


@pytest.mark.parametrize("value", [-5.0, 0.0])
def test_slices_without_a_brain_stay_as_they_are(value):
    image = np.full((1, 40, 48, 1), value, np.float16)
    if value == 0:
        image[:, 10:20, 10:20] = -5  # too little tissue
        image[:, 20:] = -5
    mask = np.zeros(image.shape[:3], np.uint8)
    painted, labels = paint(image, mask, 0)
    np.testing.assert_array_equal(painted, image)
    assert not labels.any()


def test_nothing_is_painted_far_below_the_brain():
    image, mask = head()
    painted, _ = paint(image, mask, 1, first=-41)  # 101 mm below the top
    np.testing.assert_array_equal(painted, image)
    painted, _ = paint(image, mask, 1, first=-39)
    assert not np.array_equal(painted, image)


def test_levels_are_those_of_the_brain_and_its_lesions():
    image, mask = head(4)
    volume = np.concatenate([image[..., 0], np.full((2, *Y.shape), -5.0)])
    mask = np.concatenate([mask, np.zeros((2, *Y.shape), np.uint8)])
    levels = tissue_levels(volume, mask)
    assert levels.median == pytest.approx(-0.3, abs=0.05)
    assert levels.spread == pytest.approx(0.1, abs=0.02)
    assert levels.lesion_contrast == pytest.approx(2.0, abs=0.05)
    assert levels.top_slice == 3


def test_without_a_lesion_the_contrast_is_twice_the_spread():
    image, mask = head(4, lesion=False)
    levels = tissue_levels(image[..., 0], mask)
    assert levels.lesion_contrast == 2 * levels.spread > 0


def test_an_empty_volume_has_levels_that_nothing_is_painted_with():
    image, mask = np.ones((3, 20, 20)), np.zeros((3, 20, 20), np.uint8)
    levels = tissue_levels(image, mask)
    assert levels == TissueLevels(1.0, 0.0, 0.0, top_slice=2)
    painted, _ = paint(image[..., None], mask, 0, levels)
    np.testing.assert_array_equal(painted, image[..., None])


def test_both_hemispheres_are_painted_where_a_fissure_parts_them():
    image, mask = head(lesion=False)
    image[:, np.abs(X) < 6] = -5
    both = np.zeros(2, int)
    for seed in range(12):
        _, labels = paint(image, mask, seed)
        both += [labels[:, X < 0].any(), labels[:, X > 0].any()]
    assert both.min() >= 4
