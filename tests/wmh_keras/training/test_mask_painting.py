import numpy as np
import pytest
from scipy import ndimage

from wmh_keras.training.lesion_painting import TissueLevels
from wmh_keras.training.mask_painting import cut_lesions, paint_masks

LEVELS = TissueLevels(0.0, 1.0, 2.0, top_slice=60)
Y, X = np.mgrid[-40:41, -40:41]
FLUID = (Y**2 + X**2) < 8**2
THERE = (Y - 25) ** 2 + X**2 < 4**2
# A disk that touches the fluid, and one on what is there.
LESIONS = ((Y + 14) ** 2 + X**2 < 9**2) | ((Y - 28) ** 2 + X**2 < 6**2)


def slices(depth=1):
    image = np.full((depth, *Y.shape), -0.3, np.float32)
    image[:, FLUID] = -4
    image[:, THERE] = 2
    mask = np.zeros(image.shape, np.uint8)
    mask[:, THERE] = 1
    return image[..., None], mask


def paint(seed, depth=1, levels=LEVELS):
    image, mask = slices(depth)
    lesions = np.repeat(LESIONS[None], depth, axis=0)
    draw = np.random.default_rng(seed)
    return paint_masks(image, mask, levels, lesions, 1.0, draw)


@pytest.mark.parametrize("depth", [1, 5])
def test_lesions_grow_bright_where_the_mask_has_them_and_nowhere_else(depth):
    image, mask = slices(depth)
    inner = ndimage.binary_erosion(LESIONS, iterations=2)
    inner &= ~ndimage.binary_dilation(FLUID, iterations=2)
    inner &= ~ndimage.binary_dilation(THERE, iterations=8)
    assert inner.sum() > 50
    outer = ndimage.binary_dilation(LESIONS, np.ones((3, 3)), iterations=6)
    for seed in range(10):
        painted, labels = paint(seed, depth)
        assert painted.shape == image.shape
        assert painted.dtype == np.float32
        assert labels.dtype == np.uint8
        change = (painted - image)[..., 0]
        # From half of the contrast, 2, less 50 % and the texture.
        assert change[:, inner].mean() > 0.8
        assert (labels[:, inner] > 0).all()
        assert np.all(change[:, ~outer] == 0)
        assert np.all(change[:, FLUID & (Y > -6)] == 0)
        assert np.all(change[mask > 0] == 0)
        np.testing.assert_array_equal(labels[mask > 0], 1)
        assert not labels[:, ~outer & ~THERE].any()


def test_what_is_painted_faintly_has_the_label_to_leave_out():
    # The spread is large and the contrast small: people would not mark it.
    faint = TissueLevels(0.0, 1.0, 0.3, top_slice=60)
    for seed in range(5):
        _, labels = paint(seed, levels=faint)
        new = labels[0][~THERE]
        assert set(np.unique(new)) == {0, 2}
    # Half of the contrast at least, and many spreads.
    _, labels = paint(0, levels=TissueLevels(-0.3, 0.1, 2.0, top_slice=60))
    away = ~ndimage.binary_dilation(THERE, np.ones((3, 3)), iterations=8)
    assert set(np.unique(labels[0][away])) == {0, 1}


@pytest.mark.parametrize(("side", "labelled"), [(1, 0.4), (3, 1), (5, 1)])
def test_the_smaller_a_lesion_the_fainter_and_the_seldomer_labelled(
    side, labelled
):
    image, mask = slices()
    lesions = np.zeros(mask.shape, bool)
    lesions[0, 10 : 10 + side, 60 : 60 + side] = True
    count = 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        painted, labels = paint_masks(image, mask, LEVELS, lesions, 1.0, draw)
        change = (painted - image)[..., 0]
        assert change[lesions].max() > 0.05
        new = (labels > 0) & (mask == 0)
        assert not new[~lesions].any()
        count += new.any()
    assert count / 30 <= labelled
    assert count / 30 > labelled - 0.4


def test_fluid_within_a_mask_has_no_label():
    image, mask = slices()
    lesions = (Y**2 + X**2 < 12**2)[None]
    draw = np.random.default_rng(0)
    _, labels = paint_masks(image, mask, LEVELS, lesions, 1.0, draw)
    inner = ndimage.binary_erosion(FLUID, iterations=3)
    assert not labels[0][inner].any()
    assert labels[0][lesions[0] & (Y**2 + X**2 > 10**2)].all()


def test_a_volume_without_contrast_stays_as_it_is():
    image, mask = slices()
    painted, labels = paint(0, levels=TissueLevels(0.0, 0.0, 0.0, 0))
    np.testing.assert_array_equal(painted, image)
    np.testing.assert_array_equal(labels, mask)


def test_the_draw_decides():
    one, again, other = (paint(seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def person(z=6, side=40):
    """One person's lesion, left of the middle."""
    mask = np.zeros((1, z, side, side), bool)
    mask[0, 2:5, 10:20, 6:14] = True
    return mask


def test_a_patch_is_cut_where_it_lies_swapped_or_not_and_a_little_shifted():
    masks, swapped = person(), 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        cut = cut_lesions(masks, (2, 4, 0), (3, 30, 40), (1, 1), draw)
        if cut is None:  # shifted out by all of its slices
            continue
        assert cut.shape == (3, 30, 40)
        _, y, x = (values.mean() for values in np.nonzero(cut))
        # Its middle in the patch is (14.5 - 4, 9.5), or 39 - 9.5 if swapped.
        assert abs(y - 10.5) <= 3
        swapped += x > 20
        middle = 29.5 if x > 20 else 9.5
        assert abs(x - middle) <= 3
    assert 5 < swapped < 25


def test_beyond_the_masks_there_are_no_lesions():
    masks = np.ones((1, 4, 10, 10), bool)
    draw = np.random.default_rng(0)
    cut = cut_lesions(masks, (0, -20, -20), (4, 50, 50), (1, 1), draw)
    assert 0 < cut.sum() <= masks.sum()
    assert cut_lesions(masks, (90, 0, 0), (1, 10, 10), (1, 1), draw) is None


def test_who_is_painted_is_drawn():
    masks = np.zeros((3, 1, 30, 30), bool)
    for who, size in enumerate((10, 15, 20)):
        masks[who, 0, :size, :size] = True
    sizes = set()
    for seed in range(200):
        draw = np.random.default_rng(seed)
        cut = cut_lesions(masks, (0, -5, -5), (1, 40, 40), (1, 1), draw)
        if cut is not None:
            sizes.add(int(cut.sum()))
    assert {100, 225, 400} <= sizes
