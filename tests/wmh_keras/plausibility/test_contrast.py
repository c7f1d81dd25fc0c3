"""Heads made by hand: what is like a FLAIR and what is not."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest

from data_prep.volume import Volume
from wmh_keras.plausibility.check import check_measures
from wmh_keras.plausibility.coarse_head import find_coarse_head
from wmh_keras.plausibility.contrast import measure_contrast
from wmh_keras.plausibility.training_range import range_of


def measure(volume):
    return measure_contrast(find_coarse_head(volume))


@pytest.fixture(scope="module")
def flairs(make_gyral_head):
    """With and without skull, thick and thin, with and without lesions."""
    return [
        make_gyral_head(with_skull=with_skull, seed=seed, **grid)
        for seed, (with_skull, grid) in enumerate(
            [
                (True, {}),
                (False, {}),
                (True, {"noise": 6.0, "with_lesions": False}),
                (
                    False,
                    {"shape": (96, 112, 80), "spacing_mm": (2.0, 2.0, 2.0)},
                ),
            ]
        )
    ]


@pytest.fixture(scope="module")
def expected(flairs):
    return range_of(measure(volume) for volume in flairs)


def reasons(volume, expected):
    return " ".join(
        finding.sentence
        for finding in check_measures(measure(volume), expected)
    )


def test_what_a_flair_measures(flairs):
    values = measure(flairs[0])
    assert values["inverted"] == 0
    # Ventricles of a quarter of the white matter's brightness.
    assert values["fluid_level"] == pytest.approx(0.25, abs=0.1)
    assert values["dark_share"] > 0.5
    assert values["cortex_level"] > 1


@pytest.mark.parametrize("with_skull", [True, False])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("T1", "as white matter in T1"),
        ("T2", "as in T2"),
        ("PD", "proton density"),
        ("ADC", "T2 or ADC"),
        ("CT", "proton density or CT"),
    ],
)
def test_other_sequences_are_told_from_flair(
    make_gyral_head, sequences, expected, name, hint, with_skull
):
    other = make_gyral_head(sequences[name], with_skull=with_skull, seed=9)
    assert hint in reasons(other, expected)


def test_a_flair_that_was_not_among_them_passes(make_gyral_head, expected):
    for seed, with_skull in ((7, True), (8, False)):
        other = make_gyral_head(with_skull=with_skull, seed=seed)
        assert reasons(other, expected) == ""


def test_a_z_scored_flair_measures_the_same(flairs):
    data = flairs[0].data
    scored = (data - data.mean()) / data.std()
    found = measure(flairs[0].with_data(scored.astype(np.float32)))
    assert found == pytest.approx(measure(flairs[0]), abs=1e-3)


def test_a_stretched_histogram_passes(flairs, expected):
    data = flairs[0].data
    matched = np.interp(data, [0, 30, 90, 120, 300], [0, 40, 105, 125, 280])
    matched = flairs[0].with_data(matched.astype(np.float32))
    assert reasons(matched, expected) == ""


def test_an_inverted_image_is_told_of(flairs, expected):
    data = flairs[0].data
    assert "an inverted image" in reasons(
        flairs[0].with_data(data.max() - data), expected
    )


@pytest.mark.parametrize("index", [0, 1, 3])
def test_a_head_that_is_inverted_in_dark_air_is_told_of(
    flairs, expected, index
):
    volume = flairs[index]
    inside = find_coarse_head(volume).inside.transpose(2, 1, 0)
    # Cells are whole voxels here: 1 or 2 of them along an axis.
    for axis, length in enumerate(volume.shape):
        inside = inside.repeat(length // inside.shape[axis], axis)
    assert inside.shape == volume.shape
    data = volume.data
    turned = volume.with_data(np.where(inside, data.max() - data, data))
    assert measure(volume)["inverted"] == 0
    assert measure(turned)["inverted"] == 1
    assert "the fluid within it is bright" in reasons(turned, expected)


def test_sulci_tell_where_lesions_weigh_as_much_as_ventricles(flairs):
    volume = flairs[1]  # without skull: 0 is the air
    data = volume.data
    x, y, z = (
        np.abs(np.arange(n) - (n - 1) / 2) * mm
        for n, mm in zip(volume.shape, volume.spacing_mm, strict=True)
    )
    near = (x < 40)[:, None, None] & (y < 38)[:, None] & (z < 25)
    data = np.where(
        near & (data > 60), data + 80 * (x > 20)[:, None, None], data
    )
    heavy = volume.with_data(data.astype(np.float32))
    assert measure(heavy)["dark_share"] < 0.5
    assert measure(heavy)["inverted"] == 0
    turned = np.where(data > 0, data.max() - data, 0).astype(np.float32)
    assert measure(volume.with_data(turned))["inverted"] == 1


def test_fluid_is_dark_in_t1_and_bright_in_t2(make_gyral_head, sequences):
    for name, is_bright in (("T1", 0), ("T2", 1), ("ADC", 1)):
        values = measure(make_gyral_head(sequences[name], seed=9))
        assert values["inverted"] == is_bright, name


def test_a_head_without_any_contrast_is_told_of(flairs, expected):
    filled = find_coarse_head(flairs[0]).inside.astype(np.float32)
    mask = Volume(filled.transpose(2, 1, 0), flairs[0].affine)
    assert "hardly any contrast" in reasons(mask, expected)


def test_something_that_is_no_head_is_told_of(flairs, expected):
    data = np.zeros(flairs[0].shape, np.float32)
    data[40:50, 40:50, 10:13] = 1  # 20 × 20 × 18 mm
    assert measure(flairs[0].with_data(data)) == {}
    found = reasons(flairs[0].with_data(data), expected)
    assert "no brain can be told" in found


@pytest.mark.parametrize("code", ["LPS", "PIR", "SAL"])
def test_the_file_s_orientation_is_no_matter(flairs, code):
    image = nib.Nifti1Image(flairs[0].data, flairs[0].affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(image.affine),
        nib.orientations.axcodes2ornt(code),
    )
    turned = image.as_reoriented(turn)
    volume = Volume(
        np.asarray(turned.dataobj, np.float32),
        turned.affine,
    )
    assert measure(volume) == pytest.approx(measure(flairs[0]), rel=1e-4)


def test_slices_of_any_thickness_look_alike(make_gyral_head):
    thin = make_gyral_head(
        shape=(96, 112, 156), spacing_mm=(2.0, 2.0, 1.0), noise=0.0
    )
    data = thin.data.reshape(96, 112, 26, 6).mean(axis=3)
    thick = dataclasses.replace(
        thin, data=data, affine=thin.affine @ np.diag([1, 1, 6, 1])
    )
    assert measure(thick) == pytest.approx(measure(thin), abs=0.1)
