"""A small prepared data set with sites and sessions, and two recipes."""

import dataclasses
import importlib

import pytest

# subject, session, site, split
SCANS = (
    ("a", "1", "north", "train"),
    ("a", "2", "north", "train"),
    ("b", "", "north", "train"),
    ("c", "", "south", "train"),
    ("d", "", "south", "validation"),
    ("e", "", "north", "test"),
    ("f", "", "south", "test"),
    ("g", "", "west", "external"),
)


@pytest.fixture(scope="session")
def data_dirs(tmp_path_factory):
    """Data sets: of the same heads, z-scored and not, and of other masks."""
    from data_prep import prepare
    from data_prep.files import write_csv
    from data_prep.nifti_writing import write_image, write_mask
    from data_prep.phantom import PhantomConfig, make_phantom

    folder = tmp_path_factory.mktemp("heads")
    config = PhantomConfig(shape=(26, 30, 6), spacing_mm=(6.6, 6.6, 20.0))
    rows = []
    for seed, (subject, session, site, split) in enumerate(SCANS):
        image, mask = make_phantom(dataclasses.replace(config, seed=seed))
        stem = folder / f"{subject}{session}"
        write_image(f"{stem}_FLAIR.nii.gz", image.data, image)
        write_mask(f"{stem}_mask.nii.gz", mask.data, mask)
        rows.append(
            {
                "subject_id": subject,
                "session": session,
                "site": site,
                "split": split,
                "flair": f"{stem}_FLAIR.nii.gz",
                "mask": f"{stem}_mask.nii.gz",
            }
        )
    other = [dict(row) for row in rows]
    other[5]["mask"] = rows[6]["mask"]
    fewer = [row for row in rows if row["subject_id"] != "f"]
    data = {}
    for name, table, flags in (
        ("plain", rows, ()),
        ("raw", rows, ("--normalization=none",)),
        ("other_mask", other, ()),
        ("fewer", fewer, ()),
    ):
        write_csv(folder / f"{name}.csv", tuple(rows[0]), table)
        data[name] = folder / name
        code = prepare.cli(
            [
                "wmh-prepare",
                f"--input={folder / name}.csv",
                f"--data_dir={data[name]}",
                "--side=32",
                *flags,
            ]
        )
        assert code == 0
    return data


@pytest.fixture
def data_dir(data_dirs):
    return data_dirs["plain"]


@pytest.fixture(scope="session")
def recipes(tmp_path_factory):
    """Two tiny U-Nets; so little training gives something above 0.4."""
    folder = tmp_path_factory.mktemp("recipes")
    common = "--epochs=2\n--steps_per_epoch=3\n--global_batch_size=4\n"
    common += "--lesion_prior=0.4\n--learning_rate=0.01\n"
    paths = []
    for name, filters in (("narrow", "2"), ("wide", "4")):
        path = folder / f"{name}.cfg"
        path.write_text(f"# A comment.\n{common}--filters={filters}\n")
        paths.append(str(path))
    return tuple(paths)


class InProcess:
    """Runs programs here rather than as processes; notes their labels.

    Attributes:
        labels: of the steps that were run.
        failing: label of a step to the message with which it fails.
    """

    def __init__(self, **failing):
        self.labels = []
        self.failing = failing

    def __call__(self, step):
        from wmh_keras.comparison.step import Ending

        self.labels.append(step.label)
        if step.label in self.failing:
            return Ending(1, self.failing[step.label])
        program = importlib.import_module(step.module)
        code = program.cli([step.module, *step.arguments])
        return Ending(code, "see stderr" if code else "")


@pytest.fixture(scope="session")
def in_process():
    """The class `InProcess`."""
    return InProcess
