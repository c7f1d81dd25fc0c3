"""Through Apache Beam the data set is the same, byte for byte."""

import importlib.util
from pathlib import Path

import nibabel as nib
import pytest

from data_prep import prepare
from data_prep.compression import read_gzip
from data_prep.phantom import write_cohort

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="needs the extra beam",
)
# Beam's own, and not about us.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(folder, num_subjects=5, seed=3)
    return folder


def run(cohort: Path, data_dir: Path, *flags: str) -> int:
    return prepare.cli(
        [
            "wmh-prepare",
            f"--input={cohort}",
            f"--data_dir={data_dir}",
            "--side=48",
            *flags,
        ]
    )


def contents(data_dir: Path) -> dict[str, bytes]:
    folder = data_dir / "tfds_wmh"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@needs_beam
@pytest.mark.parametrize(
    "options",
    [
        "runner=DirectRunner",
        "runner=DirectRunner,direct_num_workers=2,"
        "direct_running_mode=multi_processing",
    ],
)
def test_the_same_bytes_as_without(cohort, tmp_path, options):
    assert run(cohort, tmp_path / "threads", "--num_workers=2") == 0
    assert run(cohort, tmp_path / "beam", f"--beam_options={options}") == 0
    expected = contents(tmp_path / "threads")
    assert sum("tfrecord" in name for name in expected) == 6
    assert contents(tmp_path / "beam") == expected
    for name in ("cases.csv", "splits.csv"):
        assert (tmp_path / "beam" / name).read_bytes() == (
            tmp_path / "threads" / name
        ).read_bytes()


@needs_beam
@pytest.mark.parametrize("fault", ["damaged", "fewer slices"])
def test_a_volume_that_changed_after_its_check_is_named(
    cohort, tmp_path, monkeypatch, capsys, fault
):
    path = next(cohort.glob("sub-001/**/*_FLAIR.nii.gz"))
    before = path.read_bytes()
    mask = next(cohort.glob("derivatives/**/sub-001_*mask.nii.gz"))
    mask_before = mask.read_bytes()
    write = prepare.write_data_folder

    def spoil_and_write(*args, **kwargs):
        if fault == "damaged":
            path.write_bytes(before[:-100])
        else:
            for file in (path, mask):
                image = nib.Nifti1Image.from_bytes(read_gzip(file))
                image.slicer[:, :, 1:].to_filename(file)
        return write(*args, **kwargs)

    monkeypatch.setattr(prepare, "write_data_folder", spoil_and_write)
    try:
        code = run(cohort, tmp_path / "d", "--beam_options=runner=DirectRunner")
    finally:
        path.write_bytes(before)
        mask.write_bytes(mask_before)
    assert code == 1
    error = capsys.readouterr().err
    if fault == "damaged":
        assert f"{path}: not a readable NIfTI" in error
    else:
        assert "did files change since they were checked?" in error
    assert "Traceback" not in error
    assert not (tmp_path / "d" / "tfds_wmh").exists()


def test_without_beam_the_extra_is_named(cohort, tmp_path, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "apache_beam" else find_spec(name),
    )
    assert run(cohort, tmp_path, "--beam_options=runner=DirectRunner") == 1
    assert "pip install '.[beam]'" in capsys.readouterr().err


def test_options_are_names_and_values(cohort, tmp_path, capsys):
    assert run(cohort, tmp_path, "--beam_options==3") == 2
    assert "NAME=VALUE" in capsys.readouterr().err
