import dataclasses
import hashlib
import json

import numpy as np
import pytest

from data_prep.errors import UserError
from data_prep.files import locked_folder
from data_prep.preprocess import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.model_info import ModelInfo, Origin, content_checksum
from wmh_keras.models import build_model
from wmh_keras.plausibility.training_range import TrainingRange

ARGUMENTS = {"side": 16, "channels": 1, "filters": [2, 4]}
INFO = ModelInfo(
    network="unet",
    network_arguments=ARGUMENTS,
    preprocess=PreprocessConfig(side=16, padding="background"),
    threshold=0.4,
    min_lesion_mm3=3.5,
    data_identity="abc",
    scores={"val_dice": 0.75},
)


@pytest.fixture(scope="module")
def models():
    made = [build_model("unet", **ARGUMENTS) for _ in range(2)]
    rng = np.random.default_rng(0)
    for model in made:
        model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return made


@pytest.fixture
def folder(tmp_path, models):
    artifacts.save_model(tmp_path / "run" / "model", models[:1], INFO)
    return tmp_path / "run" / "model"


def edit(folder, **changes):
    """Writes other content, with a checksum that fits it."""
    path = folder / "model.json"
    content = {**json.loads(path.read_text()), **changes}
    content["checksum"] = content_checksum(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("of_workdir", [True, False])
def test_what_is_saved_is_read_back(folder, models, of_workdir):
    info = artifacts.read_model_info(folder.parent if of_workdir else folder)
    expected = dataclasses.replace(
        INFO,
        versions=info.versions,
        members=info.members,
        files=info.files,
        folder=folder,
    )
    assert info == expected
    assert {"wmh-keras", "keras", "numpy"} <= set(info.versions)
    (loaded,) = artifacts.load_models(info)
    for left, right in zip(loaded.weights, models[0].weights, strict=True):
        np.testing.assert_array_equal(left, right)


def test_an_ensemble_keeps_its_members_and_their_scores(tmp_path, models):
    artifacts.save_model(
        tmp_path, models, INFO, [{"val_dice": 0.7}, {"val_dice": 0.8}]
    )
    info = artifacts.read_model_info(tmp_path)
    assert [m.scores["val_dice"] for m in info.members] == [0.7, 0.8]
    for loaded, model in zip(artifacts.load_models(info), models, strict=True):
        np.testing.assert_array_equal(loaded.weights[0], model.weights[0])


def test_the_training_range_is_optional_and_checked(tmp_path, models):
    known = TrainingRange(14, {"slice_mm": (1.0, 8.1)})
    info = dataclasses.replace(INFO, training_range=known)
    artifacts.save_model(tmp_path / "new", models[:1], info)
    assert artifacts.read_model_info(tmp_path / "new").training_range == known
    artifacts.save_model(tmp_path / "old", models[:1], INFO)
    content = json.loads((tmp_path / "old" / "model.json").read_text())
    assert "training_range" not in content
    assert artifacts.read_model_info(tmp_path / "old").training_range is None
    edit(tmp_path / "new", training_range={"volumes": 14})
    with pytest.raises(UserError, match="training_range: expected ranges"):
        artifacts.read_model_info(tmp_path / "new")


def test_the_same_model_gives_the_same_bytes(tmp_path, models):
    first = artifacts.save_model(tmp_path / "a", models[:1], INFO)
    second = artifacts.save_model(tmp_path / "b", models[:1], INFO)
    assert first.files == second.files


def test_weights_of_a_half_precision_network_load_in_float32(tmp_path):
    half = build_model("unet", dtype="mixed_bfloat16", **ARGUMENTS)
    info = artifacts.save_model(tmp_path / "model", [half], INFO)
    (loaded,) = artifacts.load_models(info)
    assert loaded.get_layer("bottom_1_conv").compute_dtype == "float32"
    np.testing.assert_array_equal(loaded.weights[0], half.weights[0])


def test_a_failed_save_leaves_the_old_model(folder, models, monkeypatch):
    before = artifacts.read_model_info(folder)

    def fail(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(models[1], "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        artifacts.save_model(folder, [models[1]], INFO)
    assert artifacts.read_model_info(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_kill_between_the_renames_leaves_a_model(folder, models):
    folder.rename(folder.with_name("model.previous"))
    assert artifacts.read_model_info(folder.parent).scores == INFO.scores
    assert artifacts.read_model_info(folder).scores == INFO.scores
    artifacts.save_model(folder, models[:1], INFO)
    assert artifacts.read_model_info(folder.parent).folder == folder


def test_settings_are_changed_and_nothing_else(folder, models):
    before = artifacts.read_model_info(folder)
    weights = (folder / "member_0.weights.h5").read_bytes()
    returned = artifacts.update_settings(
        before, threshold=0.35, min_lesion_mm3=5.0
    )
    found = artifacts.read_model_info(folder.parent)
    assert found == returned
    assert found == dataclasses.replace(
        before, threshold=0.35, min_lesion_mm3=5.0
    )
    assert (folder / "member_0.weights.h5").read_bytes() == weights
    # Back again, the file is as it was to the last byte.
    text = (folder / "model.json").read_text()
    artifacts.update_settings(found, threshold=0.4, min_lesion_mm3=3.5)
    artifacts.update_settings(found, threshold=0.35, min_lesion_mm3=5.0)
    assert (folder / "model.json").read_text() == text
    # Of another model by now they are left alone.
    artifacts.save_model(folder, models[1:], INFO)
    with pytest.raises(UserError, match="was replaced in the meantime"):
        artifacts.update_settings(found, threshold=0.1, min_lesion_mm3=0.0)
    assert artifacts.read_model_info(folder).threshold == INFO.threshold


def test_settings_wait_for_no_training(folder):
    info = artifacts.read_model_info(folder)
    with (
        locked_folder(folder.parent, "training"),
        pytest.raises(UserError, match="a training or another program"),
    ):
        artifacts.update_settings(info, threshold=0.1, min_lesion_mm3=0.0)
    assert artifacts.read_model_info(folder) == info


@pytest.mark.parametrize("fitted", [None, (), ("a", "b")])
def test_who_was_fitted_is_read_back(folder, models, fitted):
    info = dataclasses.replace(INFO, fitted_subjects=fitted)
    artifacts.save_model(folder, models[:1], info)
    assert artifacts.read_model_info(folder).fitted_subjects == fitted


def test_no_model_is_explained(tmp_path):
    with pytest.raises(UserError, match="no model there: expected"):
        artifacts.read_model_info(tmp_path)


def test_changed_weights_are_refused(folder):
    weights = folder / "member_0.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"member_0.weights.h5: its SHA-256"):
        artifacts.read_model_info(folder)


def test_missing_weights_are_named(folder):
    (folder / "member_0.weights.h5").unlink()
    with pytest.raises(UserError, match=r"member_0.weights.h5: missing"):
        artifacts.read_model_info(folder)


def test_weights_of_another_network_are_refused(folder):
    edit(folder, network_arguments={**ARGUMENTS, "filters": [4, 4]})
    info = artifacts.read_model_info(folder)
    with pytest.raises(UserError, match=r"weights.h5: these weights do not"):
        artifacts.load_models(info)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"network": 3},
        {"network_arguments": [1]},
        {"network_arguments": {**ARGUMENTS, "side": 32}},
        {"network_arguments": {**ARGUMENTS, "channels": 2}},
        {"network_arguments": {"patch_shape": [8, 32, 16]}},
        {"network_arguments": {"patch_shape": [16, 16]}},
        {"network_arguments": {"patch_shape": "8,16,16"}},
        {"network_arguments": {"patch_shape": [8, 16, 16.0]}},
        {"network_arguments": {"patch_shape": [0, 16, 16]}},
        {"origin": "elsewhere"},
        {"origin": {"weights_sha256": "xyz", "data_identities": []}},
        {"origin": {"weights_sha256": ""}},
        {"preprocess": {"side": "16"}},
        {"preprocess": {"side": 16, "colour": "red"}},
        {"threshold": "0.5"},
        {"threshold": True},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"min_lesion_mm3": -1},
        {"min_lesion_mm3": None},
        {"members": []},
        {"members": [{"file": "other.h5", "scores": {}}]},
        {"members": ["member_0.weights.h5"]},
        {"files": {"../outside.h5": "0" * 64}},
        {"files": {"/etc/passwd": "0" * 64}},
        {"files": {"member_0.weights.h5": "xyz"}},
        {"data_identity": None},
        {"name": "two words"},
        {"name": ""},
        {"version": 1},
        {
            "members": [
                {
                    "file": "member_0.weights.h5",
                    "scores": {},
                    "source_sha256": "xyz",
                }
            ]
        },
    ],
)
def test_a_bad_model_json_is_refused_by_name(folder, changes):
    edit(folder, **changes)
    with pytest.raises(UserError, match=r"model\.json: not a usable model"):
        artifacts.read_model_info(folder)


