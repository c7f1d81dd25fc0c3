"""What a server finds: files, signatures, operations; and how it loads them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import saved_model_pb2

from wmh_keras.serving.saved_model import operations_of


def signature_of(folder, name):
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((folder / "saved_model.pb").read_bytes())
    return content.meta_graphs[0].signature_def[name]


def described(tensors):
    return {
        name: (
            tf.dtypes.as_dtype(info.dtype).name,
            [d.size for d in info.tensor_shape.dim],
        )
        for name, info in tensors.items()
    }


def test_lies_as_a_server_wants_it(exports):
    folder = exports / "wmh" / "1"
    files = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        "saved_model.pb",
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "assets/model.json",
        "assets/MODEL_CARD.md",
        "assets/LICENSE",
        "assets.extra/tf_serving_warmup_requests",
    }
    assert [path.name for path in (exports / "wmh").iterdir()] == ["1"]


def test_signatures_are_named(exports):
    folder = exports / "wmh" / "1"
    slices = signature_of(folder, "serving_default")
    assert described(slices.inputs) == {"slices": ("float32", [-1, 32, 32, 1])}
    assert described(slices.outputs) == {
        "probability": ("float32", [-1, 32, 32, 1])
    }
    volume = signature_of(folder, "segment_volume")
    assert described(volume.inputs) == {
        "volume": ("float32", [-1] * 4),
        "spacing_mm": ("float32", [-1, 2]),
        "threshold": ("float32", [-1]),
    }
    assert described(volume.outputs) == {
        "probability": ("float32", [-1] * 4),
        "mask": ("uint8", [-1] * 4),
    }
    two = signature_of(exports / "other" / "1", "segment_volume")
    assert {"volume", "volume_t1"} < set(two.inputs)


def test_a_network_of_patches_has_no_volumes(exports):
    folder = exports / "patches" / "1"
    patches = signature_of(folder, "serving_default")
    assert described(patches.inputs) == {
        "patches": ("float32", [-1, 4, 16, 16, 1])
    }
    assert not signature_of(folder, "segment_volume").inputs
    output = (exports / "output.txt").read_text(encoding="utf-8")
    assert "no segment_volume: this network takes patches" in output


@pytest.mark.parametrize("name", ["wmh", "other", "patches"])
def test_holds_operations_of_tensorflow_alone(exports, name):
    operations = operations_of(exports / name / "1")
    assert {"AddV2", "Sigmoid"} < operations
    assert not [o for o in operations if o.startswith("Xla") or "PyFunc" in o]


def test_model_card_and_facts(exports):
    assets = exports / "wmh" / "1" / "assets"
    facts = json.loads((assets / "model.json").read_text(encoding="utf-8"))
    assert facts["identity"].startswith("unet-")
    assert (facts["side"], facts["channels"]) == (32, ["flair"])
    assert (facts["threshold"], facts["min_lesion_mm3"]) == (0.5, 3.0)
    assert facts["preprocess"]["normalization"] == "zscore"
    assert "0123456789abcdef" not in json.dumps(facts)
    card = (assets / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# wmh, version 1\n")  # a model without a name
    assert "smallest lesion: 3 mm³. **Small lesions are not removed" in card
    assert "val_dice: 0.625" in card
    assert "not a medical device" in card
    licence = (assets / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence


@pytest.mark.parametrize(
    ("name", "count"), [("wmh", 2), ("other", 2), ("patches", 1)]
)
def test_warm_up_requests_fit_the_signatures(
    exports, serving_message, name, count
):
    folder = exports / name / "1"
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    assert len(records) == count
    saved = tf.saved_model.load(str(folder))
    for record in records:
        log = serving_message("PredictionLog").FromString(record)
        request = log.predict_log.request
        assert request.model_spec.name == name
        inputs = {
            item.key: tf.constant(
                tf.make_ndarray(tensor_pb2.TensorProto.FromString(item.value))
            )
            for item in request.inputs
        }
        function = saved.signatures[request.model_spec.signature_name]
        assert np.isfinite(function(**inputs)["probability"]).all()


def run_in_cpp(tmp_path, folder, signature, arrays):
    """Asks a signature in a process without Python's TensorFlow."""
    library = Path(tf.__file__).parent / "libtensorflow_cc.so.2"
    if not library.exists():
        pytest.skip("this TensorFlow comes without its C++ library")
    found = signature_of(folder, signature)
    job = {
        "library": str(library),
        "folder": str(folder),
        "arrays": str(tmp_path / "arrays.npz"),
        "results": str(tmp_path / "results.npz"),
        "inputs": {name: info.name for name, info in found.inputs.items()},
        "outputs": {name: info.name for name, info in found.outputs.items()},
    }
    np.savez(job["arrays"], **arrays)
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    script = Path(__file__).with_name("cpp_runtime.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "job.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(np.load(job["results"]))


def volume_request(shape=(2, 3, 20, 25)):
    rng = np.random.default_rng(0)
    return {
        "volume": rng.normal(50, 20, shape).astype(np.float32),
        "spacing_mm": np.array([[1, 1], [1.4, 1]], np.float32),
        "threshold": np.array([0.5, 0.3], np.float32),
    }


def test_cpp_runtime_gives_what_python_gives(exports, tmp_path):
    """With XLA off and no Python in it, which is how a server loads it."""
    folder = exports / "wmh" / "1"
    arrays = volume_request()
    received = run_in_cpp(tmp_path, folder, "segment_volume", arrays)
    function = tf.saved_model.load(str(folder)).signatures["segment_volume"]
    expected = function(**{k: tf.constant(v) for k, v in arrays.items()})
    assert received["mask"].shape == (2, 3, 20, 25)
    assert 0 < received["mask"].mean() < 1
    for name in ("probability", "mask"):
        np.testing.assert_allclose(received[name], expected[name], atol=1e-6)


def test_cpp_runtime_says_what_is_wrong_with_a_volume(exports, tmp_path):
    arrays = volume_request()
    arrays["volume"][0, 0, 0, 0] = np.nan
    with pytest.raises(RuntimeError, match="a voxel is NaN or infinite"):
        run_in_cpp(tmp_path, exports / "wmh" / "1", "segment_volume", arrays)


def test_cpp_runtime_runs_a_network_of_patches(exports, tmp_path):
    folder = exports / "patches" / "1"
    patches = np.random.default_rng(1).normal(size=(2, 4, 16, 16, 1))
    arrays = {"patches": patches.astype(np.float32)}
    received = run_in_cpp(tmp_path, folder, "serving_default", arrays)
    function = tf.saved_model.load(str(folder)).signatures["serving_default"]
    expected = function(patches=tf.constant(arrays["patches"]))
    np.testing.assert_allclose(
        received["probability"], expected["probability"], atol=1e-6
    )
