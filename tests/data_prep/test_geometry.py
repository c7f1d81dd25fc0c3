import itertools
import json

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage

from data_prep.geometry import SliceGeometry, slice_geometry
from data_prep.plane_resizing import (
    resize_antialiased,
    resize_linear,
    resize_nearest,
)
from data_prep.preprocess import (
    PreprocessConfig,
    slices_to_volume,
    volume_to_slices,
)
from data_prep.volume import Volume

ORIENTATIONS = [
    "".join(axes)
    for order in itertools.permutations(("RL", "AP", "SI"))
    for axes in itertools.product(*order)
]
SPACING_MM = (0.9, 0.9, 6.5)


def oriented(ras: np.ndarray, orientation: str, spacing_mm=SPACING_MM):
    """Stores RAS data as a file of another orientation would."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = (-30, -40, 12)
    change = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"),
        nib.orientations.axcodes2ornt(orientation),
    )
    data = nib.orientations.apply_orientation(ras, change)
    affine = affine @ nib.orientations.inv_ornt_aff(change, ras.shape)
    return Volume(np.ascontiguousarray(data), affine)


def random_volume(shape, orientation="RAS", spacing_mm=SPACING_MM):
    rng = np.random.default_rng(0)
    data = rng.normal(100, 20, shape).astype(np.float32)
    return oriented(data, orientation, spacing_mm)


def prepare(volume, side, **config):
    config = PreprocessConfig(side=side, normalization="none", **config)
    return volume_to_slices([volume], config)


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(20, 23, 5), (31, 24, 4), (40, 37, 3)])
def test_every_orientation_goes_out_and_back(orientation, shape):
    volume = random_volume(shape, orientation)
    assert volume.orientation == orientation
    side = 32
    prepared = prepare(volume, side)
    assert prepared.slices.shape == (shape[2], side, side, 1)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    assert back.shape == volume.shape
    assert back.dtype == np.float32
    # The same head, whichever way it was stored: the same slices.
    same = prepare(random_volume(shape), side)
    np.testing.assert_array_equal(prepared.slices, same.slices)
    if not prepared.geometry.is_resampled:
        kept = back != 0
        assert kept.mean() > 0.5
        np.testing.assert_array_equal(back[kept], volume.data[kept])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(31, 24, 4), (40, 37, 3), (65, 50, 2)])
def test_every_orientation_is_resized_and_comes_back(orientation, shape):
    """A smooth head larger than the slices comes back where it was."""
    axes = [np.linspace(0, np.pi, n, dtype=np.float32) for n in shape[:2]]
    waves = [np.sin(axis) * (1 + axis) for axis in axes]  # lopsided
    plane = np.outer(*waves)
    data = plane[..., None] * (1 + np.arange(shape[2], dtype=np.float32))
    spacing = (0.9, 1.1, 6.5)
    volume = oriented(data, orientation, spacing)
    prepared = prepare(volume, 32, oversize="resize")
    geometry = prepared.geometry
    assert geometry.is_shrunk == (geometry.padded_side > 32)
    assert geometry.square_pixels == (round(shape[1] * 1.1 / 0.9), shape[0])
    assert not geometry.is_cropped
    assert prepared.slices.shape == (shape[2], 32, 32, 1)
    back = slices_to_volume(prepared.slices[..., 0], geometry)
    assert back.shape == volume.shape
    np.testing.assert_array_equal(
        geometry.affine, volume.affine.astype(np.float64)
    )
    assert np.abs(back - volume.data).max() < 0.1 * data.max()
    same = prepare(oriented(data, "RAS", spacing), 32, oversize="resize")
    np.testing.assert_allclose(prepared.slices, same.slices, atol=1e-5)


def test_what_is_resized_loses_nothing_and_stays_in_place():
    """A disc of 20 mm, on a grid twice and a half as fine as the slices."""
    x, y = np.indices((80, 72)) - np.array([50, 30])[:, None, None]
    disc = (np.hypot(x, y) <= 10)[..., None].astype(np.float32)
    disc = np.repeat(disc, 2, axis=2)
    volume = Volume(disc, np.diag([1.0, 1, 5, 1]))
    mask = volume.with_data(disc.astype(np.uint8))
    config = PreprocessConfig(side=32, normalization="none", oversize="resize")
    prepared = volume_to_slices([volume], config, mask)
    assert set(np.unique(prepared.mask)) == {0, 1}
    area = prepared.slices[0, :, :, 0].sum() * (80 / 32) ** 2
    assert area == pytest.approx(disc[..., 0].sum(), rel=0.01)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry) >= 0.5
    overlap = 2 * (back & (disc > 0)).sum() / (back.sum() + disc.sum())
    assert overlap > 0.93
    np.testing.assert_allclose(
        scipy.ndimage.center_of_mass(back), (50, 30, 0.5), atol=0.2
    )


def test_resizing_changes_nothing_of_what_is_smaller():
    volume = random_volume((30, 27, 3))
    for side in (30, 48):
        one = prepare(volume, side)
        other = prepare(volume, side, oversize="resize")
        np.testing.assert_array_equal(one.slices, other.slices)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_voxels_come_back_exactly_where_nothing_was_resampled(orientation):
    volume = random_volume((32, 27, 5), orientation)
    prepared = prepare(volume, 32)
    assert not prepared.geometry.is_resampled
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    np.testing.assert_array_equal(back, volume.data)


@pytest.mark.parametrize("size", [(33, 32), (40, 41), (50, 35), (64, 64)])
def test_a_crop_keeps_the_centre_and_returns_zero_outside(size):
    volume = random_volume((*size, 3))
    prepared = prepare(volume, 32)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    left, top = ((max(size) - 32) // 2 - (max(size) - n) // 2 for n in size)
    inside = np.zeros(volume.shape, bool)
    inside[max(left, 0) : max(left + 32, 0), max(top, 0) : max(top + 32, 0)] = (
        True
    )
    np.testing.assert_array_equal(back[inside], volume.data[inside])
    assert not back[~inside].any()


def test_axes_of_a_slice():
    """Rows rise to anterior, columns to right, slices to superior."""
    ras = np.zeros((16, 16, 3), np.float32)
    ras[12, 4, 2] = 1  # right, posterior, superior
    prepared = prepare(oriented(ras, "LPI"), 16)
    assert np.argwhere(prepared.slices[..., 0]).tolist() == [[2, 4, 12]]


def test_padding_is_centred():
    ras = np.ones((10, 7, 2), np.float32)
    ras[0, 0, 0] = 3
    prepared = prepare(Volume(ras, np.diag([1.0, 1, 5, 1])), 10)
    plane = prepared.slices[0, :, :, 0]
    assert not plane[:1].any()
    assert not plane[8:].any()
    assert plane[1, 0] == 3
    assert (plane[2:8] == 1).all()


@pytest.mark.parametrize("size", [11, 16, 17, 24, 31])
def test_upsampled_volumes_come_back_close(size):
    """A smooth image survives resizing up and down again."""
    axis = np.linspace(0, np.pi, size)
    smooth = np.sin(axis)[:, None, None] * np.cos(axis / 2)[None, :, None]
    data = np.broadcast_to(smooth, (size, size, 3)).astype(np.float32)
    prepared = prepare(Volume(data.copy(), np.diag([1.0, 1, 5, 1])), 32)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    assert np.abs(back - data).max() < 0.03


def test_constant_probability_stays_constant_on_the_way_back():
    volume = random_volume((19, 30, 4), "PIR", (1.4, 0.7, 6))
    geometry = slice_geometry(volume, 48)
    back = slices_to_volume(np.full((4, 48, 48), 0.25, np.float32), geometry)
    np.testing.assert_allclose(back, 0.25, atol=1e-6)


@pytest.mark.parametrize(("old", "new"), [(3, 7), (7, 3), (10, 15), (5, 5)])
def test_linear_resize_equals_scipy_on_the_same_points(old, new):
    rng = np.random.default_rng(1)
    planes = rng.normal(size=(2, old, old + 2)).astype(np.float32)
    expected = []
    rows = (np.arange(new) + 0.5) * old / new - 0.5
    columns = (np.arange(new) + 0.5) * (old + 2) / new - 0.5
    points = np.meshgrid(rows, columns, indexing="ij")
    for plane in planes:
        expected.append(
            scipy.ndimage.map_coordinates(
                plane, points, order=1, mode="nearest"
            )
        )
    np.testing.assert_allclose(
        resize_linear(planes, (new, new)), expected, atol=1e-5
    )


def test_linear_resize_equals_tensorflow():
    tf = pytest.importorskip("tensorflow")
    planes = np.random.default_rng(2).normal(size=(2, 30, 21))
    planes = planes.astype(np.float32)
    expected = tf.image.resize(planes[..., None], (47, 50))[..., 0]
    np.testing.assert_allclose(
        resize_linear(planes, (47, 50)), expected, atol=1e-5
    )


def test_antialiased_resize_equals_tensorflow():
    tf = pytest.importorskip("tensorflow")
    planes = np.random.default_rng(2).normal(size=(2, 81, 64))
    planes = planes.astype(np.float32)
    expected = tf.image.resize(planes[..., None], (32, 30), antialias=True)
    np.testing.assert_allclose(
        resize_antialiased(planes, (32, 30)), expected[..., 0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((7, 5), (1, 2)),
        ((3, 3), (2, 2)),
        ((9, 8), (9, 8)),
        ((64, 61), (25, 30)),
    ],
)
def test_antialiased_resize_is_a_product_with_triangles(old, new):
    planes = np.random.default_rng(6).normal(size=(2, *old))
    expected = planes
    for axis in (0, 1):
        wider = old[axis] / new[axis]
        centres = (np.arange(new[axis]) + 0.5) * wider
        distance = np.arange(old[axis]) + 0.5 - centres[:, None]
        weights = np.maximum(1 - abs(distance) / wider, 0)
        weights /= weights.sum(axis=1, keepdims=True)
        expected = np.moveaxis(
            np.tensordot(weights, expected, (1, axis + 1)), 0, axis + 1
        )
    resized = resize_antialiased(planes.astype(np.float32), new)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected, atol=1e-6)


def test_nearest_resize_keeps_labels():
    labels = np.array([[[0, 1], [2, 0]]], np.uint8)
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0], [2, 2, 0, 0]]
    doubled = resize_nearest(labels, (4, 4))
    assert doubled.dtype == np.uint8
    np.testing.assert_array_equal(doubled[0], expected)
    np.testing.assert_array_equal(resize_nearest(doubled, (2, 2)), labels)


def test_unequal_spacing_is_brought_to_the_smaller_one():
    volume = random_volume((20, 30, 3), spacing_mm=(1.5, 0.5, 6))
    geometry = slice_geometry(volume, 64)
    assert geometry.square_pixels == (30, 60)
    assert geometry.plane == (30, 20)
    assert geometry.is_resampled
    prepared = prepare(volume, 64)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    assert back.shape == volume.shape


@pytest.mark.parametrize(
    ("ratio", "resampled"), [(1 + 1e-7, False), (1.009, False), (1.02, True)]
)
def test_spacings_within_one_percent_are_equal(ratio, resampled):
    volume = random_volume((32, 32, 3), spacing_mm=(1, ratio, 6))
    assert slice_geometry(volume, 32).is_resampled == resampled


def test_oblique_volumes_keep_their_affine():
    angle = np.deg2rad(23)
    rotation = np.array(
        [
            [1, 0, 0],
            [0, np.cos(angle), -np.sin(angle)],
            [0, np.sin(angle), np.cos(angle)],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([-0.9, 0.9, 6])
    data = np.random.default_rng(0).normal(size=(16, 16, 4))
    volume = Volume(data.astype(np.float32), affine)
    prepared = prepare(volume, 16)
    np.testing.assert_array_equal(prepared.geometry.affine, affine)
    back = slices_to_volume(prepared.slices[..., 0], prepared.geometry)
    np.testing.assert_array_equal(back, volume.data)


def test_geometry_survives_json():
    volume = random_volume((20, 30, 3), "ASL", (1.5, 0.5, 6))
    prepared = prepare(volume, 64)
    text = json.dumps(prepared.geometry.to_json())
    assert SliceGeometry.from_json(json.loads(text)) == prepared.geometry
    # As it was before there was a choice: records are compared by their bytes.
    assert list(json.loads(text))[-1] == "side"
    shrunk = prepare(volume, 16, oversize="resize").geometry
    text = json.dumps(shrunk.to_json())
    assert json.loads(text)["oversize"] == "resize"
    assert SliceGeometry.from_json(json.loads(text)) == shrunk


def test_slices_of_another_shape_are_refused():
    geometry = slice_geometry(random_volume((8, 8, 3)), 16)
    with pytest.raises(ValueError, match=r"\(3, 16, 16\)"):
        slices_to_volume(np.zeros((2, 16, 16)), geometry)
