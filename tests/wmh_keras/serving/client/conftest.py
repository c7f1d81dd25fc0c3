"""A small TensorFlow Serving: real messages, a real SavedModel, and faults.

`Backend` runs the model and misbehaves on demand; `serve_grpc` and
`serve_rest` put it on a port.
"""

import contextlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent import futures

import numpy as np
import pytest

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}


class Refusal(Exception):
    """What the server answers in place of a result: a gRPC status."""

    def __init__(self, code, message, headers=()):
        super().__init__(message)
        self.code, self.message, self.headers = code, message, dict(headers)


class Backend:
    """Versions of the model `wmh`, what was asked of them, and faults.

    before: called one by one, before each prediction, with the request.
    alter: changes the outputs of each prediction.
    """

    def __init__(self, loaded, versions=(1,)):
        self.loaded = loaded
        self.states = dict.fromkeys(versions, "AVAILABLE")
        self.hidden = set()
        self.before = []
        self.alter = lambda outputs: outputs
        self.asked = []
        self.tokens = []
        self.answers_version = None

    def check_model(self, name, version):
        if name != "wmh":
            raise Refusal("NOT_FOUND", f"no versions of model {name}")
        if version and self.states.get(version) != "AVAILABLE":
            raise Refusal("NOT_FOUND", f"Servable not found: {version}")

    @property
    def signatures(self):
        found = self.loaded.signatures
        return {k: v for k, v in found.items() if k not in self.hidden}

    def specs(self):
        return {
            name: (
                function.structured_input_signature[1],
                function.structured_outputs,
            )
            for name, function in self.signatures.items()
        }

    def predict(self, name, version, signature, inputs):
        import tensorflow as tf

        self.asked.append((version, signature, inputs))
        if self.before:
            self.before.pop(0)()
        self.check_model(name, version)
        specs = self.specs()[signature][0]
        tensors = {
            key: tf.constant(value, specs[key].dtype)
            for key, value in inputs.items()
        }
        try:
            results = self.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise Refusal("INVALID_ARGUMENT", error.message) from error
        outputs = {key: value.numpy() for key, value in results.items()}
        return self.alter(outputs) if signature != "describe" else outputs

    def predictions(self):
        return [s for _, s, _ in self.asked if s != "describe"]


@pytest.fixture(scope="session")
def export_dir(tmp_path_factory, bright_model_dir, repository):
    """What wmh-export writes of a model for which bright voxels are lesions."""
    folder = tmp_path_factory.mktemp("export")
    # In a process of its own: there, Keras runs on TensorFlow.
    subprocess.run(
        [
            sys.executable,
            "-m",
            "wmh_keras.export",
            f"--model={bright_model_dir}",
            f"--output_dir={folder}",
        ],
        cwd=repository,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    return folder


@pytest.fixture(scope="session")
def loaded_model(export_dir):
    import tensorflow as tf

    return tf.saved_model.load(str(export_dir / "wmh" / "1"))


@pytest.fixture(scope="session")
def identity(bright_model_dir):
    from wmh_keras.artifacts import read_model_info
    from wmh_keras.inference.ensemble import model_identity

    return model_identity(read_model_info(bright_model_dir))


@pytest.fixture
def backend(loaded_model):
    return Backend(loaded_model)


def _servicers(backend):
    """The real services, of the package tensorflow-serving-api."""
    import grpc
    import tensorflow as tf
    from google.protobuf import any_pb2
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    def info_of(spec):
        return meta_graph_pb2.TensorInfo(
            name="x",
            dtype=spec.dtype.as_datatype_enum,
            tensor_shape=tf.TensorShape(spec.shape).as_proto(),
        )

    def answering(ask):
        def wrapped(self, request, context):
            backend.tokens += [
                value
                for key, value in context.invocation_metadata()
                if key == "authorization"
            ]
            try:
                return ask(request)
            except Refusal as refusal:
                context.abort(
                    getattr(grpc.StatusCode, refusal.code), refusal.message
                )

        return wrapped

    def predict(request):
        spec = request.model_spec
        outputs = backend.predict(
            spec.name,
            spec.version.value,
            spec.signature_name,
            {k: tf.make_ndarray(v) for k, v in request.inputs.items()},
        )
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        if backend.answers_version:
            response.model_spec.version.value = backend.answers_version
        for key, value in outputs.items():
            if key in request.output_filter:
                response.outputs[key].CopyFrom(_as_field(value))
        return response

    def metadata(request):
        spec = request.model_spec
        backend.check_model(spec.name, spec.version.value)
        listed = get_model_metadata_pb2.SignatureDefMap()
        for name, (inputs, outputs) in backend.specs().items():
            entry = listed.signature_def[name]
            for key, tensor in inputs.items():
                entry.inputs[key].CopyFrom(info_of(tensor))
            for key, tensor in outputs.items():
                entry.outputs[key].CopyFrom(info_of(tensor))
        packed = any_pb2.Any()
        packed.Pack(listed)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.CopyFrom(spec)
        response.metadata["signature_def"].CopyFrom(packed)
        return response

    def status(request):
        backend.check_model(request.model_spec.name, 0)
        response = get_model_status_pb2.GetModelStatusResponse()
        kind = get_model_status_pb2.ModelVersionStatus
        for version, state in backend.states.items():
            response.model_version_status.add(
                version=version, state=getattr(kind, state)
            )
        return response

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        Predict = answering(predict)
        GetModelMetadata = answering(metadata)

    class Status(model_service_pb2_grpc.ModelServiceServicer):
        GetModelStatus = answering(status)

    def add_to(server):
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            Prediction(), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            Status(), server
        )

    return add_to


