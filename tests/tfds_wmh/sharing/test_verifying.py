"""A received pack: what is damaged, or was meddled with, is said."""

import hashlib
import json
import shutil

import pytest

PLACE = "tfds_wmh/slices/1.0.0"
TRAIN = f"{PLACE}/tfds_wmh-train.tfrecord-00000-of-00001"
TEST = f"{PLACE}/tfds_wmh-test.tfrecord-00000-of-00001"


def flip_a_byte(folder):
    path = folder / TRAIN
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove_a_file(folder):
    (folder / TRAIN).unlink()


def edit_a_count(folder):
    path = folder / "data_card.json"
    path.write_text(path.read_text().replace('"slices": 3', '"slices": 4', 1))


def shorten_a_split(folder):
    path = folder / PLACE / "dataset_info.json"
    info = json.loads(path.read_text())
    info["splits"][0]["shardLengths"] = ["2"]
    path.write_text(json.dumps(info))


def put_test_into_train(folder):
    shutil.copyfile(folder / TEST, folder / TRAIN)


def put_a_subject_into_two_splits(folder):
    path = folder / "cases.csv"
    header, first, second, *rest = path.read_text().splitlines()
    ids = [line.split(",")[1] for line in (first, second)]
    second = second.replace(ids[1], ids[0]).replace(
        f"sub-{ids[0]}", f"sub-{ids[0]}_run-2"
    )
    path.write_text("\n".join([header, first, second, *rest]) + "\n")


def name_another_module(folder):
    path = folder / PLACE / "features.json"
    text = path.read_text()
    path.write_text(text.replace("tensorflow_datasets.core", "os.path", 1))


def add_a_note(folder):
    (folder / "notes.txt").write_text("hello")


def write_a_date(folder):
    path = folder / "share.json"
    path.write_text(path.read_text().replace('"FLAIR MRI', '"10.03.2019'))


def leave_out_the_sites(folder):
    path = folder / "share.json"
    share = json.loads(path.read_text())
    path.write_text(json.dumps(share | {"sites": None}))


def write_sums_again(folder):
    """As someone would who covers their traces."""
    paths = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    )
    lines = [
        f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n"
        for path in paths
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_byte, f"{TRAIN}: its bytes are not those"),
        (remove_a_file, f"{TRAIN}: missing"),
        (edit_a_count, "data_card.json: its bytes are not those"),
        (add_a_note, "notes.txt: was not packed"),
    ],
)
def test_checksums_see_it(damage, message, received, run_share, capsys):
    damage(received)
    assert run_share("verify", data_dir=received) == 1
    out = capsys.readouterr().out
    assert message in out
    assert "Problems: 1" in out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_byte, f"{TRAIN}: record 1 cannot be read"),
        (remove_a_file, "SHA256SUMS: expected a line for"),
        (edit_a_count, "says 4 slices, cases.csv has 3"),
        (shorten_a_split, f"{TRAIN}: expected 2 records, found 3"),
        (put_test_into_train, "is described in two ways, or lies in two spl"),
        (put_a_subject_into_two_splits, "is in two splits: train, validation"),
        (add_a_note, "notes.txt: is no part of a data set"),
        (write_a_date, "holds a date"),
    ],
)
def test_seen_behind_new_checksums_too(
    damage, message, received, run_share, capsys
):
    damage(received)
    write_sums_again(received)
    assert run_share("verify", data_dir=received) == 1
    assert message in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (name_another_module, "such a file would run other code"),
        (lambda f: (f / "share.json").write_text("{}"), "share_version"),
        (leave_out_the_sites, "share.json: sites missing or wrong"),
        (lambda f: (f / "SHA256SUMS").write_text(""), "is empty"),
        (
            lambda f: (f / "SHA256SUMS").write_text(f"{'0' * 64}  ../x\n"),
            "line 1: expected a SHA-256 and a path in this folder",
        ),
    ],
)
def test_what_cannot_be_read_at_all(
    damage, message, received, run_share, capsys
):
    damage(received)
    if message.startswith("such"):
        write_sums_again(received)
    assert run_share("verify", data_dir=received) == 1
    assert message in capsys.readouterr().err


def test_a_sound_pack_is_called_whole(packs, run_share, capsys):
    assert run_share("verify", data_dir=packs["south"]) == 0
    out = capsys.readouterr().out
    assert "whole, and as it was packed" in out
    assert "Sites: south. Heads: defaced. Licence: CC-BY-4.0" in out


def test_a_prepared_folder_is_no_pack(prepared, run_share, capsys):
    assert run_share("verify", data_dir=prepared["north"]) == 1
    assert "make one with `wmh-share pack`" in capsys.readouterr().err
