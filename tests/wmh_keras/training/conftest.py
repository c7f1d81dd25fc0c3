"""A small prepared data set, made the way a user makes one."""

import dataclasses
from pathlib import Path

import pytest

SPLITS = {
    "a": "train",
    "b": "train",
    "c": "train",
    "d": "validation",
    "e": "validation",
    "f": "test",
}


@pytest.fixture(scope="session")
def small_data_dir(tmp_path_factory) -> Path:
    """Slices of side 32: six heads of six slices, three of them to fit."""
    from data_prep import prepare
    from data_prep.files import write_csv
    from data_prep.nifti_writing import write_image, write_mask
    from data_prep.phantom import PhantomConfig, make_phantom

    folder = tmp_path_factory.mktemp("small")
    config = PhantomConfig(shape=(26, 30, 6), spacing_mm=(6.6, 6.6, 20.0))
    rows = []
    for seed, (subject, split) in enumerate(SPLITS.items()):
        image, mask = make_phantom(dataclasses.replace(config, seed=seed))
        flair = folder / f"{subject}_FLAIR.nii.gz"
        write_image(flair, image.data, image)
        write_mask(folder / f"{subject}_mask.nii.gz", mask.data, mask)
        rows.append(
            {
                "subject_id": subject,
                "flair": flair,
                "mask": folder / f"{subject}_mask.nii.gz",
                "split": split,
            }
        )
    write_csv(folder / "cases.csv", tuple(rows[0]), rows)
    code = prepare.cli(
        [
            "wmh-prepare",
            f"--input={folder / 'cases.csv'}",
            f"--data_dir={folder / 'data'}",
            "--side=32",
        ]
    )
    assert code == 0
    return folder / "data"


@pytest.fixture(scope="session")
def small_data(small_data_dir):
    from wmh_keras.datasets import open_prepared_data

    return open_prepared_data(small_data_dir)
