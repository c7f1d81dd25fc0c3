import dataclasses
import json

import numpy as np
import pytest

from data_prep.preprocess import PreprocessConfig
from wmh_keras import artifacts
from wmh_keras.inference.compiled import keras_network
from wmh_keras.model_info import ModelInfo, Origin
from wmh_keras.models import build_model
from wmh_keras.pack_model import cli
from wmh_keras.plausibility.training_range import TrainingRange

ARGUMENTS = {"side": 32, "filters": [4, 6, 8]}
INFO = ModelInfo(
    network="unet",
    network_arguments=ARGUMENTS,
    preprocess=PreprocessConfig(side=32, oversize="resize"),
    threshold=0.4,
    min_lesion_mm3=3.0,
    data_identity="one",
    seen_subjects=("00", "aa"),
    scores={"val_dice": 0.7},
)


def random_model(seed):
    model = build_model("unet", **ARGUMENTS)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if layer.name.endswith("_norm"):
            layer.set_weights([rng.uniform(0.7, 1.3, w.shape) for w in weights])
        elif weights:
            spread = np.sqrt(2 / np.prod(weights[0].shape[:-1]))
            layer.set_weights(
                [rng.normal(0, spread, weights[0].shape), weights[1]]
            )
    return model


@pytest.fixture(scope="module")
def models():
    return [random_model(seed) for seed in range(3)]


@pytest.fixture
def runs(tmp_path, models):
    """Three trainings."""
    folders = []
    for number, model in enumerate(models):
        folder = tmp_path / f"run_{number}" / "model"
        artifacts.save_model(folder, [model], INFO)
        folders.append(folder.parent)
    return folders


@pytest.fixture
def pack(tmp_path):
    def run(runs, *flags, output="packed"):
        return cli(
            [
                "wmh-pack-model",
                *(f"--model={run}" for run in runs),
                f"--output_dir={tmp_path / output}",
                "--model_name=wmh-test-1",
                *flags,
            ]
        )

    return run


def change(run, **changes):
    """Saves the model anew, with other facts."""
    info = artifacts.read_model_info(run)
    models = artifacts.load_models(info)
    info = dataclasses.replace(info, **changes)
    artifacts.save_model(run / "model", models, info)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_folder_of_three_trainings(runs, pack, tmp_path, models, capsys):
    licence = tmp_path / "licence.txt"
    licence.write_text("Do what you like.\r\n")
    assert pack(runs, f"--licence={licence}", "--model_version=1.0") == 0
    packed = tmp_path / "packed"
    info = artifacts.read_model_info(packed)
    assert sorted(bytes_of(packed)) == sorted([*info.files, "model.json"])
    assert (info.name, info.version) == ("wmh-test-1", "1.0")
    assert (info.threshold, info.min_lesion_mm3) == (0.4, 3.0)
    assert info.preprocess == INFO.preprocess
    assert info.scores == {}
    assert [dict(m.scores) for m in info.members] == [INFO.scores] * 3
    assert (packed / "LICENSE.txt").read_bytes() == licence.read_bytes()
    trained = {
        artifacts.read_model_info(run).files["member_0.weights.h5"]
        for run in runs
    }
    assert {member.source_sha256 for member in info.members} == trained
    shown = capsys.readouterr().out
    assert f"checksum {info.checksum[:12]}" in shown
    assert "wmh-test-1 1.0 (unet-" in shown
    assert "licence" not in shown


