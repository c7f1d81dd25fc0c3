import h5py
import numpy as np
import pytest

from wmh_keras.weight_files import copy_weights, read_arrays


@pytest.fixture
def source(tmp_path):
    """A file as Keras writes it, of one convolution, with an optimizer."""
    path = tmp_path / "source.weights.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as weights:
        group = weights.create_group("layers/conv2d/vars")
        group.attrs["name"] = "first_conv"
        group["0"] = rng.normal(size=(3, 3, 1, 4)).astype(np.float32)
        group["1"] = rng.normal(size=4).astype(np.float32)
        weights["optimizer/vars/0"] = np.zeros(1000)
    return path


def change(path, values, name="0"):
    with h5py.File(path, "r+") as weights:
        weights[f"layers/conv2d/vars/{name}"][...] = values


def test_half_precision_rounds_kernels_alone(source, tmp_path):
    copy_weights(source, tmp_path / "half.h5", "float16")
    (kernel, bias) = read_arrays(source)["first_conv"]
    (rounded, same) = read_arrays(tmp_path / "half.h5")["first_conv"]
    assert rounded.dtype == same.dtype == np.float32
    np.testing.assert_array_equal(same, bias)
    np.testing.assert_array_equal(rounded, np.float32(np.float16(kernel)))
    assert 0 < abs(rounded - kernel).max() <= abs(kernel).max() * 2**-11
    with h5py.File(tmp_path / "half.h5") as weights:
        assert weights["layers/conv2d/vars/0"].dtype == np.float16
        assert "optimizer" not in weights


def test_float32_keeps_every_digit(source, tmp_path):
    copy_weights(source, tmp_path / "copy.h5", "float32")
    for left, right in zip(
        read_arrays(source)["first_conv"],
        read_arrays(tmp_path / "copy.h5")["first_conv"],
        strict=True,
    ):
        np.testing.assert_array_equal(left, right)


def test_the_same_weights_give_the_same_bytes(source, tmp_path):
    for name in "ab":
        copy_weights(source, tmp_path / name, "float16")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_half_precision_cannot_hold_is_refused(source, tmp_path):
    change(source, -65520.0)  # the first that would be infinite
    with pytest.raises(ValueError, match="conv2d/vars/0: 65520 is too large"):
        copy_weights(source, tmp_path / "half.h5", "float16")
    copy_weights(source, tmp_path / "whole.h5", "float32")
    change(source, 65504.0)
    change(source, 1e30, name="1")
    copy_weights(source, tmp_path / "largest.h5", "float16")
    kernel, bias = read_arrays(tmp_path / "largest.h5")["first_conv"]
    assert (kernel == 65504).all()
    assert (bias == np.float32(1e30)).all()


@pytest.mark.parametrize("read", [read_arrays, None])
def test_what_is_no_number_is_refused(source, tmp_path, read):
    change(source, np.nan)
    with pytest.raises(ValueError, match="no number"):
        if read:
            read(source)
        else:
            copy_weights(source, tmp_path / "half.h5", "float16")


def test_values_in_another_file_are_refused(source):
    with h5py.File(source, "r+") as weights:
        del weights["layers/conv2d/vars/1"]
        weights.create_dataset(
            "layers/conv2d/vars/1",
            (4,),
            np.float32,
            external=[("/etc/hostname", 0, 16)],
        )
    with pytest.raises(ValueError, match="in another file"):
        read_arrays(source)
