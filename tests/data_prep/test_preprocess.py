import dataclasses
import json
import re

import numpy as np
import pytest

from data_prep import intensity
from data_prep.errors import VolumeError
from data_prep.nifti import read_volume
from data_prep.preprocess import (
    PreprocessConfig,
    placement_warning,
    volume_to_slices,
)
from data_prep.volume import Volume

AFFINE = np.diag([1.0, 1.0, 6.0, 1.0])


def head(shape=(24, 30, 4)):
    """Bright head on a dark, noisy background."""
    rng = np.random.default_rng(0)
    data = rng.uniform(0, 5, shape)
    data[3:-3, 3:-3] += 100
    return Volume(data.astype(np.float32), AFFINE)


def test_z_score_has_mean_zero_and_std_one():
    data = head().data * 3 + 1000
    scaled, mean, std = intensity.normalize(data, "zscore")
    assert scaled.dtype == np.float32
    assert scaled.mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)
    assert scaled.std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(scaled * std + mean, data, rtol=1e-5)


def test_no_normalization_changes_nothing():
    scaled, mean, std = intensity.normalize(head().data, "none")
    np.testing.assert_array_equal(scaled, head().data)
    assert (mean, std) == (0, 1)


@pytest.mark.parametrize("value", [0, 7, 1e6])
def test_constant_volumes_cannot_be_scaled(value):
    with pytest.raises(VolumeError, match="same value"):
        intensity.normalize(np.full((4, 4, 4), value, np.float32), "zscore")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_cannot_be_scaled(value):
    data = head().data.copy()
    data[0, 0, 0] = value
    with pytest.raises(VolumeError, match="NaN"):
        intensity.normalize(data, "zscore")


def test_robust_z_score_looks_at_the_head_alone():
    """A thousand voxels of 1 to 5, lesions among them, much background."""
    data = np.zeros((40, 40, 10), np.float32)
    head = np.repeat([1, 2, 3, 4, 5], 200).astype(np.float32) + 95
    data[:10, :10] = head.reshape(10, 10, 10)
    assert np.median(data) == 0  # and so would be the deviation from it
    scaled, centre, spread = intensity.normalize(data, "robust_zscore")
    assert scaled.dtype == np.float32
    assert centre == 98
    assert spread == pytest.approx(1.4826)  # deviations 0, 1, 1, 2, 2
    np.testing.assert_allclose(scaled * spread + centre, data, atol=1e-4)
    data[0, 0, 0] = 4000  # one hot voxel moves mean and std, but not these
    assert intensity.centre_and_spread(data, "robust_zscore") == (98, spread)


@pytest.mark.parametrize("rule", ["robust_zscore", "clipped_zscore"])
def test_robust_z_scores_follow_gain_and_offset(rule):
    data = brain(scalp=(30, 240))
    centre, spread = intensity.centre_and_spread(data, rule)
    moved = intensity.centre_and_spread(data * 8 - 512, rule)
    assert moved == pytest.approx((centre * 8 - 512, spread * 8), rel=1e-5)


@pytest.mark.parametrize("rule", ["robust_zscore", "clipped_zscore"])
def test_robust_z_scores_say_where_they_have_no_meaning(rule):
    data = np.zeros((20, 20, 10), np.float32)
    data[5:15, 5:15] = 7
    with pytest.raises(VolumeError, match=rf"{rule} .* same value \(7\)"):
        intensity.normalize(data, rule)
    data[0, 0] = np.linspace(1e6, 2e6, 10)
    words = rf"10 of 4000 voxels outshine .* {rule} finds no head"
    with pytest.raises(VolumeError, match=words):
        intensity.normalize(data, rule)


LESION = np.s_[16:24, 16:19, 10:14]


def brain(scalp=None):
    """Tissue of 100 with deviations of 8, a lesion of 160, and a shell.

    The shell, of 0 or between the two values of `scalp`, is two fifths of the
    whole.
    """
    rng, shape = np.random.default_rng(3), np.array((40, 40, 24))
    places = np.moveaxis(np.indices(shape), 0, -1)
    radius = np.linalg.norm((places / (shape - 1) - 0.5) * 2, axis=-1)
    data = np.where(radius < 0.85, rng.normal(100, 8, shape), 0)
    data[LESION] = 160
    if scalp:
        shell = (radius >= 0.85) & (radius < 1)
        data[shell] = rng.uniform(*scalp, shell.sum())
    return data.astype(np.float32)


