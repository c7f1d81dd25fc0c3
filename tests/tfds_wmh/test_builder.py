"""The TFDS data set: TFDS's own tests, its contents, its reproducibility."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

import tfds_wmh
from data_prep.cases.case import Case
from data_prep.dataset.plan import PLAN_FILE, PreparationPlan
from data_prep.files import write_json
from data_prep.geometry import SliceGeometry
from data_prep.nifti import read_mask, read_volume
from data_prep.nifti_writing import write_image, write_mask
from data_prep.preprocess import PreprocessConfig, volume_to_slices
from data_prep.volume import Volume

SPLITS = {"a1": "train", "a2": "train", "b1": "test"}
SLICES = {"a1": 5, "a2": 3, "b1": 4}


def write_case(folder: Path, subject: str, seed: int, num_slices: int) -> Case:
    """Writes a random head with an odd grid; its files say LAS."""
    random = np.random.default_rng(seed)
    affine = np.diag([-2.0, 2.5, 6.0, 1.0])
    affine[:3, 3] = 20.1, -17.3, 1 / 3
    data = random.normal(100, 20, (21, 17, num_slices)).astype(np.float32)
    grid = Volume(data, affine, "mm", sform_code=2, qform_code=1)
    mask = (random.random(data.shape) > 0.95).astype(np.uint8)
    mask[2, 2, 0] = 2
    write_image(folder / f"{subject}.nii.gz", data, grid)
    write_mask(folder / f"{subject}_mask.nii.gz", mask, grid)
    return Case(
        subject,
        (("flair", str(folder / f"{subject}.nii.gz")),),
        session="1",
        site="north",
        mask=str(folder / f"{subject}_mask.nii.gz"),
        scanner="Made up",
        age="71",
    )


def make_plan(folder: Path, side: int, subjects=("a1", "a2", "b1")):
    cases = [
        write_case(
            folder,
            subject,
            seed=ord(subject[0]) + int(subject[1]),
            num_slices=SLICES[subject],
        )
        for subject in subjects
    ]
    a1 = next(case for case in cases if case.subject_id == "a1")
    bare = Case("c1", a1.images, site="south")
    return PreparationPlan.of(
        [bare, *cases], SPLITS, PreprocessConfig(side=side)
    )


def build(plan: PreparationPlan, data_dir: Path, num_workers=2) -> None:
    for config in ("slices", "volumes"):
        tfds_wmh.Builder(
            plan=plan, config=config, data_dir=data_dir, num_workers=num_workers
        ).download_and_prepare()


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> PreparationPlan:
    return make_plan(tmp_path_factory.mktemp("images"), side=24)


@pytest.fixture(scope="module")
def data_dir(plan, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    build(plan, folder)
    return folder


class _StandardTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = tfds_wmh.Builder

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = Path(tempfile.mkdtemp())
        plan = make_plan(folder, side=384).to_json()
        for case in plan["cases"]:
            case["images"] = [[r, Path(p).name] for r, p in case["images"]]
            case["mask"] = case["mask"] and Path(case["mask"]).name
        write_json(folder / PLAN_FILE, plan)
        cls.EXAMPLE_DIR = folder

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.EXAMPLE_DIR)


class TestSlices(_StandardTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ("slices",)
    SPLITS = {"train": 8, "test": 4, "unlabelled": 5}  # noqa: RUF012


class TestVolumes(_StandardTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ("volumes",)
    SPLITS = {"train": 2, "test": 1, "unlabelled": 1}  # noqa: RUF012


del _StandardTest  # it is a test case itself, without splits


def test_load_by_name_takes_the_folders_own_side(data_dir):
    slices, info = tfds.load(
        "tfds_wmh/slices", split="train", data_dir=data_dir, with_info=True
    )
    assert slices.element_spec["image"].shape == (24, 24, 1)
    assert info.splits["train"].num_examples == 8
    volumes = tfds.load("tfds_wmh/volumes", data_dir=data_dir)
    assert len(volumes["unlabelled"]) == 1


def test_folder_loads_in_a_process_without_this_code(data_dir, tmp_path):
    program = f"""
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("data_prep", "tfds_wmh", "wmh_keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import tensorflow_datasets as tfds
for config in ("slices", "volumes"):
    builder = tfds.builder_from_directory("{data_dir}/tfds_wmh/" + config
                                          + "/1.0.0")
    for split in builder.info.splits:
        for example in builder.as_dataset(split=split).as_numpy_iterator():
            assert example["volume_id"] and example["image"].std() > 0
    print(config, builder.info.splits.total_num_examples)
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["slices", "17", "volumes", "4"], done.stderr


def test_slices_regroup_to_the_prepared_volume(data_dir, plan):
    case = next(case for case in plan.cases if case.subject_id == "a1")
    prepared = volume_to_slices(
        [read_volume(case.flair)], plan.preprocess, read_mask(case.mask)
    )
    examples = [
        example
        for example in tfds.load(
            "tfds_wmh/slices", split="train", data_dir=data_dir
        ).as_numpy_iterator()
        if example["volume_id"] == b"sub-a1_ses-1"
    ]
    examples.sort(key=lambda example: example["slice_index"])
    images = np.stack([example["image"] for example in examples])
    masks = np.stack([example["mask"] for example in examples])
    np.testing.assert_array_equal(images, prepared.slices.astype(np.float16))
    np.testing.assert_array_equal(masks, prepared.mask)
    assert set(np.unique(masks)) == {0, 1, 2}
    assert [int(example["slice_index"]) for example in examples] == [*range(5)]
    example = examples[3]
    geometry = SliceGeometry.from_json(json.loads(example["geometry"]))
    assert geometry == prepared.geometry
    np.testing.assert_array_equal(example["affine"], geometry.affine)
    np.testing.assert_array_equal(example["mean"], prepared.mean)
    np.testing.assert_array_equal(example["std"], prepared.std)
    np.testing.assert_array_equal(example["native_shape"], (21, 17, 5))
    np.testing.assert_allclose(example["spacing_mm"], (2, 2.5, 6))
    assert example["num_slices"] == 5
    assert example["has_mask"]
    texts = {
        name: example[name].decode()
        for name in (
            "subject_id",
            "session",
            "run",
            "site",
            "split",
            "age",
            "scanner",
            "orientation",
        )
    }
    assert texts == {
        "subject_id": "a1",
        "session": "1",
        "run": "",
        "site": "north",
        "split": "train",
        "age": "71",
        "scanner": "Made up",
        "orientation": "LAS",
    }


def test_volumes_lie_in_order_as_the_files_gave_them(data_dir, plan):
    examples = list(
        tfds.load(
            "tfds_wmh/volumes", split="train", data_dir=data_dir
        ).as_numpy_iterator()
    )
    names = [example["volume_id"].decode() for example in examples]
    assert names == ["sub-a1_ses-1", "sub-a2_ses-1"]
    case = next(case for case in plan.cases if case.subject_id == "a2")
    image = read_volume(case.flair)
    assert examples[1]["image"][..., 0].tobytes() == image.data.tobytes()
    np.testing.assert_array_equal(
        examples[1]["mask"], read_mask(case.mask).data
    )
    np.testing.assert_array_equal(
        json.loads(examples[1]["image_grids"][0])["affine"], image.affine
    )


def test_unlabelled_volumes_say_so(data_dir):
    for example in tfds.load(
        "tfds_wmh/slices", split="unlabelled", data_dir=data_dir
    ).as_numpy_iterator():
        assert not example["has_mask"]
        assert not example["mask"].any()


def record_bytes(data_dir: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data_dir)): path.read_bytes()
        for path in data_dir.rglob("*")
        if path.is_file()
    }


