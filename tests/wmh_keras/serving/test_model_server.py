"""TensorFlow Serving itself, where there is one."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from wmh_keras.serving.warmup import predict_request

SERVER = shutil.which("tensorflow_model_server")
pytestmark = [
    pytest.mark.model_server,
    pytest.mark.skipif(
        SERVER is None, reason="no tensorflow_model_server on the PATH"
    ),
]
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(exports, tmp_path_factory):
    """Ports for gRPC and REST of a server that has loaded the model."""
    grpc_port, rest_port = free_port(), free_port()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [
                SERVER,
                f"--port={grpc_port}",
                f"--rest_api_port={rest_port}",
                "--model_name=wmh",
                f"--model_base_path={exports / 'wmh'}",
            ],
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(process, f"http://127.0.0.1:{rest_port}/v1/models/wmh", log)
        yield grpc_port, rest_port
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(process, url, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if "AVAILABLE" in answer.read().decode():
                    return
        except urllib.error.URLError:
            pass
        time.sleep(0.5)
    pytest.fail(log.read_text(encoding="utf-8"))


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    return {
        "volume": rng.normal(50, 20, (1, 3, 20, 25)).astype(np.float32),
        "spacing_mm": np.array([[1.4, 1]], np.float32),
        "threshold": np.array([0.5], np.float32),
    }


@pytest.fixture
def expected(exports, volume):
    saved = tf.saved_model.load(str(exports / "wmh" / "1"))
    results = saved.signatures["segment_volume"](
        **{name: tf.constant(array) for name, array in volume.items()}
    )
    return {name: tensor.numpy() for name, tensor in results.items()}


def test_over_rest(server, volume, expected):
    _, port = server
    inputs = {name: array.tolist() for name, array in volume.items()}
    body = json.dumps({"signature_name": "segment_volume", "inputs": inputs})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/models/wmh:predict", body.encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        outputs = json.load(answer)["outputs"]
    for name, array in expected.items():
        np.testing.assert_allclose(outputs[name], array, atol=1e-5)


def test_over_grpc(server, volume, expected, serving_message):
    import grpc

    port, _ = server
    inputs = {name: tf.make_tensor_proto(a) for name, a in volume.items()}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            response_deserializer=serving_message("PredictResponse").FromString,
        )
        request = predict_request("wmh", "segment_volume", inputs)
        answer = call(request, timeout=60)
    received = {
        item.key: tf.make_ndarray(tensor_pb2.TensorProto.FromString(item.value))
        for item in answer.outputs
    }
    for name, array in expected.items():
        np.testing.assert_allclose(received[name], array, atol=1e-5)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
@pytest.mark.parametrize("route", ["volume", "slices"])
def test_the_client_finds_what_prediction_finds(
    server, runs, make_head, protocol, route
):
    from wmh_keras import artifacts
    from wmh_keras.inference.loading import load_segmenter
    from wmh_keras.serving.client.connection import Connection, connect
    from wmh_keras.serving.client.remote_segmenter import RemoteSegmenter
    from wmh_keras.serving.client.route import Route
    from wmh_keras.serving.client.served_model import open_model

    port = dict(zip(("grpc", "rest"), server, strict=True))[protocol]
    transport = connect(Connection(f"127.0.0.1:{port}", protocol))
    served = open_model(transport, "wmh")
    remote = RemoteSegmenter(served, route=Route(route))
    received = remote.segment([make_head()]).probability
    transport.close()
    info = artifacts.read_model_info(runs / "plain")
    expected = load_segmenter([info]).segment([make_head()]).probability
    np.testing.assert_allclose(received, expected, atol=1e-4)
    assert received.max() > 0