def test_order_and_repetition_do_not_matter(runs, pack, tmp_path, capsys):
    assert pack(runs) == 0
    first = bytes_of(tmp_path / "packed")
    assert pack(runs[::-1], output="other") == 0
    assert bytes_of(tmp_path / "other") == first
    assert pack(runs[::-1]) == 0
    assert "was there already" in capsys.readouterr().out
    assert bytes_of(tmp_path / "packed") == first
    # A folder that was made so may be packed again.
    assert pack([tmp_path / "packed"], output="again") == 0
    assert bytes_of(tmp_path / "again") == first
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_what_was_seen_is_merged(runs, pack, tmp_path, capsys):
    change(runs[1], seen_subjects=("aa", "bb"), data_identity="two")
    change(runs[2], origin=Origin("0" * 64, ("old",)))
    assert pack(runs) == 0
    info = artifacts.read_model_info(tmp_path / "packed")
    assert info.seen_subjects == ("00", "aa", "bb")
    assert info.data_identity == "one+two"
    assert info.origin.data_identities == ("old",)
    assert info.origin.weights_sha256
    assert info.versions == artifacts.read_model_info(runs[0]).versions
    assert "the licence of those binds these too" in capsys.readouterr().out


def test_who_was_fitted_and_on_what_is_merged(runs, pack, tmp_path):
    known = [
        TrainingRange(2, {"slice_mm": (1.0, 5.0)}),
        TrainingRange(2, {"slice_mm": (3.0, 8.0)}),
    ]
    for run, fitted, seen in zip(
        runs, (("a", "b"), ("b", "c")), known, strict=False
    ):
        change(run, fitted_subjects=fitted, training_range=seen)
    assert pack(runs[:2]) == 0
    info = artifacts.read_model_info(tmp_path / "packed")
    assert info.fitted_subjects == ("a", "b", "c")
    # Three people, of whom no training has seen all.
    assert info.training_range == TrainingRange(3, {"slice_mm": (1.0, 8.0)})
    # The third does not know whom it was fitted on.
    assert pack(runs, output="all") == 0
    info = artifacts.read_model_info(tmp_path / "all")
    assert info.fitted_subjects is None
    assert info.training_range == TrainingRange(2, {"slice_mm": (1.0, 8.0)})


def test_half_precision_is_the_same_for_every_reader(
    runs, pack, tmp_path, models
):
    openvino_network = pytest.importorskip(
        "wmh_keras.inference.openvino_network"
    )
    assert pack(runs) == 0
    info = artifacts.read_model_info(tmp_path / "packed")
    batch = np.random.default_rng(9).normal(size=(2, 32, 32, 1))
    batch = batch.astype(np.float32)
    originals = [keras_network(model).predict(batch) for model in models]
    for in_keras, in_openvino in zip(
        artifacts.load_models(info),
        openvino_network.load_networks(info, "fp32"),
        strict=True,
    ):
        expected = keras_network(in_keras).predict(batch)
        assert expected.std() > 0.01
        received = in_openvino.predict(batch)
        np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)
        nearest = min(abs(expected - o).max() for o in originals)
        assert 0 < nearest < 5e-3
    before = artifacts.read_model_info(runs[0])
    sizes = [
        (i.folder / "member_0.weights.h5").stat().st_size
        for i in (info, before)
    ]
    assert sizes[0] < sizes[1]


def test_float32_gives_the_weights_as_they_were(runs, pack, tmp_path, models):
    assert pack(runs[:1], "--weights_dtype=float32") == 0
    (loaded,) = artifacts.load_models(
        artifacts.read_model_info(tmp_path / "packed")
    )
    for left, right in zip(loaded.weights, models[0].weights, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 0.5}, "--threshold"),
        ({"min_lesion_mm3": 0.0}, "--min_lesion_mm3"),
        ({"preprocess": PreprocessConfig(side=32)}, "expected preprocess"),
        (
            {"network_arguments": {**ARGUMENTS, "channels": 1}},
            "expected network_arguments",
        ),
    ],
)
def test_trainings_that_do_not_go_together(
    runs, pack, tmp_path, capsys, changes, message
):
    change(runs[1], **changes)
    assert pack(runs) == 1
    error = capsys.readouterr().err
    assert message in error
    assert str(runs[1]) in error
    assert not (tmp_path / "packed").exists()


def test_flags_decide_where_trainings_differ(runs, pack, tmp_path):
    change(runs[1], threshold=0.5, min_lesion_mm3=0.0)
    assert pack(runs, "--threshold=0.45", "--min_lesion_mm3=5") == 0
    info = artifacts.read_model_info(tmp_path / "packed")
    assert (info.threshold, info.min_lesion_mm3) == (0.45, 5.0)


