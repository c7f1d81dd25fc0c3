import numpy as np
import pytest
import scipy.ndimage

from wmh_keras.training.synthetic_head import add_head

AIR = -5.0
SIDE = 256  # of the slice; the patch is a part of it
SHAPE = (121, 130)
# The thickest head, with its wavering outline; behind the brain's front, where
# no eye is.
FARTHEST, BEHIND = 44, slice(0, 30)


@pytest.fixture(scope="module")
def patch():
    """A brain of 30 and 22 pixels, float16 as it is stored."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    brain = ((y - 60) / 30) ** 2 + ((x - 62) / 22) ** 2 < 1
    image = np.where(brain, rng.normal(scale=0.5, size=SHAPE), AIR)
    return image[..., None].astype(np.float16), brain


def draw_heads(patch, count, mask=None):
    image, _ = patch
    mask = np.zeros(SHAPE, np.uint8) if mask is None else mask
    return [
        add_head(
            image, mask, np.array([AIR]), SIDE, np.random.default_rng(seed)
        )[..., 0]
        for seed in range(count)
    ]


def test_the_same_draw_gives_the_same_head(patch):
    for one, again in zip(
        draw_heads(patch, 3), draw_heads(patch, 3), strict=True
    ):
        np.testing.assert_array_equal(one, again)
        assert one.dtype == np.float32


def test_the_brain_stays_and_far_from_it_there_is_air(patch):
    image, brain = patch
    is_far = scipy.ndimage.distance_transform_edt(~brain) > FARTHEST
    assert is_far[BEHIND].any()
    for head in draw_heads(patch, 20):
        np.testing.assert_array_equal(head[brain], image[brain, 0])
        far = head[BEHIND][is_far[BEHIND]]
        assert (far >= AIR).all()
        assert far.mean() < AIR + 0.3
        assert far.max() < AIR + 1.0
        assert np.isfinite(head).all()


def test_labelled_pixels_outside_the_brain_stay(patch):
    image, brain = patch
    mask = np.zeros(SHAPE, np.uint8)
    mask[60, 86:92] = 1
    assert not brain[mask > 0].any()
    (head,) = draw_heads(patch, 1, mask)
    np.testing.assert_array_equal(head[mask > 0], image[mask > 0, 0])


def test_a_dark_gap_then_a_scalp_of_any_brightness(patch):
    """Levels in shares of the way from the air to the brain."""
    _, brain = patch
    distance = scipy.ndimage.distance_transform_edt(~brain)
    distance[75:] = 0  # not where the eyes are
    edges = range(1, 44)
    profiles = np.array(
        [
            [
                np.median(1 - head[(distance > e) & (distance <= e + 1)] / AIR)
                for e in edges
            ]
            for head in draw_heads(patch, 100)
        ]
    )
    darkest = np.minimum.accumulate(profiles[:, :14], axis=1).min(axis=1)
    assert np.mean(darkest < 0.45) > 0.9  # a few gaps are thin
    brightest = np.array(
        [
            np.percentile(1 - head[distance > 0] / AIR, 97)
            for head in draw_heads(patch, 100)
        ]
    )
    assert np.mean(brightest > 1) > 0.2  # brighter than the brain
    assert np.mean(brightest < 0.6) > 0.1
    ends = [np.flatnonzero(profile > 0.12)[-1] for profile in profiles]
    assert min(ends) > 2
    assert max(ends) > 20  # a thick scalp


def test_every_channel_gets_intensities_of_its_own(patch):
    image, brain = patch
    air = np.array([AIR, 0.0])
    both = np.concatenate([image, image - np.float16(AIR)], axis=-1)
    both[~brain] = air
    head = add_head(
        both, np.zeros(SHAPE, np.uint8), air, SIDE, np.random.default_rng(1)
    )
    np.testing.assert_array_equal(head[brain], both[brain])
    first, second = np.moveaxis(head - air, -1, 0)
    assert np.abs(first - second)[~brain].max() > 1


def test_without_brain_or_without_background_nothing_is_drawn():
    mask, air = np.zeros((10, 12), np.uint8), np.array([AIR])
    for value in (AIR, 1.0):
        image = np.full((10, 12, 1), value, np.float16)
        head = add_head(image, mask, air, SIDE, np.random.default_rng(0))
        np.testing.assert_array_equal(head, image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (7, 4)])
def test_small_patches(shape):
    image = np.full((*shape, 1), AIR, np.float16)
    image[0, 0] = 0.0
    mask, air = np.zeros(shape, np.uint8), np.array([AIR])
    head = add_head(image, mask, air, SIDE, np.random.default_rng(0))
    assert head.shape == image.shape
    assert head[0, 0] == 0
    assert np.isfinite(head).all()
