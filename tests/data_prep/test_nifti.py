import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from data_prep import nifti
from data_prep.errors import VolumeError
from data_prep.nifti import nifti_stem, read_mask, read_volume
from data_prep.nifti_writing import (
    write_image,
    write_mask,
    write_probability,
)
from data_prep.volume import Volume, check_same_grid

AFFINE = np.array(
    [
        [-0.9, 0.02, 0.1, 80.0],
        [0.02, 0.89, 0.6, -90.0],
        [0.01, -0.08, 6.4, -30.0],
        [0, 0, 0, 1],
    ]
)


def ramp(shape=(5, 6, 4), dtype=np.int16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def save(path, data, affine=AFFINE, **header):
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code=header.pop("sform_code", 1))
    image.set_qform(affine, code=header.pop("qform_code", 0))
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"]
)
def test_any_number_type_is_read_as_float32(tmp_path, dtype):
    volume = read_volume(save(tmp_path / "a.nii.gz", ramp(dtype=dtype)))
    assert volume.data.dtype == np.float32
    np.testing.assert_array_equal(volume.data, ramp())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)


def set_scaling(path, slope, intercept):
    """Writes the scaling into the bytes: nibabel would drop it."""
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, intercept], np.float32).tobytes()
    path.write_bytes(raw)
    return path


def test_scaling_of_the_header_is_applied(tmp_path):
    path = set_scaling(save(tmp_path / "a.nii", ramp()), 0.5, -10)
    np.testing.assert_array_equal(read_volume(path).data, ramp() * 0.5 - 10)


def test_spacing_voxel_volume_and_orientation_come_from_the_affine(tmp_path):
    volume = read_volume(save(tmp_path / "a.nii.gz", ramp()))
    expected = np.linalg.norm(AFFINE[:3, :3], axis=0)
    np.testing.assert_allclose(volume.spacing_mm, expected, rtol=1e-6)
    assert volume.voxel_mm3 == pytest.approx(
        abs(np.linalg.det(AFFINE[:3, :3])), rel=1e-6
    )
    assert volume.orientation == "LAS"


@pytest.mark.parametrize(("code", "factor"), [(1, 1e3), (2, 1), (3, 1e-3)])
def test_lengths_are_mm_whatever_the_header_s_unit(tmp_path, code, factor):
    affine = np.diag([1 / factor, 2 / factor, 3 / factor, 1])
    volume = read_volume(
        save(tmp_path / "a.nii", ramp(), affine, xyzt_units=code)
    )
    np.testing.assert_allclose(volume.spacing_mm, (1, 2, 3), rtol=1e-6)
    assert volume.voxel_mm3 == pytest.approx(6, rel=1e-6)


def test_trailing_axes_of_length_one_are_dropped(tmp_path):
    path = save(tmp_path / "a.nii.gz", ramp()[..., None, None])
    assert read_volume(path).shape == (5, 6, 4)


def test_four_dimensions_are_refused(tmp_path):
    path = save(tmp_path / "a.nii.gz", ramp((4, 4, 4, 2)))
    expected = r"3-D volume.*\(4, 4, 4, 2\); give one volume of it"
    with pytest.raises(VolumeError, match=expected):
        read_volume(path)


def test_a_plane_is_refused(tmp_path):
    with pytest.raises(VolumeError, match=r"3-D volume.*\(4, 4\)$"):
        read_volume(save(tmp_path / "a.nii.gz", ramp((4, 4))))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(VolumeError, match="no such file"):
        read_volume(tmp_path / "nowhere.nii.gz")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_an_empty_file_is_told_as_such(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    with pytest.raises(VolumeError, match=f"a{suffix}: the file is empty"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path, suffix, monkeypatch
):
    path = save(tmp_path / f"a{suffix}", ramp())
    path.chmod(0)
    if os.access(path, os.R_OK):  # a superuser may read any file
        path.write_bytes(b"")
        monkeypatch.setattr(nifti.os, "access", lambda *_: False)
    with pytest.raises(VolumeError, match="no right to read it") as caught:
        read_volume(path)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 200, 600])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_truncated_file_is_refused(tmp_path, keep, suffix):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 1000, (16, 16, 8)).astype(np.int16)
    whole = save(tmp_path / f"whole{suffix}", data).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[:keep])
    with pytest.raises(VolumeError, match=f"cut{suffix}"):
        read_volume(cut)