@pytest.mark.parametrize(
    ("scalp", "tolerance"), [((120, 260), 0.01), ((30, 240), 0.08)]
)
def test_clipped_z_score_hardly_sees_a_scalp(scalp, tolerance):
    def scaled_lesion(data, rule):
        return intensity.normalize(data, rule)[0][LESION][0, 0, 0]

    whole, bare = brain(scalp), brain()
    clipped = scaled_lesion(bare, "clipped_zscore")
    # Without values beyond 2.5 spreads, the spread is 3 % smaller.
    assert clipped == pytest.approx(60 / 8, rel=0.05)
    assert scaled_lesion(bare, "robust_zscore") == pytest.approx(60 / 8, 0.02)
    with_scalp = scaled_lesion(whole, "clipped_zscore")
    assert with_scalp == pytest.approx(clipped, rel=tolerance)
    assert scaled_lesion(whole, "robust_zscore") < 0.6 * clipped


@pytest.mark.parametrize("scalp", [None, (120, 260), (30, 240), (60, 90)])
def test_clipped_z_score_is_that_of_voxels_left_out_one_by_one(scalp):
    data = brain(scalp)
    inside = [
        float(x) for x in data[data > intensity.foreground_threshold(data)]
    ]
    kept = inside
    while True:
        centre = np.median(kept)
        spread = 1.4826 * np.median([abs(x - centre) for x in kept])
        before = kept
        kept = [x for x in inside if abs(x - centre) <= 2.5 * spread]
        if kept == before:
            break
    assert len(kept) < len(inside)
    received = intensity.centre_and_spread(data, "clipped_zscore")
    assert received == pytest.approx((centre, spread), rel=1e-12)


def test_clipped_z_score_of_voxels_that_come_and_go(monkeypatch):
    """The two 112 by turns; after a set number of turns there is an end."""
    head = [112, 112, 124, 127, 128, 128, 131, 131, 131, 138]
    data = np.array([0] * 10 + head, np.float32).reshape(1, 4, 5)
    results = []
    for turns in (100, 101, 102):
        monkeypatch.setattr(intensity, "MAX_CLIPPINGS", turns)
        results.append(intensity.centre_and_spread(data, "clipped_zscore"))
    assert results[0] == results[2] != results[1]
    for centre, spread in results:
        assert 124 <= centre <= 131
        assert 1.4826 <= spread <= 10


def test_clipped_z_score_needs_a_spread_in_what_is_left():
    """Without the 150, more than half are 100."""
    head = np.repeat([99, 100, 101, 150], [15, 45, 15, 25])
    data = np.concatenate([np.zeros(100), head]).reshape(10, 10, 2)
    assert intensity.centre_and_spread(data, "robust_zscore") == (100, 1.4826)
    with pytest.raises(VolumeError, match=r"clipped_zscore .* value \(100\)"):
        intensity.normalize(data, "clipped_zscore")


@pytest.mark.parametrize(
    "values", [[0, 1], [0, 0, 0, 5], [-3, -2, 4, 9], [1e6, 1e6 + 1]]
)
def test_the_foreground_has_voxels_on_both_sides(values):
    data = np.array(values, np.float32)
    above = data > intensity.foreground_threshold(data)
    assert 0 < above.sum() < data.size
    assert above[-1]


def test_robust_z_score_of_real_heads(realdata_dir):
    """Half of these volumes are more than 70 % zeros."""
    flairs = sorted(realdata_dir.glob("sub-*/anat/*_FLAIR.nii.gz"))
    assert flairs
    for flair in flairs:
        data = read_volume(flair).data
        scaled, centre, _ = intensity.normalize(data, "robust_zscore")
        head = scaled[data > intensity.foreground_threshold(data)]
        assert 0.1 < head.size / data.size < 0.4
        assert centre > 0
        # Half of a normal distribution lies within 0.6745 of its middle.
        assert np.median(head) == pytest.approx(0, abs=1e-3)
        assert np.median(np.abs(head)) == pytest.approx(0.6745, abs=1e-3)
        assert np.abs(scaled).max() < 20


def test_unknown_normalization_is_refused():
    with pytest.raises(ValueError, match="minmax"):
        intensity.normalize(head().data, "minmax")


def test_z_score_comes_before_padding():
    """Zero padding is the volume's mean, and does not shift it."""
    prepared = volume_to_slices([head()], PreprocessConfig(side=30))
    padded = prepared.slices[:, :, :3, 0]
    assert not padded.any()
    inner = prepared.slices[:, :, 3:27, 0]
    assert inner.mean() == pytest.approx(0, abs=1e-5)
    assert inner.std() == pytest.approx(1, abs=1e-5)


def test_padding_with_the_background():
    config = PreprocessConfig(side=30, padding="background")
    prepared = volume_to_slices([head()], config)
    padded = np.unique(prepared.slices[:, :, :3, 0])
    assert padded.size == 1
    background = (2.5 - prepared.mean[0]) / prepared.std[0]
    assert padded[0] == pytest.approx(background, abs=0.02)


