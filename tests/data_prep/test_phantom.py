import dataclasses

import numpy as np
import pytest

from data_prep import make_phantoms
from data_prep.geometry import slice_geometry
from data_prep.nifti import read_mask, read_volume
from data_prep.phantom import PhantomConfig, make_phantom, make_t1
from data_prep.volume import check_same_grid

CONFIG = PhantomConfig(shape=(48, 56, 10), spacing_mm=(3.8, 3.8, 12))


def test_the_same_seed_gives_the_same_head():
    first, second = make_phantom(CONFIG), make_phantom(CONFIG)
    np.testing.assert_array_equal(first[0].data, second[0].data)
    np.testing.assert_array_equal(first[1].data, second[1].data)
    other = make_phantom(dataclasses.replace(CONFIG, seed=1))
    assert (other[1].data != first[1].data).any()


def test_lesions_are_bright_and_inside_white_matter():
    config = dataclasses.replace(CONFIG, noise_std=0)
    image, mask = make_phantom(config)
    lesion = image.data[mask.data == 1]
    assert lesion.size > 20
    x, y, z = (np.array(n) for n in np.nonzero(mask.data))
    position = np.stack([x, y, z, np.ones_like(x)])
    radius = np.linalg.norm(
        (image.affine @ position)[:3] / np.array([[65], [82], [68]]), axis=0
    )
    assert radius.max() < 1.05  # within the brain
    brain = (image.data > 60) & (image.data < 140)
    assert lesion.mean() > image.data[brain].mean() * 1.4


def test_a_t1_shows_the_same_head_in_its_own_contrast():
    config = dataclasses.replace(CONFIG, noise_std=0, orientation="LPS")
    flair, mask = make_phantom(config)
    t1 = make_t1(config)
    check_same_grid(t1, flair)
    np.testing.assert_array_equal(t1.data > 5, flair.data > 5)  # the head
    white = (flair.data > 85) & (flair.data < 100)
    assert t1.data[white].mean() > t1.data[mask.data == 1].mean()
    np.testing.assert_array_equal(make_t1(config).data, t1.data)


def test_a_head_without_lesions_has_an_empty_mask():
    config = dataclasses.replace(CONFIG, num_spots=0, with_caps=False)
    assert make_phantom(config)[1].data.sum() == 0


@pytest.mark.parametrize("orientation", ["LPS", "ASR", "PIL"])
def test_orientation_changes_the_file_and_not_the_head(orientation):
    straight, _ = make_phantom(CONFIG)
    turned, mask = make_phantom(
        dataclasses.replace(CONFIG, orientation=orientation)
    )
    assert turned.orientation == orientation
    check_same_grid(mask, turned)
    np.testing.assert_array_equal(
        slice_geometry(turned, 32).to_planes(turned.data),
        slice_geometry(straight, 32).to_planes(straight.data),
    )


def test_the_program_writes_a_bids_data_set_once(tmp_path, capsys):
    argv = ["x", f"--output_dir={tmp_path / 'a'}", "--num_subjects=2"]
    assert make_phantoms.cli(argv) == 0
    cohort = tmp_path / "a" / "cohort"
    name = "sub-002/anat/sub-002"
    image = read_volume(cohort / f"{name}_FLAIR.nii.gz")
    mask = read_mask(
        cohort / "derivatives" / "manual" / f"{name}_label-WMH_mask.nii.gz"
    )
    check_same_grid(mask, image)
    assert mask.data.any()
    assert (tmp_path / "a/new/sub-new01/anat").is_dir()
    assert not list(tmp_path.rglob("*_T1w.nii.gz"))
    both = ["x", f"--output_dir={tmp_path / 'b'}", "--with_t1"]
    assert make_phantoms.cli([*both, "--num_subjects=1"]) == 0
    assert len(list((tmp_path / "b").rglob("*_T1w.nii.gz"))) == 2
    assert make_phantoms.cli(argv) == 1
    assert "expected an empty or new folder" in capsys.readouterr().err
