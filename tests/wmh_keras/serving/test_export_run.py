"""Exports as a whole: what is written, and when nothing is."""

import json

import pytest

ENDINGS = {"tf_saved_model": "", "onnx": "-onnx", "openvino": "-openvino"}
# Keras on TensorFlow from the start, so that `checking` may be imported.
NOTHING_IS_GOOD_ENOUGH = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
from wmh_keras.serving import checking
checking.NETWORK_TOLERANCE = -1.0
"""
# To the program it looks like a disk that is full.
NO_LARGE_FILE = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
"""


def test_every_format_has_a_folder_of_its_own(exports, formats):
    names = {f"wmh{ENDINGS[name]}" for name in formats} | {"other", "patches"}
    assert {p.name for p in exports.iterdir() if p.is_dir()} == names
    for name in formats:
        folder = exports / f"wmh{ENDINGS[name]}" / "1"
        assets = folder / "assets" if name == "tf_saved_model" else folder
        facts = json.loads((assets / "model.json").read_text(encoding="utf-8"))
        assert (facts["name"], facts["version"]) == ("wmh", 1)
        assert (assets / "MODEL_CARD.md").exists()
        assert (assets / "LICENSE").exists()


def test_it_says_how_near_it_is_and_what_the_mask_keeps(exports):
    output = (exports / "output.txt").read_text(encoding="utf-8")
    assert "serving_default: probabilities within" in output
    assert "segment_volume: probabilities within" in output
    assert "keeps lesions below the model's 3 mm³" in output
    assert "no licence: nobody may use the weights" in output


def test_versions_count_up_and_failures_leave_nothing(
    runs, run_exports, tmp_path
):
    """One process: two that work, and what cannot be exported."""
    out, licence = tmp_path / "out", tmp_path / "licence.txt"
    licence.write_text("Ask first.", encoding="utf-8")
    plain, patches = (f"--model={runs / n}" for n in ("plain", "patches"))
    output_dir = f"--output_dir={out}"
    done = run_exports(
        [plain, output_dir, "--model_version=7", f"--licence={licence}"],
        [plain, output_dir],
        [plain, output_dir, f"--licence={tmp_path / 'nowhere'}"],
        [patches, output_dir, "--test_time_flips=all"],
        [plain, patches, output_dir],
    )
    codes = [
        line.split()[1]
        for line in done.stdout.splitlines()
        if line.startswith("exit")
    ]
    assert codes == ["0", "0", "1", "1", "1"], done.stderr
    for words in (
        "not a text that can be read",
        "a network of patches is exported without",
        "of slices and of patches do not go into one",
    ):
        assert words in done.stderr
    assert [path.name for path in out.iterdir()] == ["wmh"]
    assert sorted(p.name for p in (out / "wmh").iterdir()) == ["7", "8"]
    text = (out / "wmh" / "7" / "assets" / "LICENSE").read_text("utf-8")
    assert text == "Ask first."


def test_what_differs_from_the_model_is_not_written(
    runs, run_exports, formats, tmp_path
):
    done = run_exports(
        *(
            [
                f"--model={runs / 'plain'}",
                f"--output_dir={tmp_path}",
                f"--format={name}",
            ]
            for name in formats
        ),
        prelude=NOTHING_IS_GOOD_ENOUGH,
    )
    assert done.stdout.count("exit 1") == len(formats)
    assert done.stderr.count("nothing was written") == len(formats)
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_said_and_leaves_nothing(runs, run_exports, tmp_path):
    flags = [f"--model={runs / 'plain'}", f"--output_dir={tmp_path}"]
    done = run_exports(flags, prelude=NO_LARGE_FILE)
    assert "exit 1" in done.stdout
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("number", [1, 5, 300])
def test_lengths_in_a_protocol_buffer(number):
    """Of one byte up to 127, of two from there on."""
    from wmh_keras.serving import warmup

    field = warmup._field(1, b"a" * number)
    length = [number] if number < 128 else [number % 128 + 128, number // 128]
    assert field == bytes([1 << 3 | 2, *length]) + b"a" * number