def test_networks_of_patches_and_of_any_side_are_accepted(folder):
    edit(folder, network_arguments={"side": None, "channels": 1})
    artifacts.read_model_info(folder)
    arguments = {"patch_shape": [32, 16, 8], "channels": 1}
    edit(folder, network="unet3d", network_arguments=arguments)
    assert artifacts.read_model_info(folder).network_arguments == arguments


def test_where_the_weights_come_from_is_kept_and_may_be_missing(
    tmp_path, models, folder
):
    origin = Origin("0" * 64, ("one", "two"))
    info = dataclasses.replace(INFO, origin=origin)
    artifacts.save_model(tmp_path / "second", models[:1], info)
    assert artifacts.read_model_info(tmp_path / "second").origin == origin
    # A model.json of the time before.
    path = folder / "model.json"
    content = json.loads(path.read_text())
    del content["origin"], content["checksum"]
    path.write_text(json.dumps(content))
    assert artifacts.read_model_info(folder).origin == Origin()


def test_name_and_version_are_kept(tmp_path, models):
    info = dataclasses.replace(INFO, name="wmh-robust-1", version="1.0")
    artifacts.save_model(tmp_path / "named", models[:1], info)
    read = artifacts.read_model_info(tmp_path / "named")
    assert (read.name, read.version) == ("wmh-robust-1", "1.0")


