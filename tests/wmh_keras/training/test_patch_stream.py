import collections
import dataclasses
import functools
import itertools

import keras
import numpy as np
import pytest

from data_prep import prepare
from data_prep.errors import UsageError
from data_prep.files import write_csv
from data_prep.nifti_writing import write_image, write_mask
from data_prep.phantom import PhantomConfig, make_phantom
from wmh_keras.datasets import open_prepared_data
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import patch_changes, patch_stream
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.patch_changes import PatchChanges
from wmh_keras.training.patch_store import open_patch_store
from wmh_keras.training.patch_stream import PatchStream
from wmh_keras.training.streams import training_stream
from wmh_keras.training.thick_slices import ThickSlices

ALL = AugmentationConfig(
    vertical_flip=0.5,
    horizontal_flip=0.5,
    rotation_degrees=20,
    contrast=0.1,
    scaling=0.1,
    translation=0.1,
    noise_std=0.1,
)
SIZES = [(8, 12), (4, 8, 12)]


@pytest.fixture(scope="module")
def make_stream(small_data, tmp_path_factory):
    records = small_data.select("train")
    folder = tmp_path_factory.mktemp("stream") / "patches"
    store = open_patch_store(folder, small_data, records, "key")

    def make(size=(8, 12), **changes):
        defaults = {
            "store": store,
            "records": records,
            "patch_size": size,
            "global_batch_size": 4,
            "seed": 3,
            "lesion_patches": 0.5,
            "patch_shift": 0.25,
            "augmentation": AugmentationConfig(),
        }
        return PatchStream(**{**defaults, **changes})

    return make