def _as_field(array):
    """As the C++ server answers: a list of numbers, not bytes."""
    import tensorflow as tf

    proto = tf.make_tensor_proto(array)
    content = np.asarray(array)
    if proto.tensor_content:
        proto.ClearField("tensor_content")
        name = "float_val" if content.dtype.kind == "f" else "int_val"
        getattr(proto, name).extend(content.ravel().tolist())
    return proto


@pytest.fixture
def serve_grpc():
    """Puts a backend on a port: (backend, certificates) -> HOST:PORT."""
    pytest.importorskip("tensorflow_serving", reason="the real messages")
    import grpc

    servers = []

    def serve(backend, tls=None):
        server = grpc.server(
            futures.ThreadPoolExecutor(4),
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        _servicers(backend)(server)
        if tls is None:
            port = server.add_insecure_port("localhost:0")
        else:
            credentials = grpc.ssl_server_credentials(
                [(tls.key.read_bytes(), tls.certificate.read_bytes())]
            )
            port = server.add_secure_port("localhost:0", credentials)
        server.start()
        servers.append(server)
        return f"localhost:{port}"

    yield serve
    for server in servers:
        server.stop(0).wait(5)


class _RestHandler(http.server.BaseHTTPRequestHandler):
    backend = None

    def log_message(self, *_):
        """Keeps quiet."""

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._predict)

    def _model(self):
        path, _, verb = self.path.partition(":")
        parts = path.split("/")
        version = int(parts[5]) if len(parts) > 5 else 0
        self.backend.check_model(parts[3], version)
        return parts[3], version, verb or parts[-1]

    def _get(self):
        _, version, last = self._model()
        if last != "metadata":
            return {
                "model_version_status": [
                    {
                        "version": str(version),
                        "state": state,
                        "status": {"error_code": "OK", "error_message": ""},
                    }
                    for version, state in self.backend.states.items()
                ]
            }
        listed = {
            name: {
                "inputs": {k: _info(v) for k, v in inputs.items()},
                "outputs": {k: _info(v) for k, v in outputs.items()},
                "method_name": "tensorflow/serving/predict",
            }
            for name, (inputs, outputs) in self.backend.specs().items()
        }
        return {
            "model_spec": {"name": "wmh", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": listed}},
        }

    def _predict(self):
        name, version, verb = self._model()
        assert verb == "predict"
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))
        outputs = self.backend.predict(
            name, version, request["signature_name"], request["inputs"]
        )
        listed = {
            key: [text.decode() for text in value]
            if value.dtype == object
            else value.tolist()
            for key, value in outputs.items()
        }
        if len(listed) == 1:
            (listed,) = listed.values()
        return {"outputs": listed}

    def _answer(self, ask):
        self.backend.tokens += [self.headers["Authorization"]]
        try:
            status, answer, headers = 200, ask(), {}
        except Refusal as refusal:
            status, headers = HTTP_STATUS[refusal.code], refusal.headers
            answer = {"error": refusal.message}
        content = json.dumps(answer).encode()
        try:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # the client has gone
            pass


def _info(spec):
    sizes = [-1 if size is None else size for size in spec.shape]
    return {
        "dtype": {
            "float32": "DT_FLOAT",
            "int32": "DT_INT32",
            "uint8": "DT_UINT8",
            "string": "DT_STRING",
        }[spec.dtype.name],
        "tensor_shape": {
            "dim": [{"size": str(size), "name": ""} for size in sizes],
            "unknown_rank": False,
        },
        "name": "x",
    }


@pytest.fixture
def serve_rest():
    """Puts a backend on a port: (backend, certificates) -> HOST:PORT."""
    servers = []

    def serve(backend, tls=None):
        handler = type("Handler", (_RestHandler,), {"backend": backend})
        server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
        server.handle_error = lambda *_: None
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"localhost:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(params=["grpc", "rest"])
def protocol(request):
    return request.param


@pytest.fixture
def serve(protocol, request):
    """Puts a backend on a port, over either protocol."""
    return request.getfixturevalue(f"serve_{protocol}")


class Cutter:
    """Forwards connections, and cuts them after so many bytes of answers."""

    def __init__(self, target, allowed, cuts):
        host, _, port = target.rpartition(":")
        self._target, self._allowed, self.cuts = (
            (host, int(port)),
            allowed,
            cuts,
        )
        self._listener = socket.create_server(("localhost", 0))
        self.address = f"localhost:{self._listener.getsockname()[1]}"
        self._ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._ends += [client, server]
            for source, sink, is_answer in (
                (client, server, False),
                (server, client, True),
            ):
                threading.Thread(
                    target=self._pump,
                    args=(source, sink, is_answer),
                    daemon=True,
                ).start()

    def _pump(self, source, sink, is_answer):
        passed = 0
        try:
            while data := source.recv(1024):
                passed += len(data)
                if is_answer and passed > self._allowed and self.cuts > 0:
                    self.cuts -= 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        for end in (self._listener, *self._ends):
            end.close()


@pytest.fixture
def cut():
    """Makes a Cutter: (HOST:PORT, allowed bytes, number of cuts)."""
    made = []

    def make(target, allowed, cuts):
        made.append(Cutter(target, allowed, cuts))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def unused_address():
    with socket.create_server(("localhost", 0)) as listener:
        port = listener.getsockname()[1]
    return f"localhost:{port}"


class Certificates:
    """A certificate for localhost that has signed itself, and its key."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-days", "2",
                "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def refusal():
    """Makes a fault that answers with a gRPC status: (code, message)."""

    def make(code, message="because", headers=()):
        def refuse():
            raise Refusal(code, message, headers)

        return refuse

    return make


@pytest.fixture
def slow():
    """Makes a fault that waits: (seconds)."""
    return lambda seconds: lambda: time.sleep(seconds)