def test_no_training_has_two_votes(runs, pack, tmp_path, capsys):
    assert pack([runs[0], runs[0]]) == 1
    assert "two votes" in capsys.readouterr().err
    assert pack(runs[:2]) == 0
    assert pack([tmp_path / "packed", runs[1]], output="more") == 1
    assert "two votes" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()


def test_another_model_is_not_replaced(runs, pack, tmp_path, capsys):
    assert pack(runs) == 0
    before = bytes_of(tmp_path / "packed")
    assert pack(runs[:2]) == 1
    assert "holds another model: wmh-test-1" in capsys.readouterr().err
    assert bytes_of(tmp_path / "packed") == before
    assert pack(runs[:2], "--overwrite") == 0
    assert len(artifacts.read_model_info(tmp_path / "packed").members) == 2
    assert pack(runs[:2], output="run_0/model", *["--overwrite"]) == 1
    assert "is one of the models" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert pack(runs, "--overwrite", output="full") == 1
    assert "expected a folder that is empty" in capsys.readouterr().err


def test_a_damaged_one_is_repaired_only_when_asked(runs, pack, tmp_path):
    assert pack(runs) == 0
    before = bytes_of(tmp_path / "packed")
    (tmp_path / "packed" / "member_1.weights.h5").write_bytes(b"half")
    assert pack(runs) == 1
    assert pack(runs, "--overwrite") == 0
    assert bytes_of(tmp_path / "packed") == before


def test_weights_too_large_for_half_precision(pack, tmp_path, models, capsys):
    model = random_model(5)
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel + 1e6, bias])
    artifacts.save_model(tmp_path / "large" / "model", [model], INFO)
    assert pack([tmp_path / "large"]) == 1
    error = capsys.readouterr().err
    assert "too large for float16" in error
    assert "--weights_dtype=float32" in error
    assert not (tmp_path / "packed").exists()
    assert pack([tmp_path / "large"], "--weights_dtype=float32") == 0


def test_a_licence_goes_with_the_weights(runs, pack, tmp_path, capsys):
    licence = tmp_path / "licence.txt"
    licence.write_text("CC-BY-4.0")
    assert pack(runs) == 0
    assert "no licence" in capsys.readouterr().out
    assert pack(runs, f"--licence={licence}", output="licensed") == 0
    assert pack([tmp_path / "licensed"], output="again") == 1
    assert "have a licence, which has to go" in capsys.readouterr().err
    assert pack(runs, f"--licence={tmp_path / 'none.txt'}", output="x") == 1
    licence.write_text("\n")
    assert pack(runs, f"--licence={licence}", output="x") == 1
    assert "the file is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--model, --output_dir, --model_name"),
        (["--model=m", "--output_dir=o", "--model_name=a b"], "letters"),
        (["--model=m", "--output_dir=o", "--model_name=" + "a" * 65], "64"),
        (
            ["--model=m", "--output_dir=o", "--model_name=a", "--threshold=0"],
            "threshold",
        ),
        (["--weights_dtype=int8"], "weights_dtype"),
        *(
            (
                [
                    "--model=m",
                    "--output_dir=o",
                    "--model_name=a",
                    f"--min_lesion_mm3={value}",
                ],
                "--min_lesion_mm3: expected a number from 0 up",
            )
            for value in ("nan", "inf")
        ),
        (
            ["--model=", "--output_dir=o", "--model_name=a"],
            "--model: expected a folder, received nothing",
        ),
    ],
)
def test_wrong_usage(flags, message, capsys):
    assert cli(["wmh-pack-model", *flags]) == 2
    assert message in capsys.readouterr().err


def test_an_edited_threshold_of_a_packed_model(runs, pack, tmp_path, capsys):
    assert pack(runs) == 0
    path = tmp_path / "packed" / "model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "threshold": 0.1}))
    assert pack([tmp_path / "packed"], output="again") == 1
    assert "was edited" in capsys.readouterr().err