def test_damaged_compression_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 1000, (16, 16, 8)).astype(np.int16)
    path = save(tmp_path / "a.nii.gz", data)
    broken = bytearray(path.read_bytes())
    for index in range(1500, 1600):
        broken[index] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises(VolumeError, match=r"a\.nii\.gz"):
        read_volume(path)


@pytest.mark.parametrize("kind", ["flipped bit", "no trailer", "cut", "junk"])
def test_the_checksum_of_a_compressed_file_counts(tmp_path, kind):
    path = save(tmp_path / "a.nii.gz", ramp((16, 16, 8), np.float32))
    stored = gzip.compress(gzip.decompress(path.read_bytes()), 0)
    damaged = bytearray(stored)
    if kind == "flipped bit":
        damaged[3000] ^= 1  # of a voxel: it still decompresses
    elif kind == "junk":
        damaged += b"more"
    else:
        del damaged[-8 if kind == "no trailer" else -4 :]
    path.write_bytes(stored)
    assert read_volume(path).shape == (16, 16, 8)
    path.write_bytes(damaged)
    with pytest.raises(VolumeError, match=r"a\.nii\.gz"):
        read_volume(path)


def test_more_voxels_along_an_axis_than_nifti_1_can_say(tmp_path):
    data = np.zeros((40000, 2, 2), np.uint8)
    write_mask(tmp_path / "m.nii.gz", data, Volume(data, AFFINE))
    assert read_mask(tmp_path / "m.nii.gz").shape == data.shape


def test_other_content_is_refused(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"not an image" * 100)
    with pytest.raises(VolumeError, match="not a readable NIfTI"):
        read_volume(tmp_path / "a.nii")
    with gzip.open(tmp_path / "b.nii.gz", "wb") as stream:
        stream.write(b"neither")
    with pytest.raises(VolumeError, match="not a readable NIfTI"):
        read_volume(tmp_path / "b.nii.gz")


def patch(path, offset, value, dtype):
    """Writes a number into the bytes of a header, sound or not."""
    raw = bytearray(path.read_bytes())
    encoded = np.asarray(value, dtype).tobytes()
    raw[offset : offset + len(encoded)] = encoded
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("offset", "value", "dtype"),
    [
        (42, [-5, 6, 4], "int16"),  # dim
        (42, [32767, 32767, 32767], "int16"),
        (42, [30000, 30000, 4], "int16"),
        (108, 1e20, "float32"),  # vox_offset
        (108, np.nan, "float32"),
    ],
)
def test_damaged_headers_are_refused(tmp_path, offset, value, dtype):
    path = patch(save(tmp_path / "a.nii", ramp()), offset, value, dtype)
    with pytest.raises(VolumeError, match=r"a\.nii"):
        read_volume(path)


def test_a_unit_that_nifti_does_not_know_is_unknown(tmp_path):
    path = patch(save(tmp_path / "a.nii", ramp()), 123, 7, "uint8")
    assert read_volume(path).space_unit == "unknown"


def test_a_qform_that_is_no_rotation_is_passed_over(tmp_path):
    path = save(tmp_path / "a.nii", ramp(), qform_code=1)
    volume = read_volume(patch(path, 256, [5, 5, 5], "float32"))
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    assert (volume.qform, volume.qform_code) == (None, 0)
    write_mask(tmp_path / "m.nii", np.zeros(volume.shape, np.uint8), volume)
    assert nib.load(tmp_path / "m.nii").header["qform_code"] == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(tmp_path, bad):
    data = ramp(dtype=np.float32)
    data[0, 0, :2] = bad
    expected = "2 voxels are NaN or infinite.*nan_to_num"
    with pytest.raises(VolumeError, match=expected):
        read_volume(save(tmp_path / "a.nii.gz", data))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("sign", [1, -1])
