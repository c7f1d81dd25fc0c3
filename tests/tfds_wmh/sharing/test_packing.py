"""A pack: what is in it, what is not, and what is refused."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from data_prep.dataset.pseudonyms import default_key_path
from data_prep.files import read_csv, write_csv


def files_of(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


def records_of(folder):
    """Config and split to the bytes of the files, in their order."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.tfrecord-*"))
    }


def test_a_pack_holds_the_data_set_its_cards_and_nothing_else(packs, prepared):
    kinds = ("train", "validation", "test")
    expected = {
        "README.md",
        "SHA256SUMS",
        "croissant.json",
        "share.json",
        "DATA_CARD.md",
        "data_card.json",
        "cases.csv",
        "splits.csv",
    }
    for config in ("slices", "volumes"):
        place = f"tfds_wmh/{config}/1.0.0"
        expected |= {f"{place}/features.json", f"{place}/dataset_info.json"}
        expected |= {
            f"{place}/tfds_wmh-{kind}.tfrecord-00000-of-00001" for kind in kinds
        }
    assert files_of(packs["north"]) == expected
    assert records_of(packs["north"]) == records_of(prepared["north"])


def test_no_id_date_path_or_key_travels(packs, prepared):
    key_path = default_key_path(prepared["north"])
    assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    key = key_path.read_text().strip()
    started = json.loads((prepared["north"] / "data_card.json").read_text())
    started = started["times"]["started"]
    for name in files_of(packs["north"]):
        content = (packs["north"] / name).read_bytes()
        for text in ("Meyer", key, started[:10], str(prepared["north"].parent)):
            assert text.encode() not in content, (name, text)
        assert bytes.fromhex(key) not in content


def test_ages_above_89_are_put_together(packs):
    ages = {row["age"] for row in read_csv(packs["north"] / "cases.csv")}
    assert ages == {"90+"}


def test_the_card_says_what_was_declared(packs):
    share = json.loads((packs["north"] / "share.json").read_text())
    assert share["heads"] == "defaced"
    assert share["licence"] == "CC-BY-4.0"
    assert share["sites"] == ["north"]
    assert share["splits"]["train"] == {
        "subjects": 1,
        "volumes": 1,
        "slices": 3,
    }
    text = (packs["north"] / "README.md").read_text()
    assert "| licence | CC-BY-4.0 |" in text
    assert "| to cite | Nobody et al., 2020-01-31 |" in text
    assert "| train | 1 | 1 | 3 | 3 | north 1 |" in text
    ml = next(
        float(row["wmh_ml"])
        for row in read_csv(packs["north"] / "cases.csv")
        if row["split"] == "test"
    )
    assert f"| north | test | 1 | 1 | {' | '.join([f'{ml:.3g}'] * 3)} |" in text