def arrays(stream, first, last):
    return [
        (image.numpy(), mask.numpy())
        for image, mask in stream.batches(first, last)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("augmentation", [AugmentationConfig(), ALL])
def test_batches_are_what_the_network_takes(make_stream, size, augmentation):
    stream = make_stream(size, augmentation=augmentation)
    dataset = stream.batches(0, 1)
    image, mask = (spec.shape for spec in dataset.element_spec)
    assert image == mask == (4, *size, 1)
    ((image, mask),) = arrays(stream, 0, 1)
    assert image.shape == mask.shape == (4, *size, 1)
    assert image.dtype == mask.dtype == np.float32
    assert set(np.unique(mask)) <= {0, 1, 2}


@pytest.mark.parametrize("size", SIZES)
def test_patches_are_what_the_store_holds_at_their_place(make_stream, size):
    stream = make_stream(size)
    shape = (1,) * (3 - len(size)) + size
    for step, (images, masks) in enumerate(arrays(stream, 0, 3)):
        for index in range(4):
            volume, start = stream.place(4 * step + index)
            image, mask = stream.store.read(volume, start, shape)
            np.testing.assert_array_equal(
                images[index], image.reshape(images[index].shape)
            )
            np.testing.assert_array_equal(
                masks[index].ravel(), mask.ravel().astype(np.float32)
            )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("first", [1, 5, 9])
def test_going_on_gives_the_same_batches_as_an_unbroken_stream(
    make_stream, size, first
):
    stream = make_stream(size, augmentation=ALL)
    unbroken = itertools.islice(arrays(stream, 0, 10), first, None)
    pairs = zip(unbroken, arrays(stream, first, 10), strict=True)
    for (x, y), (x2, y2) in pairs:
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


def test_the_seed_decides_places_and_augmentation(make_stream):
    one, again, other = (
        arrays(make_stream(augmentation=ALL, seed=seed), 0, 2)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one[1][0], again[1][0])
    assert not np.array_equal(one[1][0], other[1][0])


def test_every_volume_gives_as_many_patches(make_stream):
    stream = make_stream()
    volumes = [stream.place(number)[0] for number in range(30)]
    rounds = [tuple(volumes[i : i + 3]) for i in range(0, 30, 3)]
    assert all(set(volumes) == {0, 1, 2} for volumes in rounds)
    assert len(set(rounds)) > 1


@pytest.mark.parametrize("size", [(8, 8), (2, 8, 8)])
@pytest.mark.parametrize(("shift", "reach"), [(0.0, 0), (0.25, 2), (0.5, 4)])
def test_lesion_patches_hold_their_voxel_as_far_off_as_allowed(
    make_stream, size, shift, reach
):
    stream = make_stream(size, lesion_patches=1.0, patch_shift=shift)
    depth = 1 if len(size) == 2 else 2
    seen = collections.Counter()
    for number in range(300):
        volume, start = stream.place(number)
        # The voxel, if the patch had it in the middle.
        _, mask = stream.store.read(volume, start, (depth, 8, 8))
        around = mask[:, 4 - reach : 4 + reach + 1, 4 - reach : 4 + reach + 1]
        assert (around == 1).any()
        if reach == 0:
            assert mask[depth // 2, 4, 4] == 1
        seen[start] += 1
    assert len(seen) > 30


def test_uniform_patches_lie_within_the_volume_and_reach_its_borders(
    make_stream,
):
    stream = make_stream((4, 8, 12), lesion_patches=0.0)
    starts = np.array([stream.place(number)[1] for number in range(600)])
    np.testing.assert_array_equal(starts.min(axis=0), [0, 0, 0])
    np.testing.assert_array_equal(starts.max(axis=0), [2, 24, 20])


def test_a_volume_thinner_than_the_patch_lies_anywhere_in_it(make_stream):
    stream = make_stream((9, 8, 8), lesion_patches=0.0)
    starts = [stream.place(number)[1][0] for number in range(100)]
    assert set(starts) == {-3, -2, -1, 0}
    ((image, _),) = arrays(stream, 0, 1)
    assert image.shape == (4, 9, 8, 8, 1)


def test_the_share_of_lesion_patches_is_kept(make_stream):
    stream = make_stream((8, 8), lesion_patches=0.3, patch_shift=0.0)
    centred = []
    for number in range(1000):
        volume, start = stream.place(number)
        _, mask = stream.store.read(volume, start, (1, 8, 8))
        centred.append(mask[0, 4, 4] == 1)
    # Of the others few are centred on a lesion voxel by chance.
    assert 0.26 < np.mean(centred) < 0.4


def test_volumes_without_a_lesion_give_patches_from_anywhere(make_stream):
    stream = make_stream((8, 8), lesion_patches=1.0)
    bare = tuple(
        dataclasses.replace(place, num_lesion_voxels=0)
        for place in stream.store.places
    )
    store = dataclasses.replace(stream.store, places=bare)
    bare_stream = dataclasses.replace(stream, store=store)
    assert len({bare_stream.place(n)[1] for n in range(50)}) > 40


@pytest.fixture(scope="module")
def half_labelled(tmp_path_factory):
    """Two heads, of which one has no manual mask: labels 0 and 2 alone."""
    folder = tmp_path_factory.mktemp("partial")
    config = PhantomConfig(shape=(26, 30, 6), spacing_mm=(6.6, 6.6, 20.0))
    rows = []
    for seed, subject in enumerate(("manual", "partial")):
        image, mask = make_phantom(dataclasses.replace(config, seed=seed))
        labels = np.asarray(mask.data)
        if subject == "partial":
            labels = np.where(labels > 0, 2, 0).astype(np.uint8)
        row = {"subject_id": subject, "split": "train"}
        row["flair"] = folder / f"{subject}_FLAIR.nii.gz"
        row["mask"] = folder / f"{subject}_mask.nii.gz"
        write_image(row["flair"], image.data, image)
        write_mask(row["mask"], labels, mask)
        rows.append(row)
    write_csv(folder / "cases.csv", tuple(rows[0]), rows)
    flags = [f"--input={folder / 'cases.csv'}", f"--data_dir={folder / 'data'}"]
    assert prepare.cli(["wmh-prepare", *flags, "--side=32"]) == 0
    return open_prepared_data(folder / "data")


@pytest.mark.parametrize("painted", [0.0, 1.0])
def test_a_volume_without_a_manual_mask_can_be_fitted(
    half_labelled, tmp_path, painted
):
    """It gives patches from anywhere, and nothing in it is a lesion."""
    records = half_labelled.select("train")
    assert [record.num_lesions == 0 for record in records] == [False, True]
    store = open_patch_store(tmp_path / "p", half_labelled, records, "key")
    partial = store.places[1]
    assert partial.num_lesion_voxels == 0 < store.places[0].num_lesion_voxels
    assert partial.levels.lesion_contrast == 2 * partial.levels.spread > 0
    _, labels = store.read(1, (0, 0, 0), (6, 32, 32))
    assert set(np.unique(labels)) == {0, 2}
    stream = PatchStream(
        store=store,
        records=records,
        patch_size=(16, 16),
        global_batch_size=4,
        seed=3,
        lesion_patches=1.0,
        patch_shift=0.25,
        augmentation=AugmentationConfig(),
        changes=PatchChanges(painted_lesions=painted),
    )
    places = [stream.place(number) for number in range(400)]
    starts = np.array([start for volume, start in places if volume == 1])
    assert len(starts) == 200
    np.testing.assert_array_equal(starts.min(axis=0), [0, 0, 0])
    np.testing.assert_array_equal(starts.max(axis=0), [5, 16, 16])
    for step, (images, masks) in enumerate(arrays(stream, 0, 10)):
        assert np.isfinite(images).all()
        for index, mask in enumerate(masks[..., 0]):
            volume, start = stream.place(4 * step + index)
            if volume == 1:
                _, stored = store.read(1, start, (1, 16, 16))
                # Painting labels what had no label, and nothing else.
                labelled = stored[0] > 0
                np.testing.assert_array_equal(mask[labelled], 2)
                assert painted or not (mask == 1).any()


def test_a_pass_has_about_the_voxels_of_all_volumes(make_stream):
    # 18 slices of 32 × 32 are 192 patches of 8 × 12.
    assert make_stream().batches_per_pass == 192 // 4
    assert make_stream((6, 32, 32), global_batch_size=9).batches_per_pass == 1
    assert make_stream().batches(3, 10).cardinality() == 7


@pytest.mark.parametrize("size", [(16, 16), (4, 16, 16)])
def test_a_turned_patch_shows_what_lies_beside_it(make_stream, size):
    """No corner is empty where the volume goes on."""
    stream = make_stream(
        size,
        lesion_patches=0.0,
        augmentation=AugmentationConfig(
            rotation_degrees=45, scaling=0.2, translation=0.1
        ),
    )

    class Ones:
        def read(self, volume, start, shape):
            del volume, start
            return np.ones((*shape, 1), np.float16), np.ones(shape, np.uint8)

        def __getattr__(self, name):
            return getattr(stream.store, name)

    ones = dataclasses.replace(stream, store=Ones())
    for image, mask in arrays(ones, 0, 4):
        np.testing.assert_allclose(image, 1, atol=1e-4)
        np.testing.assert_array_equal(mask, 1)


def test_a_translation_is_a_share_of_the_patch_along_every_axis(
    make_stream, monkeypatch
):
    moved = []

    def note(image, mask, seed, config):
        shares = (config.translation_z, config.translation, config.translation)
        moved.append([n * s for n, s in zip(image.shape[1:4], shares)])
        return image, mask

    monkeypatch.setattr(patch_stream, "augment_3d", note)
    arrays(make_stream((4, 8, 8), augmentation=ALL), 0, 1)
    # A batch is changed in chunks.
    np.testing.assert_allclose(moved, [[0.4, 0.8, 0.8]] * len(moved))
    assert moved


def test_a_thick_patch_is_the_mean_of_slices_around_its_own(make_stream):
    stream = make_stream(lesion_patches=0.0)
    spacing = stream.store.places[0].slice_spacing_mm
    thick = dataclasses.replace(
        stream,
        changes=PatchChanges(ThickSlices(1.0, 3 * spacing, 3 * spacing)),
    )
    firsts = set()
    for step, (images, masks) in enumerate(arrays(thick, 0, 6)):
        for index in range(4):
            volume, (z, *rest) = stream.place(4 * step + index)
            whole, labels = stream.store.read(volume, (0, *rest), (6, 8, 12))
            found = [
                first
                for first in range(max(z - 2, 0), min(z, 3) + 1)
                if np.allclose(
                    images[index],
                    whole[first : first + 3].astype(np.float32).mean(axis=0),
                )
            ]
            assert found
            majority = np.sum(labels[found[0] : found[0] + 3] == 1, axis=0) > 1
            np.testing.assert_array_equal(masks[index, ..., 0] == 1, majority)
            firsts.add(found[0] - z)
    assert firsts >= {-2, -1, 0}


def test_no_volume_is_thickened_beyond_its_slices(make_stream):
    stream = make_stream(changes=PatchChanges(ThickSlices(1.0, 1e6, 1e6)))
    ((image, _),) = arrays(stream, 0, 1)
    assert np.isfinite(image).all()


class Stripped:
    """A store whose even volumes are discs in air; the others have a skull."""

    def __init__(self, store):
        self.side, self.channels = 256, 1
        self.places = tuple(
            dataclasses.replace(
                place,
                fill=(-4.0,),
                num_lesion_voxels=0,
                is_stripped=number % 2 == 0,
            )
            for number, place in enumerate(store.places)
        )

    def read(self, volume, start, shape):
        rng = np.random.default_rng((volume, *np.abs(start)))
        _, y, x = np.ogrid[tuple(slice(n) for n in shape)]
        radius = np.hypot(y - shape[1] / 2, x - shape[2] / 2)
        image = np.where(radius < 9, rng.normal(size=shape), -4.0)
        mask = np.broadcast_to(radius < 3, shape).astype(np.uint8)
        return image[..., None].astype(np.float16), mask


@pytest.fixture
def make_stripped(make_stream):
    stream = make_stream((60, 64))
    stream = dataclasses.replace(stream, store=Stripped(stream.store))
    return functools.partial(dataclasses.replace, stream)


def test_heads_are_drawn_around_the_asked_share_of_stripped_brains(
    make_stripped,
):
    plain = arrays(make_stripped(), 0, 30)
    heads = arrays(
        make_stripped(changes=PatchChanges(synthetic_head=0.5)), 0, 30
    )
    changed = []
    for step, ((x, y), (x2, y2)) in enumerate(zip(plain, heads, strict=True)):
        np.testing.assert_array_equal(y, y2)
        brain = x > -3.99
        np.testing.assert_array_equal(x[brain], x2[brain])
        for index in range(4):
            volume, _ = make_stripped().place(4 * step + index)
            differs = not np.array_equal(x[index], x2[index])
            if volume % 2 == 0:
                changed.append(differs)
            else:
                assert not differs
    assert len(changed) == 80
    assert 0.3 < np.mean(changed) < 0.7


@pytest.mark.parametrize("augmentation", [AugmentationConfig(), ALL])
@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_heads_are_a_function_of_the_number(
    make_stripped, augmentation, augment_on
):
    stream = make_stripped(
        changes=PatchChanges(synthetic_head=0.7),
        augmentation=augmentation,
        augment_on=augment_on,
    )
    unbroken = itertools.islice(stream.batches(0, 6), 3, None)
    pairs = zip(unbroken, stream.batches(3, 6), strict=True)
    for one, again in pairs:
        np.testing.assert_array_equal(one[0], again[0])
        np.testing.assert_array_equal(one[1], again[1])


def test_heads_are_drawn_after_slices_were_thickened(make_stripped):
    thick = ThickSlices(1.0, 60, 60)
    plain, heads = (
        arrays(make_stripped(changes=PatchChanges(thick, share)), 0, 1)[0][0]
        for share in (0.0, 1.0)
    )
    brain = plain > -3.99
    np.testing.assert_array_equal(plain[brain], heads[brain])
    assert not np.array_equal(plain, heads)


def test_heads_need_a_constant_background(small_data, tmp_path):
    config = TrainingConfig(
        workdir=str(tmp_path), patch_size=(8, 8), synthetic_head=0.5
    )
    with pytest.raises(UsageError, match=r"--synthetic_head: .*=zero"):
        training_stream(small_data, [], config, "", None)


def test_flips_alone_read_no_margin(make_stream):
    stream = make_stream(
        augmentation=AugmentationConfig(horizontal_flip=1.0), patch_shift=0.0
    )
    plain = make_stream(patch_shift=0.0)
    ((image, mask),) = arrays(stream, 0, 1)
    ((image2, mask2),) = arrays(plain, 0, 1)
    np.testing.assert_array_equal(image, image2[:, :, ::-1])
    np.testing.assert_array_equal(mask, mask2[:, :, ::-1])


def test_the_device_gets_the_same_patches_and_changes(make_stream):
    config = dataclasses.replace(ALL, noise_std=0.0)
    host = make_stream(augmentation=config)
    device = dataclasses.replace(host, augment_on="device")
    assert host.device_augmentation is None
    pairs = zip(host.batches(1, 4), device.batches(1, 4), strict=True)
    for (image, mask), batch in pairs:
        batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
        new_image, new_mask = device.device_augmentation.apply(*batch)
        assert new_image.shape == new_mask.shape == (4, 8, 12, 1)
        np.testing.assert_allclose(new_image, image, atol=1e-4)
        np.testing.assert_array_equal(new_mask, mask)


def test_the_share_of_patches_is_painted_before_they_are_thickened(
    make_stream, monkeypatch
):
    calls = []

    def note(image, mask, levels, first_slice, spacing_mm, draw):
        calls.append((image.shape, levels, first_slice, spacing_mm))
        draw.random()
        return image.astype(np.float32) + 1, mask

    monkeypatch.setattr(patch_changes, "paint_lesions", note)
    plain = make_stream(changes=PatchChanges(ThickSlices(0.5, 60, 60)))
    place = plain.store.places[0]
    painted = dataclasses.replace(
        plain,
        changes=dataclasses.replace(plain.changes, painted_lesions=0.5),
    )
    changes = [
        image2 - image
        for (image, _), (image2, _) in zip(
            arrays(plain, 0, 25), arrays(painted, 0, 25), strict=True
        )
    ]
    changes = np.concatenate(changes).mean(axis=(1, 2, 3))
    assert np.all(np.isclose(changes, 0) | np.isclose(changes, 1, atol=1e-3))
    assert 0.35 < np.mean(changes) < 0.65
    assert len(calls) == np.sum(changes > 0.5)
    assert {shape for shape, *_ in calls} == {(1, 8, 12, 1), (3, 8, 12, 1)}
    assert {levels for _, levels, *_ in calls} == {
        place.levels for place in plain.store.places
    }
    assert {spacing for *_, spacing in calls} == {
        (place.slice_spacing_mm, place.pixel_mm)
    }


def test_a_painted_stream_goes_on_as_if_unbroken(make_stream):
    stream = make_stream((32, 32), changes=PatchChanges(painted_lesions=1.0))
    (_, second), (again,) = arrays(stream, 0, 2), arrays(stream, 1, 2)
    np.testing.assert_array_equal(second[0], again[0])
    np.testing.assert_array_equal(second[1], again[1])


def test_3d_patches_are_never_painted(make_stream):
    plain = arrays(make_stream((4, 8, 8)), 0, 2)
    painted = arrays(
        make_stream((4, 8, 8), changes=PatchChanges(painted_lesions=1.0)), 0, 2
    )
    np.testing.assert_array_equal(plain[1][0], painted[1][0])


def test_a_training_can_take_as_many_patches_of_every_site(
    small_data, tmp_path
):
    records = small_data.select("train")
    config = TrainingConfig(
        workdir=str(tmp_path), patch_size=(8, 8), sample_evenly="sites"
    )
    stream = training_stream(small_data, records, config, "key", ProcessGroup())
    stream = dataclasses.replace(
        stream,
        records=[
            dataclasses.replace(record, site="few" if place == 0 else "many")
            for place, record in enumerate(records)
        ][::-1],
    )
    volumes = collections.Counter(
        stream.place(number)[0] for number in range(40)
    )
    assert volumes == {0: 20, 1: 10, 2: 10}