def test_huge_values_are_refused_without_a_warning_of_numpy(tmp_path, sign):
    data = ramp(dtype=np.float64) / 119 * sign
    path = save(tmp_path / "a.nii", data * 1e60)
    with pytest.raises(VolumeError, match=r"119 voxels .*beyond float32"):
        read_volume(path)
    path = save(tmp_path / "a.nii", data * 2e34)
    with pytest.raises(VolumeError, match=r"received 2e\+34; divide .* 2e\+31"):
        read_volume(path)
    assert np.abs(read_volume(save(path, data * 9e33)).data).max() > 8e33


def test_constant_volume_is_refused(tmp_path):
    data = np.full((4, 4, 4), 7, np.int16)
    with pytest.raises(VolumeError, match="same value"):
        read_volume(save(tmp_path / "a.nii.gz", data))


def test_no_affine_is_refused(tmp_path):
    path = save(tmp_path / "a.nii.gz", ramp(), sform_code=0, qform_code=0)
    with pytest.raises(VolumeError, match="no affine"):
        read_volume(path)


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([1.0, 1.0, 0.0, 1.0]),
        np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.diag([np.nan, 1.0, 1.0, 1.0]),
    ],
)
def test_degenerate_affine_is_refused(tmp_path, affine):
    image = nib.Nifti1Image(ramp(), np.eye(4))
    for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
        image.header[name] = affine[row]
    image.header["sform_code"] = 1
    image.header["qform_code"] = 0
    header = nib.Nifti1Header(image.header.binaryblock, check=False)
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.set_data_dtype(np.int16)
    raw = header.binaryblock + b"\0" * 4 + ramp().tobytes(order="F")
    (tmp_path / "a.nii").write_bytes(raw)
    with pytest.raises(VolumeError, match="degenerate affine"):
        read_volume(tmp_path / "a.nii")


def test_colour_is_refused(tmp_path):
    rgb = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(VolumeError, match="one number a voxel"):
        read_volume(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_masks_of_any_type_become_labels(tmp_path, dtype):
    data = np.zeros((4, 4, 4), dtype)
    data[0, 0, 0], data[1, 1, 1] = 1, 2
    mask = read_mask(save(tmp_path / "m.nii.gz", data))
    assert mask.data.dtype == np.uint8
    np.testing.assert_array_equal(mask.data, data)


def test_mask_value_is_mapped_to_one(tmp_path):
    data = np.zeros((4, 4, 4), np.uint8)
    data[0, 0, :3] = 255
    path = save(tmp_path / "m.nii.gz", data)
    with pytest.raises(VolumeError, match=r"received 0, 255; --mask_value"):
        read_mask(path)
    assert read_mask(path, mask_value=255).data.sum() == 3


def test_mask_scaled_by_an_inexact_slope_is_read(tmp_path):
    data = np.zeros((4, 4, 4), np.uint8)
    data[0, 0, :3] = 255
    path = set_scaling(save(tmp_path / "m.nii", data), 1 / 255, 0)
    mask = read_mask(path)
    assert sorted(np.unique(mask.data)) == [0, 1]


def test_a_probability_map_is_no_mask(tmp_path):
    data = np.linspace(0, 1, 64, dtype=np.float32).reshape(4, 4, 4)
    with pytest.raises(VolumeError, match="labels 0, 1, 2"):
        read_mask(save(tmp_path / "m.nii.gz", data))


def test_empty_mask_is_fine(tmp_path):
    path = save(tmp_path / "m.nii.gz", np.zeros((4, 4, 4), np.uint8))
    assert read_mask(path).data.sum() == 0


def test_other_grids_are_refused():
    image = Volume(ramp().astype(np.float32), AFFINE)
    check_same_grid(Volume(ramp(), AFFINE + 5e-4), image)
    with pytest.raises(VolumeError, match=r"up to 0\.002"):
        check_same_grid(Volume(ramp(), AFFINE + 2e-3), image)
    with pytest.raises(VolumeError, match="shape"):
        check_same_grid(Volume(ramp((5, 6, 3)), AFFINE), image)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (2, 1), (4, 4)])
