import dataclasses
import shutil

import numpy as np
import pytest

from data_prep.errors import UsageError, UserError, VolumeError
from data_prep.nifti import read_mask
from data_prep.nifti_writing import write_mask
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.lesion_masks import find_lesion_masks
from wmh_keras.training.patch_changes import PatchChanges
from wmh_keras.training.patch_store import open_patch_store
from wmh_keras.training.streams import training_stream
from wmh_keras.training.subjects import data_fingerprint


@pytest.fixture
def folder(small_data_dir, tmp_path):
    """Masks of two people, on the grid of the volumes."""
    folder = tmp_path / "masks"
    folder.mkdir()
    masks = sorted(small_data_dir.parent.glob("*_mask.nii.gz"))
    for name, mask in zip(("b", "a"), masks[-2:], strict=True):
        shutil.copy(mask, folder / f"{name}.nii.gz")
    (folder / "README.txt").write_text("not a mask")
    return folder


def test_no_folder_is_no_masks():
    assert find_lesion_masks("") is None


def test_the_digest_stands_for_names_and_content(folder):
    before = find_lesion_masks(str(folder))
    assert [path.name for path in before.paths] == ["a.nii.gz", "b.nii.gz"]
    assert find_lesion_masks(str(folder)) == before
    (folder / "b.nii.gz").rename(folder / "c.nii.gz")
    renamed = find_lesion_masks(str(folder))
    shutil.copy(folder / "a.nii.gz", folder / "c.nii.gz")
    changed = find_lesion_masks(str(folder))
    assert len({before.digest, renamed.digest, changed.digest}) == 3


def test_masks_are_prepared_as_those_of_volumes(
    folder, small_data, small_data_dir
):
    records = small_data.select("test")
    own = f"{records[0].subject_id}_mask.nii.gz"
    shutil.copy(small_data_dir.parent / own, folder / "a.nii.gz")
    (stored,) = small_data.read_volumes(records)
    masks = find_lesion_masks(str(folder))
    assert masks.fits(stored.images[0])
    first, _ = masks.read(small_data.preprocess_config)
    assert first.dtype == bool
    for slice_ in small_data.slices(records):
        expected = slice_["mask"].numpy() == 1
        np.testing.assert_array_equal(first[slice_["slice_index"]], expected)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "expected a folder"),
        (
            lambda folder: [p.unlink() for p in folder.glob("*.nii.gz")],
            "found none in the folder itself",
        ),
    ],
)
def test_a_folder_without_masks_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        find_lesion_masks(str(folder))
    assert f"--lesion_masks={folder}" in str(error.value)


def other_grid(mask):
    return dataclasses.replace(mask, affine=mask.affine + 1)


def empty(mask):
    return mask.with_data(np.zeros_like(mask.data))


@pytest.mark.parametrize(
    ("change", "message"),
    [(other_grid, "one grid, that of a"), (empty, "expected lesions")],
)
def test_a_mask_that_cannot_be_used_is_named(
    folder, small_data, tmp_path, change, message
):
    path = folder / "b.nii.gz"
    mask = change(read_mask(path))
    write_mask(path, mask.data, mask)
    masks = find_lesion_masks(str(folder))
    with pytest.raises(VolumeError, match=message) as error:
        open_patch_store(
            tmp_path / "patches",
            small_data,
            small_data.select("train"),
            "key",
            masks,
        )
    assert str(path) in str(error.value)
    assert not (tmp_path / "patches").exists()


def test_masks_on_no_volumes_grid_are_refused(folder, small_data, tmp_path):
    for path in folder.glob("*.nii.gz"):
        mask = other_grid(read_mask(path))
        write_mask(path, mask.data, mask)
    with pytest.raises(UserError, match="none of the 3 volumes to fit lies"):
        open_patch_store(
            tmp_path / "patches",
            small_data,
            small_data.select("train"),
            "key",
            find_lesion_masks(str(folder)),
        )


def test_the_store_keeps_them_and_the_stream_paints_by_them(
    folder, small_data, tmp_path
):
    records = small_data.select("train")
    masks = find_lesion_masks(str(folder))
    config = TrainingConfig(
        workdir=str(tmp_path),
        patch_size=(32, 32),
        painted_lesions=1.0,
        lesion_masks=str(folder),
        vertical_flip=0,
        horizontal_flip=0,
        augmentation_probability=0,
    )
    stream = training_stream(
        small_data, records, config, "key", ProcessGroup(), masks
    )
    store = stream.store
    assert store.num_masks == 2
    expected = np.stack(list(masks.read(small_data.preprocess_config)))
    np.testing.assert_array_equal(store.lesion_masks, expected)
    assert all(place.is_on_mask_grid for place in store.places)
    again = open_patch_store(store.folder, small_data, records, "key", masks)
    assert again == store

    plain = dataclasses.replace(stream, changes=PatchChanges(painted_lesions=0))
    brighter = 0
    for (image, mask), (before, there) in zip(
        stream.batches(0, 2), plain.batches(0, 2), strict=True
    ):
        image, mask, before, there = map(
            np.asarray, (image, mask, before, there)
        )
        np.testing.assert_array_equal(mask[there > 0], there[there > 0])
        new = (mask == 1) & (there == 0)
        assert np.all(image[new] > before[new])
        brighter += new.any(axis=(1, 2, 3)).sum()
    # Most of the 64 patches; some show no tissue, some got other lesions.
    assert brighter > 25


def test_a_training_with_masks_is_another_one(folder, small_data):
    records = small_data.select("train"), small_data.select("validation")
    masks = find_lesion_masks(str(folder))
    plain = data_fingerprint(small_data, *records)
    painted = data_fingerprint(small_data, *records, masks)
    (folder / "b.nii.gz").unlink()
    fewer = find_lesion_masks(str(folder))
    other = data_fingerprint(small_data, *records, fewer)
    assert len({plain, painted, other}) == 3


def test_the_flag_goes_with_painted_lesions_and_patches():
    with pytest.raises(UsageError, match="only with --painted_lesions"):
        TrainingConfig(patch_size=(8, 8), lesion_masks="masks")
    with pytest.raises(UsageError, match="only with --patch_size"):
        TrainingConfig(painted_lesions=0.5, lesion_masks="masks")
