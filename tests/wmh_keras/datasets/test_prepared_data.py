"""Reading prepared data folders."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data_prep.cases.case import Case
from data_prep.checks import check_case
from data_prep.dataset.case_records import SortedChecks
from data_prep.dataset.data_folder import build_data_folder
from data_prep.dataset.plan import PreparationPlan
from data_prep.dataset.side_files import write_side_files
from data_prep.errors import UserError
from data_prep.nifti import read_mask, read_volume
from data_prep.nifti_writing import write_image, write_mask
from data_prep.preprocess import PreprocessConfig, volume_to_slices
from data_prep.volume import Volume
from wmh_keras.datasets import StoredVolume, open_prepared_data

SUBJECTS = {"a": "train", "b": "train", "c": "validation", "d": "test"}
NUM_SLICES = {"a": 5, "b": 3, "c": 4, "d": 2, "e": 3}


def write_case(folder: Path, subject: str, session: str, mask: bool) -> Case:
    random = np.random.default_rng(ord(subject) + len(session))
    affine = np.diag([-2.0, 2.5, 6.0, 1.0])
    affine[:3, :3] += 0.01 * random.normal(size=(3, 3))
    affine[:3, 3] = random.normal(size=3) / 3
    shape = (17, 19, NUM_SLICES[subject])
    data = random.normal(100, 20, shape).astype(np.float32)
    # A qform of its own and odd codes have to come back, too.
    grid = Volume(
        data, affine, "mm", 4, 1, qform=np.diag([-2.0, 2.5, 6.0, 1.0])
    )
    stem = f"{subject}{session}"
    write_image(folder / f"{stem}.nii.gz", data, grid)
    if mask:
        labels = random.integers(0, 3, shape).astype(np.uint8)
        write_mask(folder / f"{stem}_mask.nii.gz", labels, grid)
    return Case(
        subject,
        (("flair", str(folder / f"{stem}.nii.gz")),),
        session=session,
        site="north",
        mask=str(folder / f"{stem}_mask.nii.gz") if mask else None,
        age="70",
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("images")
    made = [write_case(folder, name, "", True) for name in SUBJECTS]
    made += [write_case(folder, "a", "2", True)]
    made += [write_case(folder, name, "x", False) for name in ("d", "e")]
    return {case.volume_id: case for case in made}


@pytest.fixture(scope="module")
def data_dir(cases, tmp_path_factory) -> Path:
    from tfds_wmh.writing import write_datasets

    plan = PreparationPlan.of(
        cases.values(), SUBJECTS, PreprocessConfig(side=24)
    )
    parts = SortedChecks(
        tuple((case, check_case(case)) for case in cases.values()),
        ((Case("gone", (("flair", ""),)), "excluded", "moved"),),
    )
    data_dir = tmp_path_factory.mktemp("data")
    with build_data_folder(data_dir) as folder:
        summaries = write_datasets(plan, folder, num_workers=2)
        write_side_files(
            folder, plan, parts, summaries, "abc", choices={}, times={}
        )
    return data_dir


@pytest.fixture
def data(data_dir):
    return open_prepared_data(data_dir)


def ids(records) -> list[str]:
    return [record.volume_id for record in records]


def test_the_folder_says_what_it_holds(data):
    assert data.identity == "abc"
    assert data.preprocess_config == PreprocessConfig(side=24)
    assert data.split_names == ("train", "validation", "test", "unlabelled")
    assert ids(data.volumes()) == [
        "sub-a",
        "sub-a_ses-2",
        "sub-b",
        "sub-c",
        "sub-d",
        "sub-d_ses-x",
        "sub-e_ses-x",
    ]
    record = data.volumes()[1]
    assert (record.subject_id, record.session, record.run) == ("a", "2", "")
    assert (record.site, record.split, record.age) == ("north", "train", "70")
    assert (record.num_slices, record.has_mask) == (5, True)
    assert not data.volumes()[-1].has_mask


def test_selecting_by_split_and_subject(data):
    assert ids(data.select("validation")) == ["sub-c"]
    assert ids(data.select("test+validation")) == ["sub-c", "sub-d"]
    assert ids(data.select(subjects=["d", "a"])) == [
        "sub-a",
        "sub-a_ses-2",
        "sub-d",
    ]
    assert ids(data.select("train", ["b"])) == ["sub-b"]
    # Without a word about it, nothing comes without a reference.
    assert len(data.select()) == 5
    assert ids(data.select("unlabelled")) == ["sub-d_ses-x", "sub-e_ses-x"]


@pytest.mark.parametrize(
    ("split", "subjects", "message"),
    [
        ("tset", None, "'tset'"),
        ("train+", None, "''"),
        (None, ["a", "nobody"], "nobody"),
        (None, ["e"], "with a reference of 1 subjects: e"),
        ("test", ["a"], "in split test"),
        (None, [], "no volumes"),
    ],
)
def test_wrong_selections_are_explained(data, split, subjects, message):
    with pytest.raises(UserError, match=message):
        data.select(split, subjects)


def test_volumes_come_back_bit_for_bit(data, cases):
    # In any order, an order of its own comes out.
    stored = list(data.read_volumes(data.volumes()[::-1]))
    assert ids(item.record for item in stored) == ids(data.volumes())
    for item in stored:
        assert isinstance(item, StoredVolume)
        case = cases[item.record.volume_id]
        assert_same(item.images[0], read_volume(case.flair))
        if case.mask is None:
            assert item.mask is None
        else:
            assert_same(item.mask, read_mask(case.mask))


def assert_same(volume: Volume, expected: Volume) -> None:
    assert volume.data.dtype == expected.data.dtype
    assert volume.data.flags.writeable
    assert volume.data.flags.c_contiguous
    np.testing.assert_array_equal(volume.data, expected.data)
    np.testing.assert_array_equal(volume.affine, expected.affine)
    np.testing.assert_array_equal(volume.qform, expected.qform)
    assert volume.qform is not None
    for name in ("space_unit", "sform_code", "qform_code"):
        assert getattr(volume, name) == getattr(expected, name)


def test_some_volumes_only(data):
    chosen = data.select(subjects=["b", "d"])
    read = [item.record for item in data.read_volumes(chosen)]
    assert read == chosen


def test_volumes_that_are_not_chosen_are_not_read(data_dir, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    data = open_prepared_data(copy)
    (path,) = copy.glob("tfds_wmh/volumes/1.0.0/*train.tfrecord*")
    content = bytearray(path.read_bytes())
    # The volumes lie in the order of their names, arrays in the middle.
    content[12 + int.from_bytes(content[:8], "little") // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        list(data.read_volumes(data.select("train")))
    chosen = [r for r in data.select("train") if r.volume_id != "sub-a"]
    read = [item.record for item in data.read_volumes(chosen)]
    assert ids(read) == ["sub-a_ses-2", "sub-b"]


def test_slices_are_those_of_the_one_door(data, cases):
    chosen = data.select(subjects=["a", "c"])
    assert data.count_slices(chosen) == 14
    dataset = data.slices(chosen)
    assert dataset.cardinality() == 14
    spec = dataset.element_spec
    assert spec["image"] == tf.TensorSpec((24, 24, 1), tf.float16)
    assert spec["mask"] == tf.TensorSpec((24, 24), tf.uint8)
    seen = set()
    for element in dataset.as_numpy_iterator():
        case = cases[element["volume_id"].decode()]
        prepared = volume_to_slices(
            [read_volume(case.flair)],
            data.preprocess_config,
            read_mask(case.mask),
        )
        index = int(element["slice_index"])
        np.testing.assert_array_equal(
            element["image"], prepared.slices[index].astype(np.float16)
        )
        np.testing.assert_array_equal(element["mask"], prepared.mask[index])
        seen.add((case.volume_id, index))
    assert len(seen) == 14


def keys_of(dataset) -> list[tuple[bytes, int]]:
    return [
        (element["volume_id"], int(element["slice_index"]))
        for element in dataset.as_numpy_iterator()
    ]


def test_order_is_the_same_every_time(data, data_dir):
    chosen = data.select("train+test")
    first = keys_of(data.slices(chosen))
    assert keys_of(data.slices(chosen)) == first
    again = open_prepared_data(data_dir)
    assert keys_of(again.slices(chosen[::-1])) == first


def test_files_are_permuted_by_a_seed_that_may_be_a_tensor(data):
    chosen = data.select("train+test+validation")

    def epoch(number):
        return data.encoded_slices(chosen, tf.stack([7, number]))

    epochs = tf.data.Dataset.range(4).flat_map(
        lambda number: epoch(tf.cast(number, tf.int32))
    )
    keys = keys_of(epochs)
    count = data.count_slices(chosen)
    by_epoch = [keys[i * count : (i + 1) * count] for i in range(4)]
    assert keys_of(data.encoded_slices(chosen, [7, 2])) == by_epoch[2]
    assert all(sorted(one) == sorted(by_epoch[0]) for one in by_epoch)
    assert len({tuple(one) for one in by_epoch}) > 1


def test_encoded_slices_decode_to_the_same(data):
    chosen = data.select("validation")
    encoded = data.encoded_slices(chosen)
    assert encoded.element_spec["image"] == tf.TensorSpec((), tf.string)
    for a, b in zip(
        encoded.map(data.decode_slice), data.slices(chosen), strict=True
    ):
        for name in a:
            np.testing.assert_array_equal(a[name].numpy(), b[name].numpy())


def test_slices_without_a_reference_are_refused(data):
    with pytest.raises(UserError, match="sub-d_ses-x has no reference"):
        data.slices(data.select("unlabelled"))


def test_no_records_are_refused(data):
    with pytest.raises(UserError, match="no volumes"):
        next(data.read_volumes([]))


def test_no_data_is_explained(tmp_path):
    with pytest.raises(UserError, match="wmh-prepare"):
        open_prepared_data(tmp_path)
    with pytest.raises(UserError, match="wmh-prepare"):
        open_prepared_data(tmp_path / "nowhere")


def test_a_changed_list_is_refused(data_dir, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    cases = copy / "cases.csv"
    cases.write_text(cases.read_text().replace("validation", "test"))
    with pytest.raises(UserError, match="was changed"):
        open_prepared_data(copy)


def test_a_missing_or_damaged_file_is_named(data_dir, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    data = open_prepared_data(copy)
    records = next(copy.glob("tfds_wmh/volumes/1.0.0/*train.tfrecord*"))
    whole = records.read_bytes()
    records.write_bytes(whole[:-100])
    with pytest.raises(UserError, match="damaged"):
        list(data.read_volumes(data.select("train")))
    with pytest.raises(UserError, match="damaged"):
        list(data.read_volumes(data.select("train", ["a"])))
    records.unlink()
    for subjects in (None, ["a"]):
        with pytest.raises(UserError, match="damaged"):
            list(data.read_volumes(data.select("train", subjects)))


def test_a_damaged_description_of_the_data_is_named(data_dir, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    description = copy / "tfds_wmh/slices/1.0.0/dataset_info.json"
    description.write_text(description.read_text()[:-40])
    data = open_prepared_data(copy)
    with pytest.raises(UserError, match=r"slices.*copy the data set again"):
        data.slices(data.select("train"))
