import dataclasses
import shutil

import numpy as np
import pytest

from data_prep.errors import UsageError, UserError
from data_prep.nifti import read_mask
from data_prep.nifti_writing import write_image
from data_prep.subject_digest import subject_digest
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training.assembly import model_info
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.lesion_masks import find_lesion_masks
from wmh_keras.training.patch_changes import PatchChanges
from wmh_keras.training.patch_store import open_patch_store
from wmh_keras.training.streams import training_stream
from wmh_keras.training.subjects import check_lesion_masks, data_fingerprint


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
        (lambda folder: shutil.rmtree(folder), "found nothing there"),
        (
            lambda folder: [p.unlink() for p in folder.glob("*.nii.gz")],
            "found none in the folder itself",
        ),
        (
            lambda folder: (folder / "c.nii.gz").mkdir(),
            "c.nii.gz: expected a file",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        find_lesion_masks(str(folder))
    assert str(error.value).startswith("--lesion_masks")
    assert str(folder) in str(error.value)


def test_a_file_is_no_folder(folder):
    with pytest.raises(UserError, match="found a file there"):
        find_lesion_masks(str(folder / "a.nii.gz"))


def test_hidden_files_do_not_count(folder):
    (folder / "._a.nii.gz").write_bytes(b"of another system")
    assert len(find_lesion_masks(str(folder)).paths) == 2


def change(path, factor=1, shift=0):
    mask = read_mask(path)
    mask = dataclasses.replace(mask, affine=mask.affine + shift)
    write_image(path, mask.data * np.float32(factor), mask)


def test_all_masks_that_cannot_be_used_are_named_at_once(folder):
    for name in "cdefg":
        shutil.copy(folder / "a.nii.gz", folder / f"{name}.nii.gz")
    change(folder / "b.nii.gz", shift=1)
    change(folder / "c.nii.gz", 0)
    change(folder / "d.nii.gz", 2)
    change(folder / "e.nii.gz", 255)
    whole = (folder / "f.nii.gz").read_bytes()
    (folder / "f.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError) as error:
        find_lesion_masks(str(folder))
    first, *lines = str(error.value).splitlines()
    assert first.endswith("5 of 7 masks cannot be used:")
    for line, name, words in zip(
        lines,
        "bcdef",
        (
            "on another grid than the masks before it, 26 × 30 × 6 voxels",
            "expected lesions (label 1), received 0 alone",
            "expected lesions (label 1), received 0, 2 alone",
            "received 0, 255; write lesions as 1 and all else as 0",
            "f.nii.gz",
        ),
        strict=True,
    ):
        assert str(folder / f"{name}.nii.gz") in line
        assert words in line


def test_names_as_in_bids_tell_whose_masks_they_are(folder):
    (folder / "a.nii.gz").rename(folder / "sub-17_label-WMH_mask.nii.gz")
    assert find_lesion_masks(str(folder)).subjects == {"17"}


def test_nobody_validates_whose_lesions_are_painted(folder, small_data):
    training = small_data.select("train")
    validation = small_data.select("validation")
    masks = find_lesion_masks(str(folder))
    check_lesion_masks(masks, training, validation)
    check_lesion_masks(None, training, validation)
    name = f"sub-{validation[0].subject_id}_mask.nii.gz"
    (folder / "a.nii.gz").rename(folder / name)
    masks = find_lesion_masks(str(folder))
    with pytest.raises(UserError, match="1 subjects to validate on: "):
        check_lesion_masks(masks, training, validation)


def test_volumes_of_other_lengths_cannot_lie_on_the_grid(folder, small_data):
    longer = [
        dataclasses.replace(record, num_slices=7)
        for record in small_data.select("train")
    ]
    masks = find_lesion_masks(str(folder))
    with pytest.raises(UserError, match=r"none of the 3 volumes .* 6 slices"):
        check_lesion_masks(masks, longer, ())
    check_lesion_masks(masks, [*longer, *small_data.select("test")], ())


def test_patients_whose_lesions_are_painted_are_seen(folder, small_data):
    records = small_data.select("train"), small_data.select("validation")
    (folder / "a.nii.gz").rename(folder / "sub-17_mask.nii.gz")
    info = model_info(
        TrainingConfig(),
        small_data,
        {},
        *records,
        find_lesion_masks(str(folder)),
    )
    assert subject_digest("17") not in info.fitted_subjects
    plain = model_info(TrainingConfig(), small_data, {}, *records)
    assert {*info.seen_subjects} - {*plain.seen_subjects} == {
        subject_digest("17")
    }


def test_masks_on_no_volumes_grid_are_refused(folder, small_data, tmp_path):
    for path in folder.glob("*.nii.gz"):
        change(path, shift=1)
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
    # Of 64 patches; some show no tissue.
    assert brighter > 40


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
    for painted in (0, 0.5):
        with pytest.raises(UsageError, match="only with 2-D patches"):
            TrainingConfig(
                patch_size=(4, 8, 8),
                painted_lesions=painted,
                lesion_masks="masks",
            )
    with pytest.raises(UsageError, match="only with --patch_size"):
        TrainingConfig(lesion_masks="masks")
    with pytest.raises(UsageError, match="only with --patch_size"):
        TrainingConfig(painted_lesions=0.5, lesion_masks="masks")