def test_mask_goes_the_same_way_as_the_image():
    image = np.zeros((20, 26, 3), np.float32)
    image[5:9, 12:20, 1] = 1
    mask = (image > 0).astype(np.uint8)
    mask[15, 3, 2] = 2
    prepared = volume_to_slices(
        [Volume(image, AFFINE)],
        PreprocessConfig(side=52, normalization="none"),
        Volume(mask, AFFINE),
    )
    assert prepared.mask.dtype == np.uint8
    assert prepared.mask.shape == (3, 52, 52)
    np.testing.assert_array_equal(
        prepared.mask == 1, prepared.slices[..., 0] > 0.5
    )
    assert (prepared.mask == 2).sum() == 4  # one voxel, twice as large


def test_channels_follow_the_images():
    config = PreprocessConfig(side=30, channels=("flair", "t1"))
    second = head().with_data(head().data[::-1].copy())
    prepared = volume_to_slices([head(), second], config)
    assert prepared.slices.shape == (4, 30, 30, 2)
    assert len(prepared.mean) == len(prepared.std) == 2
    with pytest.raises(VolumeError, match=r"2 images \(flair, t1\)"):
        volume_to_slices([head()], config)
    wider = Volume(head((25, 30, 4)).data, AFFINE)
    with pytest.raises(VolumeError, match=r"(?s)t1 on another grid.*register"):
        volume_to_slices([head(), wider], config)
    moved = Volume(head().data, AFFINE + 0.01)
    with pytest.raises(VolumeError, match="t1 on another grid: its affine"):
        volume_to_slices([head(), moved], config)


def test_mask_on_another_grid_is_refused():
    mask = Volume(np.zeros((24, 30, 4), np.uint8), AFFINE + 0.01)
    with pytest.raises(VolumeError, match="another grid"):
        volume_to_slices([head()], PreprocessConfig(side=30), mask)


def test_crop_warns_with_counts():
    mask = np.zeros((24, 30, 4), np.uint8)
    mask[12, 3:6, 1] = 1  # y = 3, 4 fall outside the centre 20 rows
    prepared = volume_to_slices(
        [head()], PreprocessConfig(side=20), Volume(mask, AFFINE)
    )
    # The head is 18 × 24 × 4; rows 3, 4 and 25, 26 are cut off.
    assert any("288 foreground voxels" in w for w in prepared.warnings)
    assert any("2 reference voxels" in w for w in prepared.warnings)


def test_the_crop_counts_native_voxels_where_spacing_is_unequal():
    """0.5 × 1 mm: every column stands for one pixel, every row for two."""
    image = np.zeros((32, 16, 3), np.float32)
    image[2:30, 1:15] = 100
    mask = np.zeros(image.shape, np.uint8)
    mask[:8, 8, 1] = 1  # x = 0 to 7 fall outside the centre 16 columns
    mask[15, :4, 2] = 1  # y = 0 to 3 fall outside the centre 16 of 32 rows
    affine = np.diag([0.5, 1.0, 6.0, 1.0])
    prepared = volume_to_slices(
        [Volume(image, affine)],
        PreprocessConfig(side=16),
        Volume(mask, affine),
    )
    head, kept = 28 * 14 * 3, 16 * 8 * 3
    assert any(
        f"{head - kept} foreground voxels ({1 - kept / head:.1%})" in warning
        for warning in prepared.warnings
    )
    assert any("12 reference voxels" in w for w in prepared.warnings)


def test_resizing_in_place_of_a_crop_warns_with_lost_lesions():
    """Every other row and column goes: odd ones stay, by nearest voxel."""
    mask = np.zeros((40, 40, 4), np.uint8)
    mask[10, 10, 1] = 1  # one even voxel: gone
    mask[20:24, 20:24, 2] = 1  # stays
    config = PreprocessConfig(side=20, oversize="resize")
    image = head((40, 40, 4))
    prepared = volume_to_slices([image], config, Volume(mask, AFFINE))
    (warning,) = prepared.warnings
    assert "slices of 40 pixels are made smaller, to 20" in warning
    assert warning.endswith("1 of 2 reference lesions are")
    np.testing.assert_array_equal(
        np.argwhere(prepared.mask),
        [(2, y, x) for y in (10, 11) for x in (10, 11)],
    )
    (warning,) = volume_to_slices([image], config).warnings
    assert "reference" not in warning


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("exponent", [-100, -50, 50, 110])
def test_the_head_is_found_at_any_scale(exponent):
    data = head().data
    expected = intensity.foreground(data)
    assert 0 < expected.sum() < data.size
    scaled = np.ldexp(data, exponent)
    np.testing.assert_array_equal(intensity.foreground(scaled), expected)
    np.testing.assert_array_equal(
        intensity.foreground(-scaled), intensity.foreground(-data)
    )