def test_five_processes_write_the_same_bytes(data_dir, tmp_path, repository):
    """Whatever the place, the order of the cases, the threads, the hashes."""
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_builder
folder = Path("images"); folder.mkdir()
plan = test_builder.make_plan(folder, side=24, subjects=("b1", "a2", "a1"))
test_builder.build(plan, Path("data"), num_workers=int(sys.argv[1]))
"""
    running = []
    for number in range(1, 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(number)],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(repository),
                "PYTHONHASHSEED": str(number),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append((folder / "data", process))
    expected = record_bytes(data_dir)
    assert expected
    ended = [process.communicate(timeout=300) for _, process in running]
    for (data, process), (_, errors) in zip(running, ended, strict=True):
        assert process.returncode == 0, errors
        received = record_bytes(data)
        assert received.keys() == expected.keys()
        assert [n for n in expected if expected[n] != received[n]] == []


def test_shuffling_on_disk_gives_the_same_files(
    data_dir, plan, tmp_path, monkeypatch
):
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 0)
    build(plan, tmp_path)
    assert record_bytes(tmp_path) == record_bytes(data_dir)


def test_metadata_files_tell_no_paths_and_no_times(data_dir, plan, tmp_path):
    def texts(folder):
        paths = sorted(folder.rglob("*.json"))
        return {str(p.relative_to(folder)): p.read_text() for p in paths}

    first = texts(data_dir)
    assert len(first) == 5
    for text in first.values():
        assert str(data_dir) not in text
        assert str(Path(plan.cases[0].flair).parent) not in text
    build(plan, tmp_path)  # elsewhere, later: the same to the letter
    assert texts(tmp_path) == first


def test_a_plan_file_of_another_side_is_refused(plan, tmp_path):
    write_json(tmp_path / PLAN_FILE, plan.to_json())
    builder = tfds_wmh.Builder(config="slices", data_dir=tmp_path / "data")
    with pytest.raises(Exception, match="differ from the default"):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=tmp_path)
        )
