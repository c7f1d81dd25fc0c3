"""The model that comes with the package."""

import configparser
import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from data_prep.errors import UsageError, UserError
from data_prep.nifti_writing import write_image
from data_prep.phantom import PhantomConfig, make_phantom
from data_prep.program import parse_flags
from wmh_keras import artifacts, bids_app, predict, shipped
from wmh_keras.evaluation import evaluate_flags, flag_requests
from wmh_keras.model_info import Origin
from wmh_keras.serving import export_flags
from wmh_keras.serving.export_request import plan_export
from wmh_keras.serving.model_card import write_card
from wmh_keras.training.named_model import read_named_model

LARGEST_BYTES = 30e6


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An installation whose model can be changed."""
    folder = tmp_path / "wmh_keras" / "shipped_model"
    shutil.copytree(shipped.shipped_folder(), folder)
    monkeypatch.setattr(
        shipped.resources, "files", lambda name: tmp_path / name
    )
    return folder


def test_the_folder_is_whole():
    folder = shipped.shipped_folder()
    info = artifacts.read_model_info(folder)  # checks every checksum
    names = {path.name for path in folder.iterdir()}
    assert names == {*info.files, "model.json", "LICENSE.txt"}
    assert sum(p.stat().st_size for p in folder.iterdir()) <= LARGEST_BYTES
    assert json.loads((folder / "model.json").read_text())["checksum"]
    assert info.name
    assert len(artifacts.read_weights(info)) == len(info.members) > 1


def test_it_goes_into_the_package(repository):
    setup = configparser.ConfigParser()
    setup.read(repository / "setup.cfg")
    patterns = setup["options.package_data"]["wmh_keras"].split()
    package = repository / "wmh_keras"
    found = {path for pattern in patterns for path in package.glob(pattern)}
    assert set((package / "shipped_model").iterdir()) <= found


def test_a_head_is_segmented_without_a_model_of_ones_own(tmp_path, capsys):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    flair, _ = make_phantom(PhantomConfig((64, 64, 8), (3, 3, 16)))
    write_image(tmp_path / "flair.nii.gz", flair.data, flair)
    arguments = [
        f"--input={tmp_path / 'flair.nii.gz'}",
        f"--output_dir={tmp_path / 'out'}",
        "--engine=openvino",
    ]
    assert predict.cli(["wmh-predict", *arguments]) == 0
    info = artifacts.read_model_info(shipped.shipped_folder())
    with open(tmp_path / "out" / "volumes.csv", newline="") as stream:
        (row,) = csv.DictReader(stream)
    name = f"{info.name} {info.version}"
    assert (row["status"], row["model_name"]) == ("done", name)
    assert row["model_checksum"] == info.checksum[:12]
    assert info.name in capsys.readouterr().out
    # The same, named.
    assert predict.cli(["", *arguments, "--model=shipped"]) == 0
    assert "0 to segment, 1 already done" in capsys.readouterr().out


def test_a_bids_data_set_too(phantom_cohort, tmp_path, capsys):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    (subject, *_) = sorted(phantom_cohort.glob("sub-*"))
    out = tmp_path / "out"
    arguments = [str(phantom_cohort), str(out), "participant"]
    arguments += ["--participant_label", subject.name, "--engine=openvino"]
    assert bids_app.cli(["wmh-bids-app", *arguments]) == 0
    (sidecar,) = out.rglob("*_mask.json")
    info = artifacts.read_model_info(shipped.shipped_folder())
    model = json.loads(sidecar.read_text())["Model"]
    assert (model["Name"], model["Version"]) == (info.name, info.version)
    assert model["Checksum"] == info.checksum


@pytest.mark.parametrize("program", [predict, bids_app])
def test_version_names_it(program, capsys):
    info = artifacts.read_model_info(shipped.shipped_folder())
    assert program.cli(["wmh", "--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("wmh-")
    assert second.startswith(f"model {info.name} ")
    assert f"{len(info.members)} networks" in second
    assert f"checksum {info.checksum[:12]})" in second


@pytest.mark.parametrize("program", [predict, bids_app])
def test_version_names_the_models_that_are_given(
    program, bright_model, save_model, tmp_path, capsys
):
    folder = save_model(tmp_path / "m", [bright_model], name="own", version="7")
    given = ["--model=shipped", f"--model={folder}"]
    assert program.cli(["wmh", "--version", given[1]]) == 0
    _, own = capsys.readouterr().out.splitlines()
    assert own.startswith("model own 7 (unet-")
    assert program.cli(["wmh", *given, "--version"]) == 0
    name = artifacts.read_model_info(shipped.shipped_folder()).name
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"model {name} ")
    assert second == own


def test_version_of_a_folder_that_is_no_model(tmp_path, capsys):
    assert predict.cli(["", "--version", f"--model={tmp_path}"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("wmh-predict 0.")
    assert str(tmp_path) in shown.err
    assert "model" not in shown.out


def test_version_says_that_it_is_damaged(elsewhere, capsys):
    (elsewhere / "member_0.weights.h5").write_bytes(b"half")
    assert predict.cli(["wmh-predict", "--version"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("wmh-predict 0.")
    assert "SHA-256" in shown.err


def test_an_installation_without_one(elsewhere, tmp_path, capsys):
    shutil.rmtree(elsewhere)
    arguments = ["--input=x.nii", f"--output_dir={tmp_path / 'out'}"]
    for more in ([], ["--model=shipped"]):
        assert predict.cli(["wmh-predict", *arguments, *more]) == 1
        error = capsys.readouterr().err
        assert "came without one" in error
        assert "--model=RUN" in error


def test_a_folder_of_this_name_is_ambiguous(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.model_path("shipped") == shipped.shipped_folder()
    (tmp_path / "shipped").mkdir()
    with pytest.raises(UsageError, match=r"write \./shipped for"):
        shipped.model_path("shipped")
    assert shipped.model_path("./shipped") == Path("shipped")
    with pytest.raises(UserError, match=r"write \./shipped for"):
        read_named_model("shipped:0")
    # Without --model there is no doubt.
    assert predict.cli(["", "--input=x.nii", "--output_dir=out"]) == 1


@pytest.mark.parametrize("name", ["evaluate", "export"])
def test_other_programs_know_its_name(name):
    if name == "evaluate":
        arguments = ["--data_dir=d", "--model=shipped", "--output_dir=o"]
        given = parse_flags(evaluate_flags.define_flags, arguments)
        models = flag_requests.model_request_from(given, None).models
    else:
        arguments = ["--model=shipped", "--output_dir=o"]
        given = parse_flags(export_flags.define_flags, arguments)
        models = export_flags.request_from(given).model_paths
    assert models == (shipped.shipped_folder(),)


@pytest.fixture
def export_plan(tmp_path):
    arguments = ["--model=shipped", f"--output_dir={tmp_path / 'exported'}"]
    given = parse_flags(export_flags.define_flags, arguments)
    return plan_export(export_flags.request_from(given))


def test_its_licence_goes_into_an_export(export_plan):
    licence = shipped.shipped_folder() / "LICENSE.txt"
    assert export_plan.licence == licence.read_text(encoding="utf-8")


def test_an_export_of_a_training_from_it_claims_no_licence(
    export_plan, tmp_path
):
    (info,) = export_plan.infos
    files = {k: v for k, v in info.files.items() if k != "LICENSE.txt"}
    trained = dataclasses.replace(info, files=files, origin=Origin("0" * 64))
    plan = dataclasses.replace(export_plan, infos=(trained,), licence=None)
    write_card(tmp_path, plan, [])
    sentence = "the licence of those binds these too"
    for name in ("LICENSE", "MODEL_CARD.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert sentence in text
        assert "belong to" not in text
    assert sentence in plan.licence_warnings[-1]
    assert not export_plan.licence_warnings
    # Beside a licensed model, too.
    both = dataclasses.replace(export_plan, infos=(info, trained))
    assert both.licence_warnings == plan.licence_warnings


def test_its_name_and_version_go_into_an_export(export_plan, tmp_path):
    info = artifacts.read_model_info(shipped.shipped_folder())
    write_card(tmp_path, export_plan, [])
    card = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {info.name} {info.version}\n")
    assert "- exported as: wmh, version 1" in card
    assert f", checksum {info.checksum[:12]})" in card
    facts = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    # The name and number of a server stay what they are.
    assert (facts["name"], facts["version"]) == ("wmh", 1)
    (model,) = facts["models"]
    assert (model["name"], model["version"]) == (info.name, info.version)
    assert model["checksum"] == info.checksum


def test_a_training_starts_from_one_of_its_networks(tmp_path, monkeypatch):
    info = artifacts.read_model_info(shipped.shipped_folder())
    count = len(info.members)
    last = read_named_model(f"shipped:{count - 1}")
    assert last.members == info.members[-1:]
    assert last.seen_subjects == info.seen_subjects
    with pytest.raises(UserError, match=f"of shipped:0 to shipped:{count - 1}"):
        read_named_model("shipped")
    with pytest.raises(UserError, match=f"number of 0 to {count - 1}"):
        read_named_model(f"shipped:{count}")
    # A folder may be called so as well.
    shutil.copytree(info.folder, tmp_path / "run:1")
    monkeypatch.chdir(tmp_path)
    assert len(read_named_model("run:1:0").members) == 1
    with pytest.raises(UserError, match="an ensemble of"):
        read_named_model("run:1")
