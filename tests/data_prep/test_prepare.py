"""The program wmh-prepare, from files to a finished data folder."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.files import read_csv, read_json, write_csv
from data_prep.nifti import read_volume
from data_prep.nifti_writing import write_image, write_mask
from data_prep.phantom import write_cohort
from data_prep.prepare import cli
from data_prep.volume import Volume

SUBJECTS = [f"pat{number:02d}" for number in range(8)]


def write_scan(root: Path, subject: str, session: str = "", mask=True) -> None:
    folder = root / f"sub-{subject}"
    prefix = f"sub-{subject}"
    if session:
        folder, prefix = folder / f"ses-{session}", f"{prefix}_ses-{session}"
    random = np.random.default_rng(zlib.crc32((subject + session).encode()))
    data = random.gamma(2, 50, (18, 20, 4)).astype(np.float32)
    grid = Volume(data, np.diag([2.0, 2.0, 6.0, 1.0]))
    write_image(folder / "anat" / f"{prefix}_FLAIR.nii.gz", data, grid)
    if mask:
        own = Path(folder).relative_to(root)
        labels = (random.random(data.shape) > 0.9).astype(np.uint8)
        write_mask(
            root
            / "derivatives"
            / "manual"
            / own
            / "anat"
            / f"{prefix}_label-WMH_mask.nii.gz",
            labels,
            grid,
        )


@pytest.fixture
def study(tmp_path) -> Path:
    """Eight labelled subjects, one visit without a mask, one excluded."""
    root = tmp_path / "clinic-study"
    for subject in SUBJECTS:
        write_scan(root, subject, "mar19")
    write_scan(root, SUBJECTS[0], "jun21", mask=False)
    write_scan(root, "moved99", "mar19")
    (root / "dataset_description.json").write_text(
        '{"Name": "x", "BIDSVersion": "1.8.0"}'
    )
    derivative = root / "derivatives" / "manual"
    (derivative / "dataset_description.json").write_text(
        '{"Name": "x", "BIDSVersion": "1.8.0", "DatasetType": "derivative"}'
    )
    rows = [
        {
            "participant_id": f"sub-{name}",
            "site": "north" if index % 2 else "south",
            "age": 60 + index,
            "exclude_reason": "sub-moved99 moved" if name == "moved99" else "",
        }
        for index, name in enumerate([*SUBJECTS, "moved99"])
    ]
    write_csv(root / "participants.csv", tuple(rows[0]), rows)
    text = (root / "participants.csv").read_text().replace(",", "\t")
    (root / "participants.tsv").write_text(text)
    (root / "participants.csv").unlink()
    return root


def prepare(study: Path, data_dir: Path, *flags: str) -> int:
    return cli(
        [
            "wmh-prepare",
            f"--input={study}",
            f"--data_dir={data_dir}",
            "--side=32",
            "--num_workers=2",
            *flags,
        ]
    )


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (
            path.read_bytes(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_prepares_everything_and_records_everyone(study, tmp_path, capsys):
    data_dir = tmp_path / "data"
    assert prepare(study, data_dir, "--fractions=0.5,0.25,0.25") == 0
    out = capsys.readouterr().out
    assert "Found 10 volumes of 9 subjects" in out
    assert str(data_dir / "DATA_CARD.md") in out

    assert {path.name for path in data_dir.iterdir()} == {
        "tfds_wmh",
        "splits.csv",
        "cases.csv",
        "data_card.json",
        "DATA_CARD.md",
    }
    splits = {
        r["subject_id"]: r["split"] for r in read_csv(data_dir / "splits.csv")
    }
    assert sorted(splits) == SUBJECTS
    assert sorted(splits.values()) == (
        ["test"] * 2 + ["train"] * 4 + ["validation"] * 2
    )
    cases = {r["volume_id"]: r for r in read_csv(data_dir / "cases.csv")}
    assert len(cases) == 10
    assert cases["sub-moved99_ses-mar19"]["status"] == "excluded"
    assert cases["sub-moved99_ses-mar19"]["reason"] == "sub-moved99 moved"
    assert cases["sub-moved99_ses-mar19"]["split"] == ""
    bare = cases["sub-pat00_ses-jun21"]
    assert (bare["status"], bare["split"]) == ("unlabelled", "unlabelled")
    assert "no mask" in bare["warnings"]
    one = cases["sub-pat03_ses-mar19"]
    assert (one["status"], one["split"]) == ("prepared", splits["pat03"])
    assert (one["native_shape"], one["num_slices"]) == ("18x20x4", "4")
    assert (one["site"], one["age"]) == ("north", "63")
    assert one["relative_path"].startswith("sub-pat03/ses-mar19/anat/")

    card = read_json(data_dir / "data_card.json")
    assert card["preprocess"]["side"] == 32
    assert card["left_out"] == {"excluded": 1}
    assert card["choices"]["fractions"] == [0.5, 0.25, 0.25]
    assert card["splits"]["train"]["slices"] == 16
    assert card["splits"]["unlabelled"]["volumes"] == 1
    # Where the images came from is nobody's business.
    assert str(study) not in json.dumps(card)


def test_again_changes_nothing_and_another_is_refused(study, tmp_path, capsys):
    data_dir = tmp_path / "data"
    assert prepare(study, data_dir) == 0
    before = snapshot(data_dir)
    moved = study.rename(tmp_path / "elsewhere")
    assert prepare(moved, data_dir) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert prepare(moved, data_dir, "--seed=7", "--side=48") == 1
    error = capsys.readouterr().err
    assert "seed 0 there, 7 here" in error
    assert "side 32 there, 48 here" in error
    write_scan(moved, "new77", "mar19")
    assert prepare(moved, data_dir) == 1
    assert "different preparation" in capsys.readouterr().err
    assert snapshot(data_dir) == before


def test_one_changed_voxel_is_another_preparation(study, tmp_path, capsys):
    assert prepare(study, tmp_path / "data") == 0
    path = next(study.rglob("derivatives/**/sub-pat05*_mask.nii.gz"))
    from data_prep.nifti import read_mask

    mask = read_mask(path)
    mask.data[3, 3, 3] = 1 - mask.data[3, 3, 3]
    write_mask(path, mask.data, mask)
    capsys.readouterr()
    assert prepare(study, tmp_path / "data") == 1
    assert "other images, masks" in capsys.readouterr().err


def test_all_problems_are_shown_and_nothing_written(study, tmp_path, capsys):
    data_dir = tmp_path / "data"
    broken = next(study.glob("sub-pat01/**/*_FLAIR.nii.gz"))
    broken.write_bytes(broken.read_bytes()[:500])
    mask = next(study.glob("derivatives/**/sub-pat02*_mask.nii.gz"))
    odd = Volume(np.full((18, 20, 4), 7, np.uint8), np.diag([2.0, 2, 6, 1]))
    write_mask(mask, odd.data, odd)
    assert prepare(study, data_dir) == 1
    out = capsys.readouterr().out
    assert "2 problems" in out
    assert str(broken) in out
    assert str(mask) in out
    assert not data_dir.exists()

    assert prepare(study, data_dir, "--skip_invalid") == 0
    cases = {r["volume_id"]: r for r in read_csv(data_dir / "cases.csv")}
    for name in ("sub-pat01_ses-mar19", "sub-pat02_ses-mar19"):
        assert cases[name]["status"] == "skipped"
        assert cases[name]["reason"]
    assert "labels" in cases["sub-pat02_ses-mar19"]["reason"]
    card = read_json(data_dir / "data_card.json")
    assert card["left_out"] == {"excluded": 1, "skipped": 2}


def test_dry_run_shows_and_stops(study, tmp_path, capsys):
    data_dir = tmp_path / "data"
    assert prepare(study, data_dir, "--dry_run", "--pseudonymize") == 0
    out = capsys.readouterr().out
    assert "sub-pat03_ses-mar19" in out
    assert "unlabelled" in out
    assert [path.name for path in tmp_path.iterdir()] == [study.name]


def test_pseudonyms_leave_no_trace(study, tmp_path):
    data_dir = tmp_path / "data"
    broken = next(study.glob("sub-pat01/**/*_FLAIR.nii.gz"))
    broken.write_bytes(b"")
    # Twins within a subject (a warning) and across subjects (a problem).
    second = study / f"sub-{SUBJECTS[0]}/ses-jun21/anat"
    scans = [
        *study.glob(f"sub-{SUBJECTS[0]}/ses-mar19/anat/*_FLAIR.nii.gz"),
        *second.glob("*_FLAIR.nii.gz"),
    ]
    scans[1].write_bytes(scans[0].read_bytes())
    scans = [
        next(study.glob(f"sub-{name}/**/*_FLAIR.nii.gz"))
        for name in SUBJECTS[-2:]
    ]
    scans[1].write_bytes(scans[0].read_bytes())
    key = tmp_path / "secret" / "key"
    flags = (
        "--pseudonymize",
        f"--pseudonym_key={key}",
        "--skip_invalid",
    )
    assert prepare(study, data_dir, *flags) == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    forbidden = [
        *SUBJECTS,
        "moved99",
        "mar19",
        "jun21",
        "clinic",
        str(tmp_path),
        key.read_text().strip(),
        "FLAIR.nii",
    ]
    for name, (content, _) in snapshot(data_dir).items():
        for word in forbidden:
            assert word.encode() not in content, (name, word)
            assert word not in name
    # The same subject has the same pseudonym in both sessions, and next time.
    cases = read_csv(data_dir / "cases.csv")
    names = [row["subject_id"] for row in cases]
    assert len(set(names)) == 9
    assert sorted(row["session"] for row in cases) == ["1"] * 9 + ["2"]
    again = tmp_path / "again"
    assert prepare(study, again, *flags) == 0
    assert (again / "cases.csv").read_bytes() == (
        data_dir / "cases.csv"
    ).read_bytes()
    # Without pseudonyms the subjects go to the same splits.
    assert prepare(study, tmp_path / "plain", "--skip_invalid") == 0

    def sizes(folder):
        return sorted(
            (r["split"], r["wmh_ml"]) for r in read_csv(folder / "cases.csv")
        )

    assert sizes(tmp_path / "plain") == sizes(data_dir)


def test_external_sites_are_sets_of_their_own(study, tmp_path):
    data_dir = tmp_path / "data"
    assert prepare(study, data_dir, "--external_sites=hospital:north") == 0
    card = read_json(data_dir / "data_card.json")
    assert card["splits"]["hospital"]["sites"] == {"north": 4}


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--fractions=a,b,c",), 2, "fractions"),
        (("--fractions=0.5,0.5,0.5",), 1, "sum to 1"),
        (("--external_sites=x:nowhere",), 1, "nowhere"),
        (("--pseudonym_key=key",), 2, "needs --pseudonymize"),
        (("--data_dir=",), 2, "--data_dir"),
    ],
)
def test_wrong_flags_are_explained(
    study, tmp_path, capsys, flags, code, message
):
    assert prepare(study, tmp_path / "data", *flags) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


# Kills the program in the middle of the given config, or before a file.
KILLED_PROGRAM = """
import os, signal, sys
from data_prep import prepare
from data_prep.dataset import side_files
import tfds_wmh.tfds_wmh_dataset_builder as builder
moment = sys.argv.pop(1)
def deadly(module, name, when):
    function = getattr(module, name)
    def call(*args, **kwargs):
        if when(*args, **kwargs):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    setattr(module, name, call)
