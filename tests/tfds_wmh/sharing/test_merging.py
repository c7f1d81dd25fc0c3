"""Packs of several sites become one data set; their records stay."""

import json
import shutil

import pytest

from data_prep.files import read_csv
from data_prep.splits import read_splits
from wmh_keras.datasets import open_prepared_data

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("config", ["slices", "volumes"])
@pytest.mark.parametrize("split", SPLITS)
def test_record_files_are_the_sites_own(packs, merged, config, split):
    """By site, whatever the order on the command line."""
    place = f"tfds_wmh/{config}/1.0.0"
    for index, site in enumerate(("north", "south")):
        one = packs[site] / place / f"tfds_wmh-{split}.tfrecord-00000-of-00001"
        new = merged / place / f"tfds_wmh-{split}.tfrecord-0000{index}-of-00002"
        assert new.read_bytes() == one.read_bytes()
        assert new.samefile(one)  # a link costs no space


def test_the_merged_folder_is_a_sound_pack(merged, run_share, capsys):
    assert run_share("verify", data_dir=merged) == 0
    assert "Sites: north, south" in capsys.readouterr().out
    share = json.loads((merged / "share.json").read_text())
    assert [part["sites"] for part in share["merged_from"]] == [
        ["north"],
        ["south"],
    ]
    assert (
        "| north | defaced | CC-BY-4.0 |" in (merged / "README.md").read_text()
    )


def test_lists_and_card_are_of_all(merged, packs):
    rows = read_csv(merged / "cases.csv")
    own = [read_csv(packs[site] / "cases.csv") for site in ("north", "south")]
    assert sorted(row["volume_id"] for row in rows) == sorted(
        row["volume_id"] for part in own for row in part
    )
    assert len(read_splits(merged / "splits.csv")) == 6
    card = json.loads((merged / "data_card.json").read_text())
    parts = [
        json.loads((packs[site] / "data_card.json").read_text())
        for site in ("north", "south")
    ]
    for split in SPLITS:
        received = card["splits"][split]
        assert received["sites"] == {"north": 1, "south": 1}
        assert received["spacing_mm"]["z"] == [6, 6, 6]
        lesions = [part["splits"][split]["lesions"] for part in parts]
        for field in ("count", "small", "large", "volumes_without"):
            assert received["lesions"][field] == sum(x[field] for x in lesions)
        # The median of two is their mean; each has one volume.
        total = sum(x["total_ml"] for x in lesions)
        assert received["lesions"]["total_ml"] == pytest.approx(total)
        assert received["lesions"]["median_ml"] == pytest.approx(total / 2)
    assert card["identity"] not in {part["identity"] for part in parts}


def test_our_own_programs_read_it(merged):
    data = open_prepared_data(merged)
    for split in SPLITS:
        records = data.select(split)
        assert [record.site for record in records] == ["north", "south"]
        stored = list(data.read_volumes(records))
        assert [volume.record for volume in stored] == records
        assert sum(1 for _ in data.slices(records)) == 6


def test_merging_twice_does_nothing_more(packs, merged, run_share, capsys):
    flags = {"packs": f"{packs['north']},{packs['south']}", "output": merged}
    assert run_share("merge", **flags) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run_share("merge", **flags, name="Other") == 1
    assert "holds another data set" in capsys.readouterr().err


@pytest.fixture
def make_pack(prepare_site, run_share, tmp_path):
    def make(name, *flags, site, voxels):
        data_dir = prepare_site(
            tmp_path / name, site, "--pseudonymize", *flags, voxels=voxels
        )
        output = tmp_path / f"pack_{name}"
        assert run_share("pack", data_dir=data_dir, output=output) == 0
        return output

    return make


def test_what_does_not_go_together_is_said_at_once(
    packs, make_pack, run_share, tmp_path, capsys
):
    """The same label, another preparation, one key for two, no site at all."""
    key = f"--pseudonym_key={tmp_path / 'key'}"
    other = make_pack(
        "other", key, "--padding=background", site="north", voxels="x"
    )
    nowhere = make_pack("nowhere", key, site="", voxels="y")
    joined = ",".join(map(str, (packs["north"], other, nowhere)))
    output = tmp_path / "merged"
    assert run_share("merge", packs=joined, output=output) == 1
    err = capsys.readouterr().err
    assert "site 'north' is in " in err
    assert "padding: zero in " in err
    assert f"background in {other}" in err
    assert f"{nowhere}: expected a site for every volume" in err
    assert "3 subjects are in " in err
    assert "--pseudonym_key of its own" in err
    assert not output.exists()


def test_one_scan_in_two_packs_is_refused(
    packs, make_pack, run_share, tmp_path, capsys
):
    """Under another site, another key and so another pseudonym."""
    copy = make_pack("copy", site="west", voxels="north")
    output = tmp_path / "merged"
    joined = f"{packs['north']},{copy}"
    assert run_share("merge", packs=joined, output=output) == 1
    assert capsys.readouterr().out.count("the same voxels are sub-p") == 3
    assert not output.exists()


def test_a_damaged_pack_is_not_merged(
    packs, received, run_share, tmp_path, capsys
):
    shutil.copyfile(received / "README.md", received / "more.md")
    output = tmp_path / "merged"
    flags = {"packs": f"{received},{packs['south']}", "output": output}
    assert run_share("merge", **flags) == 1
    assert f"{received}: more.md: was not packed" in capsys.readouterr().out
    assert not output.exists()
    assert run_share("merge", packs=received, output=output) == 1
    assert "expected two packs or more" in capsys.readouterr().err
