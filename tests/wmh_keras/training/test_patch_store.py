import json
from types import SimpleNamespace

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.phantom import PhantomConfig, make_phantom
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.training import patch_preparation, patch_store
from wmh_keras.training.patch_store import open_patch_store

KEY = "fingerprint"


@pytest.fixture(scope="module")
def records(small_data):
    return small_data.select("train")


@pytest.fixture(scope="module")
def store(small_data, records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "patches"
    return open_patch_store(folder, small_data, records, KEY)


def test_it_holds_the_very_slices_that_a_2d_training_sees(
    store, small_data, records
):
    first = [place.volume_id for place in store.places]
    assert first == [record.volume_id for record in records]
    for slice_ in small_data.slices(records):
        volume = first.index(slice_["volume_id"].numpy().decode())
        z = int(slice_["slice_index"])
        image, mask = store.read(volume, (z, 0, 0), (1, 32, 32))
        np.testing.assert_array_equal(image[0], slice_["image"])
        np.testing.assert_array_equal(mask[0], slice_["mask"])
    assert store.num_voxels == 3 * 6 * 32 * 32


def test_lesion_voxels_are_all_those_of_label_1(store):
    for volume, place in enumerate(store.places):
        _, mask = store.read(volume, (0, 0, 0), (6, 32, 32))
        found = {
            store.lesion_voxel(volume, number)
            for number in range(place.num_lesion_voxels)
        }
        assert found == set(map(tuple, np.argwhere(mask == 1).tolist()))
        assert found


def test_places_tell_the_size_of_a_pixel_and_the_levels(store):
    for volume, place in enumerate(store.places):
        # 30 rows of 6.6 mm became 32.
        assert place.pixel_mm == pytest.approx(6.6 * 30 / 32)
        image, mask = store.read(volume, (0, 0, 0), (6, 32, 32))
        levels = place.levels
        lesions = image[..., 0][mask == 1].astype(np.float32)
        if lesions.size >= 30:
            contrast = max(lesions.mean() - levels.median, levels.spread)
            assert levels.lesion_contrast == pytest.approx(contrast, abs=0.01)
        assert levels.spread > 0


def test_a_patch_beyond_the_border_is_padded_never_moved(store):
    whole, labels = store.read(1, (0, 0, 0), (6, 32, 32))
    image, mask = store.read(1, (-1, -2, 20), (9, 40, 16))
    assert image.shape == (9, 40, 16, 1)
    assert image.dtype == np.float16
    np.testing.assert_array_equal(
        image, np.pad(whole[:, :, 20:], ((1, 2), (2, 6), (0, 4), (0, 0)))
    )
    np.testing.assert_array_equal(
        mask, np.pad(labels[:, :, 20:], ((1, 2), (2, 6), (0, 4)))
    )


@pytest.mark.parametrize("start", [(0, -40, 0), (9, 0, 0), (0, 0, 32)])
def test_a_patch_outside_altogether_is_all_padding(store, start):
    image, mask = store.read(0, start, (2, 8, 8))
    assert not image.any()
    assert not mask.any()


def test_the_padding_is_the_background_where_the_rule_says_so(store):
    class Prepared:
        slices = np.full((2, 4, 4, 2), (-1.5, 3.0), np.float32)

    Prepared.slices[:, 1:3, 1:3] = 100
    assert patch_preparation._fill(Prepared, "background") == (-1.5, 3.0)
    assert patch_preparation._fill(Prepared, "zero") == (0.0, 0.0)


@pytest.mark.parametrize("padding", ["background", "zero"])
def test_it_knows_what_was_skull_stripped(tmp_path, padding):
    """Known where all that lies outside the brain looks alike."""
    config = PhantomConfig(shape=(64, 72, 4), spacing_mm=(3.0, 3.0, 20.0))
    head, mask = make_phantom(config)
    y, x = np.ogrid[:64, :72]
    brain = ((y - 31.5) / 16) ** 2 + ((x - 35.5) / 21) ** 2 < 1
    stripped = head.with_data(head.data * brain[..., None])
    stored = [
        SimpleNamespace(
            images=(image,), mask=mask, record=SimpleNamespace(volume_id=name)
        )
        for name, image in (("head", head), ("stripped", stripped))
    ]
    data = SimpleNamespace(
        preprocess_config=PreprocessConfig(
            side=72, padding=padding, normalization="robust_zscore"
        ),
        read_volumes=lambda records: stored,
    )
    places = patch_preparation.write_volumes(tmp_path, data, stored)
    found = {place.volume_id: place.is_stripped for place in places}
    assert found == {"head": False, "stripped": padding == "background"}


def test_the_same_data_is_prepared_once(
    store, small_data, records, monkeypatch
):
    def fail(*arguments):
        raise AssertionError("prepared again")

    monkeypatch.setattr(patch_store, "write_volumes", fail)
    again = open_patch_store(store.folder, small_data, records, KEY)
    assert again.places == store.places


def test_other_data_or_a_damaged_store_is_prepared_anew(
    small_data, records, tmp_path
):
    folder = tmp_path / "patches"
    open_patch_store(folder, small_data, records[:1], "one")
    two = open_patch_store(folder, small_data, records[:2], "two")
    assert len(two.places) == 2
    images = folder / "images.bin"
    whole = images.read_bytes()
    images.write_bytes(whole[:-2])
    open_patch_store(folder, small_data, records[:2], "two")
    assert images.read_bytes() == whole
    masks = folder / "masks.bin"
    labels = masks.read_bytes()
    masks.write_bytes(bytes(len(labels)))  # as after a crash of the machine
    open_patch_store(folder, small_data, records[:2], "two")
    assert masks.read_bytes() == labels
    (folder / "index.json").write_text(json.dumps({"format": 1}))
    again = open_patch_store(folder, small_data, records[:2], "two")
    assert again.places == two.places
    assert [p.name for p in tmp_path.iterdir()] == ["patches"]


def test_no_lesion_anywhere_is_no_obstacle(
    small_data, records, tmp_path, monkeypatch
):
    monkeypatch.setattr(patch_preparation, "WMH", 9)
    store = open_patch_store(tmp_path / "p", small_data, records[:1], KEY)
    assert store.places[0].num_lesion_voxels == 0


def test_a_full_disk_is_told_of_beforehand(
    small_data, records, tmp_path, monkeypatch
):
    class Usage:
        free = 1000

    monkeypatch.setattr(
        patch_preparation.shutil, "disk_usage", lambda folder: Usage
    )
    with pytest.raises(UserError, match=r"needs .* GB there"):
        open_patch_store(tmp_path / "p", small_data, records, KEY)
    assert not list(tmp_path.iterdir())
