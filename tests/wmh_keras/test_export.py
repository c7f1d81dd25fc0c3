"""The program as a user runs it, where it goes wrong; see serving/ for more."""

import importlib.util

import pytest

from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.export import cli


@pytest.fixture
def export(bright_model_dir, tmp_path):
    """Plans are checked before TensorFlow is needed."""

    def run(*flags):
        return cli(
            [
                "wmh-export",
                f"--model={bright_model_dir}",
                f"--output_dir={tmp_path / 'out'}",
                *flags,
            ]
        )

    return run


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--format=tflite"], 2, "expected some of tf_saved_model, onnx"),
        (["--format="], 2, "received none"),
        (["--model_name=a/b"], 2, "--model_name: expected letters"),
        (["--model_version=0"], 2, "--model_version"),
        (["--model_version=99999999999999999999"], 2, "--model_version"),
        (["--threshold=0"], 2, "--threshold: expected above 0"),
        (
            ["--format=openvino", "--test_time_flips=all"],
            2,
            "flips are for --format=tf_saved_model",
        ),
        (["--model=/nowhere"], 1, "/nowhere: no model there"),
    ],
)
def test_what_is_refused_before_anything_is_loaded(
    export, tmp_path, capsys, flags, code, words
):
    assert export(*flags) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_version_that_is_there_stays(export, tmp_path, capsys):
    folder = tmp_path / "out" / "wmh" / "2"
    folder.mkdir(parents=True)
    assert export("--model_version=2") == 1
    assert "has a version 2 already" in capsys.readouterr().err
    assert not any(folder.iterdir())


def test_models_that_are_prepared_in_other_ways(
    export, tmp_path, save_model, softer_model, capsys
):
    other = save_model(
        tmp_path / "other" / "model",
        [softer_model],
        preprocess=PreprocessConfig(side=32, padding="background"),
    )
    assert export(f"--model={other}") == 1
    assert "prepared in another way" in capsys.readouterr().err


def test_keras_on_another_backend_is_said(export, tmp_path, capsys):
    """In one process it cannot be changed."""
    assert export() == 1
    assert "Keras already runs on jax" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_missing_is_named(export, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert export("--format=onnx") == 1
    assert "pip install '.[onnx]'" in capsys.readouterr().err