def test_sha256sum_agrees(packs):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=packs["north"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(files_of(packs["north"])) - 1


@pytest.mark.parametrize("which", ["pack", "merged"])
def test_loads_with_plain_tfds_alone(packs, merged, which, tmp_path):
    """In a process where no code of ours can be imported."""
    folder = merged if which == "merged" else packs["north"]
    program = f"""
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("data_prep", "tfds_wmh", "wmh_keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import tensorflow_datasets as tfds
for config in ("slices", "volumes"):
    builder = tfds.builder_from_directory(
        "{folder}/tfds_wmh/" + config + "/1.0.0")
    for split in ("train", "validation", "test"):
        read = list(builder.as_dataset(split=split).as_numpy_iterator())
        assert len(read) == builder.info.splits[split].num_examples
        sites = sorted({{example["site"].decode() for example in read}})
        assert all(example["image"].std() > 0 for example in read)
        print(config, split, len(read), "+".join(sites))
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
    sites, times = ("north", 1) if which == "pack" else ("north+south", 2)
    assert done.stdout.splitlines() == [
        f"{config} {split} {count * times} {sites}"
        for config, count in (("slices", 3), ("volumes", 1))
        for split in ("train", "validation", "test")
    ], done.stderr


def test_packing_twice_does_nothing_more(packs, prepared, run_share, capsys):
    before = {
        name: (packs["north"] / name).stat().st_mtime_ns
        for name in files_of(packs["north"])
    }
    flags = {"data_dir": prepared["north"], "output": packs["north"]}
    assert run_share("pack", **flags) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run_share("pack", **flags, name="Other") == 1
    assert "holds another data set" in capsys.readouterr().err
    after = {
        name: (packs["north"] / name).stat().st_mtime_ns
        for name in files_of(packs["north"])
    }
    assert after == before


def test_a_pack_that_changed_is_not_called_done(
    packs, prepared, run_share, capsys, tmp_path
):
    damaged = tmp_path / "pack"
    shutil.copytree(packs["north"], damaged)
    (damaged / "README.md").write_text("other")
    flags = {"data_dir": prepared["north"], "output": damaged}
    assert run_share("pack", **flags) == 1
    shown = capsys.readouterr().out
    assert "README.md: its bytes are not those that were packed" in shown
    assert f"{damaged}: is not as it was written; remove it" in shown


def test_slices_alone(prepared, run_share, tmp_path, capsys):
    output = tmp_path / "pack"
    flags = {"data_dir": prepared["north"], "include": "slices"}
    assert run_share("pack", **flags, output=output) == 0
    assert not (output / "tfds_wmh/volumes").exists()
    assert run_share("verify", data_dir=output) == 0
    assert run_share("pack", **flags | {"include": "mri"}, output=output) == 2
    assert "expected slices or volumes" in capsys.readouterr().err


def test_ids_dates_paths_and_stray_keys_are_refused(
    prepare_site, run_share, tmp_path, capsys
):
    """All at once, each with its place, and nothing is written."""
    site = "dr^meyer"
    data_dir = prepare_site(
        tmp_path, site, "--normalization=none", age="93", scanner="20190310"
    )
    key = default_key_path(data_dir)
    key.write_text("ab" * 32)
    shutil.copyfile(key, data_dir / "notes.txt")
    output = tmp_path / "pack"
    assert run_share("pack", data_dir=data_dir, output=output) == 1
    out = capsys.readouterr().out
    for text in (
        "cases.csv, sub-Meyertrain: subject_id 'Meyertrain': is no pseudonym",
        "relative_path 'Meyertrain.nii.gz': names a file",
        "age '93': is above 89 (give 90+)",
        "scanner '20190310': holds a date",
        "site 'dr^meyer': holds a name, as DICOM writes it",
        "key of splits.train.sites 'dr^meyer'",
        "notes.txt: text '…': looks like a key",
        "prepare the data again with --pseudonymize",
    ):
        assert text in out
    assert not output.exists()


def test_a_key_inside_of_what_travels_is_found(
    prepared, run_share, tmp_path, capsys
):
    """Wherever it comes from: here the scanner's name is the key."""
    data_dir = tmp_path / "data"
    shutil.copytree(prepared["north"], data_dir)
    key = "cd" * 32
    default_key_path(data_dir).write_text(key)
    card = data_dir / "data_card.json"
    card.write_text(card.read_text().replace('"seed": 0', f'"seed": "{key}"'))
    flags = {"data_dir": data_dir, "output": tmp_path / "pack"}
    assert run_share("pack", **flags) == 1
    out = capsys.readouterr().out
    assert "data_card.json: bytes '…': hold the key of the pseudonyms" in out
    assert run_share("pack", **flags, pseudonym_key=data_dir / "key") == 1
    assert "no such file" in capsys.readouterr().err
    (data_dir / "key").write_text(key)
    assert run_share("pack", **flags, pseudonym_key=data_dir / "key") == 1
    assert "must not travel" in capsys.readouterr().err


def test_what_the_lists_do_not_say_of_the_records_is_refused(
    prepared, run_share, tmp_path, capsys
):
    data_dir = tmp_path / "data"
    shutil.copytree(prepared["north"], data_dir)
    rows = read_csv(data_dir / "cases.csv")
    rows[0]["scanner"] = "Another"
    write_csv(data_dir / "cases.csv", list(rows[0]), rows)
    output = tmp_path / "pack"
    assert run_share("pack", data_dir=data_dir, output=output) == 1
    out = capsys.readouterr().out
    assert "scanner is 'Made up', cases.csv says 'Another'" in out
    assert "cases.csv: is not the one that data_card.json belongs to" in out
    assert not output.exists()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        ({"heads": "with_faces"}, 1, "so do slices, stacked"),
        ({"citation": ""}, 2, "needed, but not given: --citation"),
        ({"licence": " "}, 1, "it is empty"),
        ({"licence": "~/study/terms.txt"}, 1, "a file that is there"),
        ({"citation": "/home/meyer/paper"}, 1, "a file that is there"),
        ({"citation": "paper.bib"}, 1, "a file that is there"),
        ({"output": "data/pack"}, 1, "neither holds"),
        ({"output": "full"}, 1, "expected a new or empty folder"),
        ({"data_dir": "full"}, 1, "expected a prepared data set"),
    ],
)
def test_refused_before_a_record_is_read(
    flags, code, message, prepared, run_share, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(prepared["north"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    given = {"data_dir": "data", "output": "pack"} | flags
    assert run_share("pack", **given) == code
    assert message in capsys.readouterr().err


def test_a_place_in_a_citation_does_not_travel(
    prepared, run_share, tmp_path, capsys
):
    citation = tmp_path / "paper.bib"
    citation.write_text("file = {:/home/meyer/paper.pdf:PDF}, year = 2021")
    flags = {"data_dir": prepared["north"], "output": tmp_path / "pack"}
    assert run_share("pack", **flags, citation=citation) == 1
    assert "citation '" in (out := capsys.readouterr().out)
    assert "holds a path" in out
    citation.write_text("https://doi.org/10.3389/fmed.2021.681183, 2020-01-31")
    assert run_share("pack", **flags, citation=citation) == 0


def test_whole_heads_are_not_taken_for_brains(
    prepare_site, run_share, tmp_path, monkeypatch, capsys
):
    """16 × 18 × 3 voxels of 24 mm³ are 20.7 ml, hardly any as the corners."""
    from tfds_wmh.sharing import scanning

    data_dir = prepare_site(tmp_path, "north")
    flags = {"data_dir": data_dir, "heads": "skull_stripped"}
    flags |= {"output": tmp_path / "pack"}
    monkeypatch.setattr(scanning, "_LARGEST_BRAIN_ML", 10)
    assert run_share("pack", **flags) == 1
    out = capsys.readouterr().out
    assert "was said: 3" in out
    assert "ml': is said to be skull-stripped" in out
    assert run_share("pack", **flags, dry_run=True) == 1
    monkeypatch.setattr(scanning, "_LARGEST_BRAIN_ML", 21)
    assert run_share("pack", **flags, dry_run=True) == 0
    assert not (tmp_path / "pack").exists()


def test_a_killed_pack_is_made_again(prepared, run_share, tmp_path):
    output = tmp_path / "pack"
    program = f"""
import os
from tfds_wmh import share
from tfds_wmh.sharing import packing
packing.finish_pack = lambda *_: os._exit(9)
share.cli(["wmh-share", "pack", "--data_dir={prepared["north"]}",
           "--output={output}", "--heads=defaced", "--licence=x",
           "--citation=x", "--contact=x"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 9, done.stderr
    assert {p.name for p in output.iterdir()} == {".incomplete-preparation"}
    assert run_share("verify", data_dir=output) == 1
    flags = {"licence": "x", "citation": "x", "contact": "x"}
    flags |= {"data_dir": prepared["north"], "output": output}
    assert run_share("pack", **flags) == 0
    assert run_share("verify", data_dir=output) == 0