def test_the_checksum_is_of_the_content_not_of_its_layout(folder):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    fields = {k: v for k, v in content.items() if k != "checksum"}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert content["checksum"] == digest
    assert artifacts.read_model_info(folder).checksum == digest
    turned = dict(reversed(content.items()))
    path.write_text(json.dumps(turned, indent=7))
    assert artifacts.read_model_info(folder).checksum == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"threshold": 0.4', '"threshold": 0.3'),
        ('"background"', '"zero"'),
        ('"min_lesion_mm3"', '"weather": 1, "min_lesion_mm3"'),
        ('"checksum": "', '"checksum": "0'),
    ],
)
def test_an_edited_model_json_is_refused(folder, old, new):
    path = folder / "model.json"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=r"model\.json: .*edited.*--threshold"):
        artifacts.read_model_info(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "{}"])
def test_a_broken_model_json_is_refused_by_name(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(UserError, match=r"model\.json: not a"):
        artifacts.read_model_info(folder)


@pytest.mark.parametrize(
    "arguments",
    [{"filters": [10**9]}, {"filters": "os"}, {"units": 3}],
)
def test_bad_network_arguments_are_refused_before_building(folder, arguments):
    edit(folder, network_arguments=arguments)
    info = artifacts.read_model_info(folder)
    with pytest.raises(UserError, match=r"model\.json: "):
        artifacts.load_models(info)


def test_an_unknown_network_is_refused_by_name(folder):
    edit(folder, network="os.system")
    info = artifacts.read_model_info(folder)
    with pytest.raises(UserError, match=r"model\.json: network: expected one"):
        artifacts.load_models(info)


def test_reading_what_a_model_is_imports_no_framework(folder, run_python):
    code = (
        "import sys\n"
        "from wmh_keras import artifacts\n"
        f"artifacts.read_model_info({str(folder)!r})\n"
        "heavy = {'keras', 'jax', 'tensorflow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    run_python(code)