def test_no_warning_without_a_reason():
    assert not volume_to_slices([head()], PreprocessConfig(side=32)).warnings


def test_sagittal_acquisition_warns():
    affine = np.diag([6.0, 1.0, 1.0, 1.0])
    volume = Volume(head().data, affine)
    prepared = volume_to_slices([volume], PreprocessConfig(side=32))
    assert "not an axial acquisition" in prepared.warnings[0]


def moved(x=0.0, y=0.0, z=0.0):
    qform = AFFINE.copy()
    qform[:3, 3] += (x, y, z)
    return qform


@pytest.mark.parametrize(
    ("qform", "expected"),
    [
        (None, None),
        (moved(), None),
        (moved(1.9, 0, -11), None),  # 2 mm and 12 mm are 2 voxels
        (moved(0, 2.1), r"\(RAS\) and qform \(RAS\) disagree by up to 2.1 mm:"),
        (np.diag([-1.0, 1, 6, 1]), r"\(LAS\).* 46 mm, one is the mirror image"),
        (
            np.diag([-1.0, -1, 6, 1]),
            r"qform \(LPS\) disagree by up to [0-9.]+ mm:",
        ),
    ],
)
def test_matrices_that_disagree_warn(qform, expected):
    volume = dataclasses.replace(head(), qform=qform)
    warnings = volume_to_slices([volume], PreprocessConfig(side=32)).warnings
    if expected is None:
        assert not warnings
    else:
        (warning,) = warnings
        assert re.search(expected, warning)


@pytest.mark.parametrize("unit", ["mm", "meter"])
def test_axes_that_rounding_turns_do_not_warn(unit):
    """At 45 degrees a hair decides which way an axis is said to point."""
    affine = np.diag([1.0, 1.0, 6.0, 1.0])
    affine[:2, :2] = [[0.7, -0.7], [0.7, 0.7]]
    qform = affine.copy()
    affine[1, 0] += 1e-4
    qform[1, 0] -= 1e-4
    factor = [[{"mm": 1.0, "meter": 1e-3}[unit]]] * 3 + [[1.0]]
    volume = Volume(head().data, affine * factor, unit, qform=qform * factor)
    by_qform = dataclasses.replace(volume, affine=volume.qform)
    assert volume.orientation != by_qform.orientation
    assert placement_warning(volume) is None


def test_matrices_are_compared_in_mm():
    qform = moved(3)
    factor = [[1e-3]] * 3 + [[1.0]]
    volume = Volume(head().data, AFFINE * factor, "meter", qform=qform * factor)
    assert "by up to 3 mm" in placement_warning(volume)


def test_defaults_look_as_they_did_before_there_were_more_fields():
    """Else data sets and models would be identified by something else."""
    assert PreprocessConfig().to_json() == {
        "side": 384,
        "padding": "zero",
        "normalization": "zscore",
        "channels": ["flair"],
    }
    assert PreprocessConfig.from_json(PreprocessConfig().to_json()) == (
        PreprocessConfig()
    )
    config = PreprocessConfig(
        normalization="robust_zscore",
        channels=("flair", "t1"),
        oversize="resize",
    )
    assert config.to_json()["oversize"] == "resize"
    assert PreprocessConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "channels",
    [("flair", "flair"), ("flair", "T1"), ("flair", ""), ("flair", 1)],
)
def test_channels_that_cannot_be(channels):
    with pytest.raises(ValueError, match="channels that differ"):
        PreprocessConfig(channels=channels)


def test_config_survives_json_and_refuses_nonsense():
    config = PreprocessConfig(side=96, padding="background")
    text = json.dumps(config.to_json())
    assert PreprocessConfig.from_json(json.loads(text)) == config
    with pytest.raises(ValueError, match="unknown preprocessing fields"):
        PreprocessConfig.from_json({"size": 3})
    with pytest.raises(ValueError, match="padding"):
        PreprocessConfig(padding="mirror")
    with pytest.raises(ValueError, match="normalization"):
        PreprocessConfig(normalization="minmax")
    with pytest.raises(ValueError, match="oversize"):
        PreprocessConfig(oversize="shrink")
    with pytest.raises(ValueError, match="positive side"):
        PreprocessConfig(side=0)
    with pytest.raises(ValueError, match="flair first"):
        PreprocessConfig(channels=("t1",))