def test_outputs_repeat_the_grid_and_drop_the_scaling(tmp_path, suffix, codes):
    source = nib.Nifti1Image(ramp(), AFFINE)
    source.header.set_xyzt_units("mm", "sec")
    source.set_sform(AFFINE, code=codes[0])
    shifted = AFFINE.copy()
    shifted[0, 3] += 2  # a qform of its own, as some programs leave
    source.set_qform(shifted, code=codes[1])
    nib.save(source, tmp_path / "a.nii")
    set_scaling(tmp_path / "a.nii", 0.25, 3)
    if suffix == ".nii.gz":
        with gzip.open(tmp_path / "a.nii.gz", "wb") as stream:
            stream.write((tmp_path / "a.nii").read_bytes())
        (tmp_path / "a.nii").unlink()
    like = read_volume(tmp_path / f"a{suffix}")
    labels = (ramp() % 3).astype(np.uint8)
    write_mask(tmp_path / f"m{suffix}", labels, like)
    write_probability(tmp_path / f"p{suffix}", ramp() / 119, like)

    original = nib.load(tmp_path / f"a{suffix}")
    mask = nib.load(tmp_path / f"m{suffix}")
    probability = nib.load(tmp_path / f"p{suffix}")
    for written in (mask, probability):
        np.testing.assert_array_equal(written.affine, original.affine)
        assert written.shape == original.shape
        assert written.header.get_xyzt_units()[0] == "mm"
        for key in ("sform_code", "qform_code"):
            assert written.header[key] == original.header[key]
        if codes[1]:
            np.testing.assert_allclose(
                written.get_qform(), original.get_qform(), atol=1e-5
            )
        assert written.dataobj.slope == 1
        assert written.dataobj.inter == 0
    assert mask.get_data_dtype() == np.uint8
    assert probability.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(mask.dataobj), labels)
    np.testing.assert_array_equal(
        np.asarray(probability.dataobj), (ramp() / 119).astype(np.float32)
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"{name}{suffix}" for name in "amp"
    )


def test_wrong_output_is_refused_and_leaves_nothing(tmp_path):
    like = Volume(ramp().astype(np.float32), AFFINE)
    with pytest.raises(VolumeError, match="expected shape"):
        write_mask(tmp_path / "m.nii.gz", np.zeros((2, 2, 2), int), like)
    with pytest.raises(VolumeError, match="labels from 0 to 255"):
        write_mask(tmp_path / "m.nii.gz", np.full(like.shape, 0.5), like)
    with pytest.raises(VolumeError, match="probabilities from 0 to 1"):
        write_probability(tmp_path / "p.nii.gz", ramp(), like)
    with pytest.raises(VolumeError, match="probabilities from 0 to 1"):
        write_probability(
            tmp_path / "p.nii.gz", np.full(like.shape, np.nan), like
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "stem"),
    [("a/b.nii.gz", "b"), ("a/b.c.NII", "b.c"), ("x", "x")],
)
def test_stem(path, stem):
    assert nifti_stem(path) == stem


def test_real_volumes_are_read(realdata_dir):
    path = next((realdata_dir / "sub-tabriz101228/anat").glob("*.nii.gz"))
    volume = read_volume(path)
    reference = nib.load(path)
    np.testing.assert_allclose(volume.data, reference.get_fdata(), rtol=1e-6)
    assert volume.orientation == "".join(nib.aff2axcodes(reference.affine))


def test_compressed_files_hold_no_time_and_what_the_plain_ones_hold(tmp_path):
    volume = Volume(ramp((16, 16, 8), np.float32), AFFINE)
    for name in ("a.nii.gz", "a.nii"):
        write_image(tmp_path / name, volume.data, volume)
    compressed = (tmp_path / "a.nii.gz").read_bytes()
    assert compressed[4:8] == bytes(4)  # RFC 1952: the modification time
    assert gzip.decompress(compressed) == (tmp_path / "a.nii").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "a.nii"}
