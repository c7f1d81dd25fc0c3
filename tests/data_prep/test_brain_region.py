"""The brain of a head made by hand, and what its partial mask says."""

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage

from data_prep.brain_region import find_brain, partial_labels
from data_prep.errors import VolumeError
from data_prep.volume import Volume

SHAPE, SPACING = (96, 112, 14), (2.0, 2.0, 10.0)
AFFINE = np.diag([*SPACING, 1.0])
LESION = (slice(62, 68), slice(60, 66), slice(7, 9))


def ellipsoid(*radii_mm: float) -> np.ndarray:
    axes = [
        (np.arange(n) - (n - 1) / 2) * mm / radius
        for n, mm, radius in zip(SHAPE, SPACING, radii_mm, strict=True)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return x * x + y * y + z * z < 1


BRAIN = ellipsoid(62, 78, 60)
VENTRICLE = ellipsoid(10, 24, 20)
HEAD = ellipsoid(84, 100, 90)
SKULL = ellipsoid(74, 90, 74)


def make_head(*, stripped: bool = False, size: float = 1.0) -> Volume:
    """Brain 100, ventricle 20, lesion 180, scalp 190, skull 8."""
    rng = np.random.default_rng(0)
    data = np.zeros(SHAPE)
    if not stripped:
        data[HEAD] = 190
        data[SKULL] = 8
    data[BRAIN] = 100
    data[VENTRICLE] = 20
    data[LESION] = 180
    data += rng.normal(0, 4, SHAPE) * (BRAIN if stripped else 1)
    affine = np.diag([*(size * np.array(SPACING)), 1.0])
    return Volume(data.astype(np.float32), affine)


@pytest.fixture(scope="module")
def head() -> Volume:
    return make_head()


def turned(volume: Volume, orientation: str) -> Volume:
    """The same head, stored along other axes."""
    ornt = nib.orientations.axcodes2ornt(orientation)
    transform = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), ornt
    )
    data = nib.orientations.apply_orientation(volume.data, transform)
    affine = volume.affine @ nib.orientations.inv_ornt_aff(
        transform, volume.shape
    )
    return Volume(np.ascontiguousarray(data), affine)


def test_the_brain_is_found_to_two_pixels_and_its_ventricles_belong_to_it(head):
    brain = find_brain(head)
    assert not brain.is_stripped
    assert not brain.touches_edge
    assert brain.inside[VENTRICLE].all()
    # Of slices that are thick enough to be eroded.
    for z in range(3, 11):
        found = np.argwhere(brain.inside[:, :, z])
        true = np.argwhere(BRAIN[:, :, z])
        for limit in (np.min, np.max):
            distance = limit(found, axis=0) - limit(true, axis=0)
            assert np.abs(distance).max() <= 2
    expected_ml = 4 / 3 * np.pi * 6.2 * 7.8 * 6.0
    assert brain.volume_ml == pytest.approx(expected_ml, rel=0.12)


def test_the_lesion_is_ignored_and_scalp_and_dark_tissue_are_not(head):
    labels = partial_labels(head, find_brain(head))
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 2}
    assert (labels[LESION] == 2).all()
    around = labels[61:69, 60:66, 7:9]  # one more voxel on each side
    assert (around == 2).all()
    scalp = HEAD & ~SKULL
    assert not labels[scalp].any()
    # A voxel from what is bright by nature or by noise, at least.
    dark = BRAIN & (head.data < 60)
    dark = scipy.ndimage.binary_erosion(dark)
    assert dark.sum() > 100
    assert not labels[dark].any()
    # Ordinary tissue is taught as such, unless noise makes it bright.
    assert 0.2 < (labels[BRAIN] == 0).mean() < 0.8


@pytest.mark.parametrize("orientation", ["LPS", "PIR", "SAL"])
def test_the_orientation_of_the_file_changes_nothing(head, orientation):
    other = turned(head, orientation)
    assert other.orientation == orientation
    expected = turned(
        head.with_data(partial_labels(head, find_brain(head))),
        orientation,
    )
    labels = partial_labels(other, find_brain(other))
    np.testing.assert_array_equal(labels, expected.data)


def test_an_oblique_affine_gives_the_same_brain(head):
    angle = np.radians(12)
    turn = np.eye(4)
    turn[:3, :3] = [
        [1, 0, 0],
        [0, np.cos(angle), -np.sin(angle)],
        [0, np.sin(angle), np.cos(angle)],
    ]
    oblique = Volume(head.data, turn @ head.affine)
    np.testing.assert_array_equal(
        find_brain(oblique).inside, find_brain(head).inside
    )


def test_without_a_scalp_all_that_is_there_is_brain():
    stripped = make_head(stripped=True)
    brain = find_brain(stripped)
    assert brain.is_stripped
    np.testing.assert_array_equal(brain.inside, BRAIN)
    labels = partial_labels(stripped, brain)
    assert (labels[LESION] == 2).all()
    assert not labels[~BRAIN].any()


def test_a_head_that_is_cut_off_reaches_the_edge(head):
    cut = Volume(np.ascontiguousarray(head.data[40:]), AFFINE)
    assert find_brain(cut).touches_edge


def test_the_volume_follows_the_voxels_size(head):
    small = find_brain(make_head(size=0.9))
    assert small.volume_ml == pytest.approx(
        find_brain(head).volume_ml * 0.729, rel=0.05
    )


def test_tissue_as_thin_as_scalp_is_no_brain():
    data = np.zeros(SHAPE, np.float32)
    data[::6] = np.random.default_rng(0).normal(100, 4, data[::6].shape)
    with pytest.raises(VolumeError, match="as thick as a brain"):
        find_brain(Volume(data, AFFINE))