if moment in ("slices", "volumes"):
    deadly(builder.Builder, "_write_split",
           lambda self, split, examples: self.builder_config.name == moment
           and split == "validation")
elif moment == "card":
    deadly(side_files, "write_json", lambda path, value: True)
else:
    deadly(os, "replace", lambda a, b: str(b).endswith("data/tfds_wmh"))
sys.exit(prepare.cli(sys.argv))
"""


@pytest.mark.parametrize("moment", ["slices", "volumes", "card", "commit"])
def test_killed_it_leaves_nothing_and_then_finishes(
    study, tmp_path, repository, moment
):
    data_dir = tmp_path / "data"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED_PROGRAM,
            moment,
            f"--input={study}",
            f"--data_dir={data_dir}",
            "--side=32",
        ],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    from data_prep.errors import UserError
    from wmh_keras.datasets import open_prepared_data

    assert not (data_dir / "tfds_wmh").exists()
    with pytest.raises(UserError, match="unfinished preparation"):
        open_prepared_data(data_dir)
    assert prepare(study, data_dir) == 0
    assert len(open_prepared_data(data_dir).volumes()) == 9
    assert not [p for p in data_dir.iterdir() if p.name.startswith(".")]


def test_further_channels_from_files_to_records(tmp_path, capsys):
    """FLAIR and T1 are stored in the order asked for, and said everywhere."""
    pytest.importorskip("tensorflow_datasets")
    from wmh_keras.datasets import open_prepared_data

    write_cohort(tmp_path / "heads", 3, with_t1=True)
    flags = ("--channels=flair,t1", "--fractions=0.4,0.3,0.3")
    assert prepare(tmp_path / "heads", tmp_path / "both", *flags) == 0
    assert prepare(tmp_path / "heads", tmp_path / "one", flags[1]) == 0
    both, one = (open_prepared_data(tmp_path / n) for n in ("both", "one"))
    assert both.identity != one.identity
    assert both.card["preprocess"]["channels"] == ["flair", "t1"]
    text = (tmp_path / "both" / "DATA_CARD.md").read_text()
    assert "with T1 as further channels" in text
    rows = read_csv(tmp_path / "both" / "cases.csv")
    assert {row["volume_id"]: row["t1_file"] for row in rows} == {
        f"sub-00{n}": f"sub-00{n}/anat/sub-00{n}_T1w.nii.gz" for n in (1, 2, 3)
    }
    assert "t1_file" not in read_csv(tmp_path / "one" / "cases.csv")[0]

    stored = {v.record.volume_id: v for v in both.read_volumes(both.volumes())}
    for volume_id, volume in stored.items():
        anat = tmp_path / "heads" / volume_id / "anat"
        for image, suffix in zip(volume.images, ("FLAIR", "T1w"), strict=True):
            file = read_volume(anat / f"{volume_id}_{suffix}.nii.gz")
            np.testing.assert_array_equal(image.data, file.data)
    for volume in both.read_volumes(both.volumes(), ("t1",)):
        (image,) = volume.images
        expected = stored[volume.record.volume_id].images[1]
        np.testing.assert_array_equal(image.data, expected.data)
    with pytest.raises(UserError, match=r"holds flair.*--channels=flair,t1"):
        list(one.read_volumes(one.volumes(), ("flair", "t1")))
    shape = next(both.slices(both.select()).as_numpy_iterator())["image"].shape
    assert shape == (32, 32, 2)
    capsys.readouterr()
    assert prepare(tmp_path / "heads", tmp_path / "both", flags[1]) == 1
    assert "('flair', 't1') there, ('flair',) here" in capsys.readouterr().err


def test_a_t1_that_is_missing_or_elsewhere_is_in_the_table(tmp_path, capsys):
    root = tmp_path / "heads"
    write_cohort(root, 5, with_t1=True)
    (root / "sub-001/anat/sub-001_T1w.nii.gz").unlink()
    other = read_volume(root / "sub-003/anat/sub-003_T1w.nii.gz")
    path = root / "sub-002/anat/sub-002_T1w.nii.gz"  # of the other site
    write_image(path, other.data, other)
    flags = ("--channels=flair,t1", "--fractions=0.4,0.3,0.3")
    assert prepare(root, tmp_path / "data", *flags) == 1
    out = capsys.readouterr().out
    assert "2 problems" in out
    assert "t1: found no image" in out
    assert f"{path} t1: on another grid" in re.sub(" +", " ", out)
    assert not (tmp_path / "data").exists()
    assert prepare(root, tmp_path / "data", *flags, "--skip_invalid") == 0
    rows = {r["volume_id"]: r for r in read_csv(tmp_path / "data/cases.csv")}
    assert rows["sub-001"]["status"] == rows["sub-002"]["status"] == "skipped"
    assert "t1: found no image" in rows["sub-001"]["reason"]
    assert rows["sub-001"]["t1_file"] == ""


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ("t1,flair", "flair first"),
        ("flair,T1", "small letters"),
        ("flair,t1,t1", "differ"),
    ],
)
def test_channels_that_make_no_sense(
    study, tmp_path, capsys, channels, message
):
    assert prepare(study, tmp_path / "data", f"--channels={channels}") == 2
    assert message in capsys.readouterr().err
