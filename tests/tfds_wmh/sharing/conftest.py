"""Tiny prepared data sets of two sites, and their packs."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep import prepare
from data_prep.files import write_csv
from data_prep.nifti_writing import write_image, write_mask
from data_prep.volume import Volume
from tfds_wmh import share

COLUMNS = ("subject_id", "flair", "mask", "site", "split", "scanner", "age")
DECLARED = (
    "--licence=CC-BY-4.0",
    "--citation=Nobody et al., 2020-01-31",
    "--contact=office@example.org",
)


def _prepare_site(folder: Path, site: str, *flags: str, **more) -> Path:
    """Prepares three random heads of a site.

    Args:
      folder: new.
      site: the label.
      *flags: of wmh-prepare; --pseudonymize where there are none.
      **more: further columns, and what the voxels are drawn by (`voxels`).
    """
    images = folder / "images"
    images.mkdir(parents=True)
    random = np.random.default_rng([*more.pop("voxels", site).encode()])
    affine = np.diag([2.0, 2.0, 6.0, 1.0])
    rows = []
    for split in ("train", "validation", "test"):
        subject = f"Meyer{split}"
        data = random.normal(100, 20, (16, 18, 3)).astype(np.float32)
        mask = (random.random(data.shape) > 0.9).astype(np.uint8)
        grid = Volume(data, affine, "mm")
        write_image(images / f"{subject}.nii.gz", data, grid)
        write_mask(images / f"{subject}_mask.nii.gz", mask, grid)
        rows.append(
            {
                "subject_id": subject,
                "flair": f"{subject}.nii.gz",
                "mask": f"{subject}_mask.nii.gz",
                "site": site,
                "split": split,
                **more,
            }
        )
    write_csv(images / "manifest.csv", COLUMNS, rows)
    arguments = [
        f"--input={images / 'manifest.csv'}",
        f"--data_dir={folder / 'data'}",
        "--side=16",
        "--num_workers=1",
        *(flags or ("--pseudonymize",)),
    ]
    assert prepare.cli(["wmh-prepare", *arguments]) == 0
    return folder / "data"


def _run_share(command: str, **flags: object) -> int:
    """Runs a command of wmh-share in this process."""
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    if command == "pack":
        arguments = ["--heads=defaced", *DECLARED, *arguments]
    return share.cli(["wmh-share", command, *arguments])


@pytest.fixture(scope="session")
def prepare_site():
    return _prepare_site


@pytest.fixture(scope="session")
def run_share():
    return _run_share


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> dict[str, Path]:
    """Site to its prepared data folder."""
    folder = tmp_path_factory.mktemp("sites")
    return {
        site: _prepare_site(folder / site, site, age="93", scanner="Made up")
        for site in ("north", "south")
    }


@pytest.fixture(scope="session")
def packs(prepared, tmp_path_factory) -> dict[str, Path]:
    """Site to its pack."""
    folder = tmp_path_factory.mktemp("packs")
    for site, data_dir in prepared.items():
        assert _run_share("pack", data_dir=data_dir, output=folder / site) == 0
    return {site: folder / site for site in prepared}


@pytest.fixture(scope="session")
def merged(packs, tmp_path_factory) -> Path:
    """The merged data set of both sites."""
    output = tmp_path_factory.mktemp("merged") / "data"
    joined = ",".join(str(packs[site]) for site in ("south", "north"))
    assert _run_share("merge", packs=joined, output=output) == 0
    return output


@pytest.fixture
def received(packs, tmp_path) -> Path:
    """A copy of a pack, to be damaged."""
    shutil.copytree(packs["north"], tmp_path / "received")
    return tmp_path / "received"
